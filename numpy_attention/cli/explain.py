"""numpy-attention explain: print every number of attention, seven steps forward and backward."""

import argparse
import os
import shutil
from typing import Any

from ..check.faults import fault
from ..files import refuse_overwriting
from ..functional.scores.concat import ACTIVATIONS
from ..study.example import ALL_OPTIONS, SCORES, WalkExample, build_example
from ..study.fault_walk import walk_with_fault
from ..study.number_format import WIDTH
from ..study.page import page
from ..study.projection import MOST_HEADS
from ..study.tokens import MOST, read_tokens
from ..study.walk import walk
from .numbers import finite_number, whole_number

NARROWEST = 80

OPTIONAL = (
    ("softcap", "CAP", 2.0, "step 2: keep the scores within ±CAP"),
    ("sinks", "SCORE", 0.5, "step 5: add a sink, a column with this score and no value"),
    ("dropout", "RATE", 0.5, "step 6: drop weights with this probability"),
)

EPILOG = f"""
FILE.json holds the tokens, as in [[1, 0], [1, 2], [-1, 1]]: at most {MOST} of at most {MOST} numbers. Step 0
makes query, key and value of them; concat and location scores take them as they are. Or it holds an object:
{{"tokens": …, "memory": …, "W_Q": …, "W_K": …, "W_V": …}}, of which only tokens are needed, or {{"query": …,
"key": …, "value": …}}; and in both "d_out" and the score's parameters by name: "scale" of dot, "weight" of
general, concat and location, …
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--tokens", metavar="FILE.json", help="your own tokens (default: two queries, three keys)")
    add("--score", choices=tuple(SCORES), help="step 1 (default: dot)")
    add("--activation", choices=tuple(ACTIVATIONS), help="of the concat score (default: tanh)")
    add(
        "--causal",
        action=argparse.BooleanOptionalAction,
        help="step 4: mask later tokens (default: yes, unless there is a window, keys are other tokens, or "
        "the score is concat or location, whose formulas sum over all tokens)",
    )
    heads = whole_number(1, MOST_HEADS)
    add("--heads", type=heads, metavar="H", help="step 0: split query, key and value into H heads")
    add("--kv-heads", type=heads, metavar="G", help="key heads, shared by the H heads (default: H)")
    add("--cross", action="store_true", help="keys and values come from other tokens than queries")
    add(
        "--window",
        type=_window,
        metavar="LEFT[,RIGHT]",
        help="step 4: a query sees LEFT keys before its own and RIGHT after it (default: 0)",
    )
    add(
        "--align",
        choices=("bottom_right", "top_left"),
        help="with --causal or --window, where queries and keys of your own differ in number: the queries "
        "are the last tokens, or the first",
    )
    for name, metavar, const, step in OPTIONAL:
        text = f"{step} ({const} without {metavar})"
        add(f"--{name}", nargs="?", type=finite_number, const=const, metavar=metavar, help=text)
    add("--bias", action="store_true", help="step 3: add a bias to the scores")
    add("--lse", action="store_true", help="the loss also depends on lse, as where parts are merged")
    add("--all-options", action="store_true", help="a second example: every option at once")
    add(
        "--break",
        dest="fault",
        metavar="FAULT",
        help="plant a fault, mark the numbers that it changes and name the laws that it breaks "
        "(`numpy-attention faults` lists all faults)",
    )
    add("--seed", type=whole_number(), metavar="N", help="seed of dropout (default: 0)")
    add("--html", metavar="FILE", help="write a page instead: forward beside backward, to break and to move")
    add("--text", metavar="TEXT", help="your own words through a language model: which earlier symbol each "
        "loss blames, by the model that ships or that of --run DIR")  # fmt: skip
    for name in ("layer", "head"):
        add(
            f"--{name}",
            type=whole_number(),
            metavar="N",
            help=f"with --text: the {name}, from 0 (default: 0)",
        )
    run_help = "with --html: a run of `train --out DIR`, replayed epoch by epoch; with --text: its model"
    add("--run", dest="folder", metavar="DIR", help=run_help)


def run(args: argparse.Namespace) -> int:
    """Print the page, or write it; return 1 if a number is wrong without a planted fault."""
    check_html(args)
    if args.text is not None:
        return explain_words(args)
    for name in ("layer", "head"):
        if getattr(args, name) is not None:
            raise ValueError(f"--{name} belongs to --text TEXT")
    tokens = None if args.tokens is None else read_tokens(args.tokens)
    try:
        options = example_options(args)
        planted = None if args.fault is None else fault(args.fault)
        problem = build_example(tokens, **options) if tokens or options or planted is None else None
        broken = None if planted is None else walk_with_fault(problem, planted)
        steps = broken.walk if broken else walk(problem or build_example())
    except ValueError as error:
        raise ValueError(f"{args.tokens}: {error}" if args.tokens else str(error)) from error
    if args.html is not None:
        return write_html(args, steps.example)
    columns = shutil.get_terminal_size((WIDTH, 0)).columns
    print(*page(steps, min(max(columns, NARROWEST), WIDTH), broken), sep="\n")
    return 0 if steps.ok or broken else 1


def check_html(args: argparse.Namespace) -> None:
    """Raise ValueError for a --html that cannot be written, or a --run without it."""
    if args.html is None:
        if args.folder is not None and args.text is None:
            raise ValueError("--run belongs to --html FILE or --text TEXT")
        return
    if not args.html:
        raise ValueError("--html is empty; the name of a file is expected")
    if os.path.isdir(args.html):
        raise ValueError(f"{args.html} is a folder; --html takes a file")
    folder = os.path.dirname(os.path.abspath(args.html))
    if not os.path.isdir(folder):
        raise ValueError(f"{folder} is not a folder, so {args.html} cannot be written")
    read = [args.tokens]
    if args.folder is not None:
        from ..training.run_folder import own_files

        read += own_files(args.folder)
    refuse_overwriting([args.html], read)


def write_html(args: argparse.Namespace, example: WalkExample) -> int:
    """Write the page, open at the planted fault if there is one."""
    from ..study.web.explanation import explain_example

    run = None
    if args.folder is not None:
        from ..study.web.replay import replay

        run = replay(args.folder)
    explain_example(example, run, args.fault).save(args.html)
    print(f"{args.html}: {os.path.getsize(args.html):,} bytes")
    return 0


def explain_words(args: argparse.Namespace) -> int:
    """Print what the losses of a text blame, or write the page; return 1 if a law or gradient is wrong."""
    from ..study.web.words import words_explanation
    from ..study.words import blame
    from ..study.words_page import words_page
    from ..tasks.writing import language_model

    others = {"tokens": args.tokens, "break": args.fault, "all-options": args.all_options or None}
    for name, given in {**others, **example_options(args)}.items():
        if given is not None:
            raise ValueError(f"--{name.replace('_', '-')} does not belong to --text TEXT; leave it out")
    model, params, vocabulary = language_model(args.folder)
    ids = vocabulary.encode(args.text)
    found = blame(model, params, ids, args.layer or 0, args.head or 0)
    symbols = [vocabulary.symbols[place] for place in ids]
    if args.html is not None:
        words_explanation(found, symbols).save(args.html)
        print(f"{args.html}: {os.path.getsize(args.html):,} bytes")
    else:
        print(*words_page(found, symbols), sep="\n")
    return 0 if found.ok else 1


def example_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of `build_example` that were given."""
    names = ("score", "activation", "heads", "kv_heads", "cross", "causal", "window", "align", "softcap",
             "bias", "sinks", "dropout", "lse", "seed")  # fmt: skip
    given = {name: getattr(args, name) for name in names}
    given = {name: x for name, x in given.items() if x is not None and (x is not False or name == "causal")}
    return {**ALL_OPTIONS, **given} if args.all_options else given


def _window(text: str) -> tuple[int, int]:
    """The keys that a query sees on each side besides its own."""
    words = text.split(",")
    if len(words) > 2 or not all(word.strip().isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"it is {text!r}; LEFT or LEFT,RIGHT, whole numbers, is expected")
    return int(words[0]), int(words[1]) if len(words) > 1 else 0
