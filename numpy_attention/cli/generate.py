"""numpy-attention generate: go on with a text, by the language model that ships, or by one of your own."""

import argparse
import sys

from ..tasks.writing import language_model, written
from .numbers import finite_number, positive_number, whole_number

TEMPERATURE = 0.8


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add = parser.add_argument
    add("--run", dest="folder", metavar="DIR", help="a run of `train --task text --out DIR`")
    add("--prompt", required=True, metavar="TEXT", help="the beginning; at least one character")
    add("--length", type=whole_number(), default=100, metavar="N", help="symbols to write (default: 100)")
    add(
        "--temperature",
        type=finite_number,
        metavar="X",
        help=f"below 1 sharpens the probabilities, 0 takes the likeliest (default: {TEMPERATURE})",
    )
    add("--top-k", type=whole_number(1), metavar="K", help="draw from the K likeliest symbols")
    add("--top-p", type=positive_number, metavar="P", help="draw from the fewest that have probability P")
    add("--min-p", type=finite_number, metavar="P", help="draw from those of P times the largest probability")
    add(
        "--repetition-penalty",
        type=positive_number,
        default=1.0,
        metavar="R",
        help="above 1 makes symbols that came before less likely",
    )
    add("--beams", type=whole_number(1), default=1, metavar="B", help="beam search: draws nothing")
    add("--seed", type=whole_number(), default=0, metavar="N", help="of the draws (default: 0)")
    add("--stop", metavar="TEXT", help="end before this text")


def run(args: argparse.Namespace) -> int:
    """Print the prompt and what follows, as it comes."""
    usual = 1.0 if args.beams > 1 else TEMPERATURE
    pieces = written(
        language_model(args.folder),
        args.prompt,
        args.length,
        stop=args.stop,
        temperature=usual if args.temperature is None else args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        min_p=args.min_p,
        repetition_penalty=args.repetition_penalty,
        beams=args.beams,
        seed=args.seed,
    )
    print(args.prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print(file=sys.stdout)
    return 0
