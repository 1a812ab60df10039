"""numpy-attention predict: write a kept run's predictions and attention weights for new examples as CSV.

With --text, print what the model of a task of words makes of it, or write how that of say-digits says it as a
WAV file; with --wav, print what words a recording has.
"""

import argparse
import csv
import sys
from typing import Any, cast

from ..files import refuse_overwriting, write_csv
from ..tasks import TASKS
from ..tasks.classification.comparison import LEARNED, models_of
from ..tasks.classification.evaluation import Predictions, predict, probabilities
from ..tasks.classification.report import prepare_examples
from ..tasks.run_data import from_file
from ..tasks.sounds.spectrogram import RATE
from ..tasks.sounds.wav import write_wav
from ..training.run import Run
from ..training.run_folder import own_files, read_run


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("folder", metavar="DIR", help="the run folder, train's --out")
    files = parser.add_mutually_exclusive_group(required=True)
    files.add_argument("--csv", metavar="FILE", help="a table with the same columns; labels are optional")
    files.add_argument("--npz", metavar="FILE", help="sequences of the same form; y is optional")
    texts, wavs = f"with {tasks_that('translate', 'speak')}", f"with {tasks_that('heard')}"
    files.add_argument("--text", metavar="STRING", help=f"{texts}: a text of your own")
    files.add_argument("--wav", metavar="FILE", help=f"{wavs}: a recording of your own")
    parser.add_argument("--speaker", metavar="NAME", help=f"with {tasks_that('speak')}: who says the text")
    parser.add_argument("--out", metavar="FILE.csv", help="write to this file; FILE.wav where a text is said")
    parser.add_argument("--delimiter", metavar="CHAR", help="with --csv: the separator (default: the run's)")
    parser.add_argument("--decimal", metavar="CHAR", help="with --csv: . or , (default: the run's)")


def tasks_that(*abilities: str) -> str:
    """The names of the tasks that have one of these functions."""
    able = (name for name, task in TASKS.items() if any(getattr(task, each, None) for each in abilities))
    return ", ".join(able)


def run(args: argparse.Namespace) -> int:
    """Predict every example, and print the table or write it."""
    kept = read_run(args.folder, TASKS)
    speaks = args.text is not None and getattr(kept.task, "speak", None) is not None
    if args.speaker is not None and not speaks:
        raise ValueError("--speaker belongs to --text STRING of a task that speaks; leave it out")
    if speaks:
        print(spoken(kept, args))
        return 0
    if args.text is not None or args.wav is not None:
        print(prediction(kept, args))
        return 0
    if args.out is not None:
        read = (args.csv, args.npz, kept.settings.data_file, *own_files(args.folder))
        refuse_overwriting([args.out], read)
    examples = from_file(kept, args.csv, args.npz, args.delimiter, args.decimal, labelled=False)
    data = prepare_examples(kept, examples)
    predictions = predict(models_of(kept)[LEARNED], kept.params, data.test)
    header, rows = table(kept, predictions)
    if args.out is not None:
        write_csv(args.out, header, rows)
    else:
        csv.writer(sys.stdout, lineterminator="\n").writerows([header, *rows])
    return 0


def prediction(kept: Run, args: argparse.Namespace) -> str:
    """What the model makes of a text or a recording."""
    name, what, metavar = ("wav", "recording", "FILE") if args.text is None else ("text", "text", "STRING")
    read = getattr(kept.task, "translate" if name == "text" else "heard", None)
    if read is None:
        raise ValueError(f"--{name}: the run's task, {kept.settings.task}, reads no {what} of your own")
    refuse_others(args, f"--{name} {metavar}", "out", "delimiter", "decimal")
    return str(read(kept, getattr(args, name)))


def spoken(kept: Run, args: argparse.Namespace) -> str:
    """A line about the WAV file in which the model says a text."""
    refuse_others(args, "--text STRING", "delimiter", "decimal")
    if args.out is None or not args.out.lower().endswith(".wav"):
        came = "is missing" if args.out is None else f"is {args.out}"
        raise ValueError(f"--out {came}; FILE.wav is expected: the run's task, {kept.settings.task}, speaks")
    refuse_overwriting([args.out], own_files(args.folder))
    samples, speaker = cast(Any, kept.task).speak(kept, args.text, args.speaker)
    write_wav(args.out, samples)
    return f"{args.out}: {len(samples) / RATE:.2f} s, said by {speaker}"


def refuse_others(args: argparse.Namespace, beside: str, *names: str) -> None:
    """Raise ValueError if one of these options is given beside another."""
    for name in names:
        if getattr(args, name) is not None:
            raise ValueError(f"--{name} does not belong to {beside}; leave it out")


def table(kept: Run, predictions: Predictions) -> tuple[list[str], list[list[object]]]:
    """A row for each example: number, predicted class, probability of each class, attention weights."""
    _, heads, tokens = predictions.weights.shape
    classes = kept.facts.classes
    places = [(head, token) for head in range(1, heads + 1) for token in range(1, tokens + 1)]
    header = ["example", "predicted", *(f"probability of {name}" for name in classes)]
    header += [f"weight of token {token}" + f", head {head}" * (heads > 1) for head, token in places]
    shares = probabilities(predictions.logits)
    rows = [
        [number, classes[int(row.argmax())], *map(float, row), *map(float, weights.flat)]
        for number, (row, weights) in enumerate(zip(shares, predictions.weights, strict=True), 1)
    ]
    return header, rows
