"""numpy-attention explain: print every number of attention, seven steps forward and backward."""

import argparse
import shutil

from ..check.faults import fault
from ..functional.scores.concat import ACTIVATIONS
from ..study.example import SCORES, build_example
from ..study.fault_walk import walk_with_fault
from ..study.number_format import WIDTH
from ..study.page import page
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
FILE.json holds the tokens, as in [[1, 0], [1, 2], [-1, 1]]: at most {MOST} of at most {MOST} numbers, used as
query, key and value; or {{"query": …, "key": …, "value": …}}. An object may also hold "d_out" and the score's
parameters by name: "scale" of dot, "weight" of general, concat and location, …
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser(
        "explain",
        help="print every number of attention, forward and backward",
        description=__doc__,
        epilog=EPILOG,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--tokens", metavar="FILE.json", help="your own tokens (default: three tokens of width two)")
    add("--score", choices=tuple(SCORES), default="dot", help="step 1 (default: dot)")
    add("--activation", choices=tuple(ACTIVATIONS), help="of the concat score (default: tanh)")
    add(
        "--causal",
        action=argparse.BooleanOptionalAction,
        help="step 4: mask later tokens (default: yes, except for concat and location, whose formulas sum "
        "over all tokens)",
    )
    for name, metavar, const, step in OPTIONAL:
        text = f"{step} ({const} without {metavar})"
        add(f"--{name}", nargs="?", type=finite_number, const=const, metavar=metavar, help=text)
    add("--bias", action="store_true", help="step 3: add a bias to the scores")
    add(
        "--break",
        dest="fault",
        metavar="FAULT",
        help="plant a fault, mark the numbers that it changes and name the laws that it breaks "
        "(`numpy-attention faults` lists all faults)",
    )
    add("--seed", type=whole_number(), default=0, metavar="N", help="seed of dropout (default: 0)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the page; return 1 if a number is wrong without a planted fault."""
    tokens = None if args.tokens is None else read_tokens(args.tokens)
    try:
        problem = build_example(
            tokens, score=args.score, activation=args.activation, causal=args.causal, softcap=args.softcap,
            bias=args.bias, sinks=args.sinks, dropout=args.dropout, seed=args.seed,
        )  # fmt: skip
        broken = None if args.fault is None else walk_with_fault(problem, fault(args.fault))
        steps = walk(problem) if broken is None else broken.walk
    except ValueError as error:
        raise ValueError(f"{args.tokens}: {error}" if args.tokens else str(error)) from error
    columns = shutil.get_terminal_size((WIDTH, 0)).columns
    print(*page(steps, min(max(columns, NARROWEST), WIDTH), broken), sep="\n")
    return 0 if steps.ok or broken else 1
