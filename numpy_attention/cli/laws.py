"""numpy-attention laws [N]: print the laws of attention, with their proofs."""

import argparse

from ..check.laws.laws import LAWS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Print the numbered laws of attention, each with its statement, proof and domain; "
        "numpy_attention.laws checks arrays against them."
    )
    parser.add_argument("number", nargs="?", metavar="N", help="one law (default: all)")


def run(args: argparse.Namespace) -> int:
    """Print one law, or all."""
    laws = {str(number): law for number, law in LAWS.items()}
    if args.number is not None and args.number not in laws:
        raise ValueError(f"there is no law {args.number}; they are numbered from {min(LAWS)} to {max(LAWS)}")
    chosen = LAWS.values() if args.number is None else [laws[args.number]]
    print("\n\n".join(map(str, chosen)))
    return 0
