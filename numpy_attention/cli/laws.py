"""numpy-attention laws [N]: the laws of attention, to be read."""

import argparse

from ..check.laws.laws import LAWS


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Name the command and its options."""
    parser = subparsers.add_parser(
        "laws",
        help="print the laws that every right attention obeys",
        description="Print the numbered laws of attention, each with its statement, proof and domain: "
        "what numpy_attention.laws holds arrays against.",
        allow_abbrev=False,
    )
    parser.add_argument("number", nargs="?", type=int, metavar="N", help="one law; all of them if left out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one law, or all."""
    if args.number is not None and args.number not in LAWS:
        raise ValueError(f"there is no law {args.number}; they are numbered from {min(LAWS)} to {max(LAWS)}")
    chosen = LAWS.values() if args.number is None else [LAWS[args.number]]
    print("\n\n".join(map(str, chosen)))
    return 0
