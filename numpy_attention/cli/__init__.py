"""The command line: numpy-attention COMMAND …, one file a command.

A command's file has `add_parser(subparsers)`, which names the command, its help and its options, and
`run(args)`, which returns the exit status: 0, or 1 where what was asked could be done and the answer is bad,
or 3 where it gives no answer.
What is asked wrongly raises ValueError or OSError with one sentence, and becomes status 2.
"""

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__

COMMANDS = ("list", "train", "eval", "predict", "explain", "gradcheck", "laws", "faults", "check")

BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


class Parser(argparse.ArgumentParser):
    """Refuses in one sentence, without the usage lines."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line, filled in by every command's file."""
    parser = Parser(
        prog="numpy-attention",
        description="Attention in NumPy: every step forward, and backward by hand.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"{__name__}.{name}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv
        The words after the program's name; those of the process if None.

    Returns
    -------
    int
        The exit status: 0 done; 1 done, and the answer is bad; 2 asked wrongly; 3 no answer; 130 after
        Ctrl-C; 141 where whoever read the output stopped reading.
    """
    try:
        status = _run(argv)
        print(end="", flush=True)
        return status
    except KeyboardInterrupt as stopped:
        return _said(": ".join(("interrupted", *map(str, stopped.args))), INTERRUPTED)
    except BrokenPipeError:
        # Python flushes stdout once more when it ends: let it find a place to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        of = f"{error.filename}: " if error.filename else ""
        return _said(f"{of}{error.strerror or error}", BAD_INPUT)
    except (ValueError, MemoryError) as error:
        return _said(str(error), BAD_INPUT)


def _run(argv: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console without σ and ᵀ shows ? and goes on
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as leaving:  # after --help, or a refusal
        return int(leaving.code or 0)
    status: int = args.run(args)
    return status


def _said(sentence: str, status: int) -> int:
    print("numpy-attention:", *sentence.splitlines(), file=sys.stderr)
    return status
