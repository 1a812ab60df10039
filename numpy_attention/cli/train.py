"""numpy-attention train: train a classifier, see the loss fall, and see where it looks."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from numpy_attention.tasks import TASKS, load, runs
from numpy_attention.tasks.cleaning import Prepared
from numpy_attention.tasks.model import AttentionClassifier
from numpy_attention.tasks.report import held_out, steps, told
from numpy_attention.tasks.scoring import SCORES
from numpy_attention.tasks.settings import Settings, checked
from numpy_attention.tasks.training import Epoch, NotFinite, train

HELP = {
    "task": "what to learn",
    "score": "how a token is scored",
    "heads": "how many ways to score the tokens",
    "hidden_dim": "features a token",
    "epochs": "rounds through the training part",
    "lr": "Adam's learning rate",
    "batch_size": "examples a step",
    "seed": "decides everything that is drawn",
}
CHOICES = {"task": tuple(TASKS), "score": tuple(SCORES)}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Name the command and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train an attention classifier and see where it looks",
        description=__doc__,
        allow_abbrev=False,
    )
    default = Settings()
    for name, meaning in HELP.items():
        value = getattr(default, name)
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=type(value),
            default=value,
            choices=CHOICES.get(name),
            metavar=None if name in CHOICES else "X" if name == "lr" else "N",
            help=f"{meaning} (default: {value})",
        )
    parser.add_argument(
        "--out", metavar="DIR", help="keep the run in this folder; replaces a run that is there"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train the model and its twin with uniform weights side by side; print, and keep what is asked."""
    settings = checked(Settings(**{name: getattr(args, name) for name in Settings._fields}))
    out = None if args.out is None else runs.admit(args.out)
    data = load(settings.task, seed=settings.seed)
    if settings.batch_size > len(data.train.y):
        raise ValueError(
            f"batch_size is {settings.batch_size}; at most {len(data.train.y)}, the training "
            "examples there are, is expected"
        )
    learned, uniform = runs.models(settings, data.train.x.shape[-1])
    print(*steps(settings, data, learned), "", sep="\n")
    history: list[tuple[int, float, float]] = []
    try:
        for ours, theirs in zip(
            epochs(learned, data, settings), epochs(uniform, data, settings), strict=True
        ):
            kept = runs.Run(settings, data.normalisation, ours.params, theirs.params)
            so_far = [*history, (ours.number, ours.loss, theirs.loss)]
            if out is not None:
                runs.keep(out, kept, so_far)
            history = so_far
            print(f"Epoch [{ours.number}/{settings.epochs}], Loss: {told(ours.loss)}", flush=True)
    except NotFinite as error:
        print(f"numpy-attention: {error}; {what_is_kept(out, history)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what_is_kept(out, history)) from None
    print("", *held_out(kept, data), sep="\n")
    return 0


def epochs(model: AttentionClassifier, data: Prepared, settings: Settings) -> Iterator[Epoch]:
    """The epochs of one of the two models."""
    return train(
        model,
        data.train,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        lr=settings.lr,
        seed=settings.seed,
    )


def what_is_kept(out: Path | None, history: Sequence[tuple[int, float, float]]) -> str:
    """What a run that ended early leaves behind, and where."""
    if out is None:
        return "nothing is kept, for no --out was given"
    if not history:
        return "nothing is kept, for no epoch was complete"
    return f"epoch {history[-1][0]} is kept in {out}"
