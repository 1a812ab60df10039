"""The command line, numpy-attention COMMAND …: one file for each command.

A command's file has its description on top, `add_options(parser)`, and `run(args)`, which returns the exit
status: 0 done or PASS, 1 a bad result or FAIL, 3 no conclusion. Wrong usage raises ValueError or OSError with
a one-line message and exits with status 2. Read `main` here, then any command. A command may import every
other part of the package, and is imported only if it is the one that is run; only `__main__` imports this
folder. `train_options` has the options of train, `numbers` reads the numbers of options, `outputs` checks
files to write, `workers` reaches dask for those that share work.
"""

import argparse
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from ..functional.base.wording import did_you_mean

COMMANDS = {
    "list": "list the tasks",
    "train": "train a model with attention and see where it looks",
    "eval": "print the held-out figures of a kept run",
    "predict": "print predictions and attention weights for new examples as CSV",
    "generate": "go on with a text, by a language model",
    "look": "look at the attention of a kept run, with its counter-tests",
    "explain": "print every number of attention, forward and backward",
    "gradcheck": "check every backward against its forward by the complex step",
    "laws": "print the laws that every correct attention obeys",
    "faults": "print the faults that the checks must catch",
    "check": "judge your own attention, forward and gradients",
    "scale": "time attention on dask workers",
    "exercise": "write attention's steps yourself, and be told what is wrong",
}
"""The commands, each with its line of the help."""

LONGEST = 2000
"""Characters of a message."""

BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports errors in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with status 2."""
        if choice := re.fullmatch(r"(.*): invalid choice: '(.*)' \(choose from (.*)\)", message):
            argument, word, known = choice.groups()
            near = did_you_mean(word, known.replace("'", "").split(", "))
            message = f"{argument} is {word!r}{near}; one of {known} is expected"
        message = re.sub(r"^argument (\S+?):? (it )?is ", r"\1 is ", message)
        self.exit(BAD_INPUT, f"{self.prog}: {shortened(message)}\n")


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line, with the options of every command, or of one alone."""
    parser = Parser(
        prog="numpy-attention",
        description="Attention in NumPy: every step forward, and backward by hand.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = subparsers.add_parser(name, help=text, allow_abbrev=False)
        command.set_defaults(command=command)
        if only in (None, name):
            module = importlib.import_module(f"{__name__}.{name}")
            command.description = module.__doc__
            module.add_options(command)
            command.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv
        The words after the program's name; `sys.argv[1:]` if None.

    Returns
    -------
    int
        The exit status: 0 done; 1 done, with a bad result; 2 wrong usage; 3 no conclusion; 130 after Ctrl-C;
        141 if the reader of the output closed the pipe.
    """
    try:
        status = _run(argv)
        print(end="", flush=True)
        return status
    except KeyboardInterrupt as interrupt:
        return _report(": ".join(("interrupted", *map(str, interrupt.args))), INTERRUPTED)
    except BrokenPipeError:
        # Python flushes stdout again at exit: give it a file that still accepts output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        file = "the output" if error.filename is None else error.filename
        return _report(f"{file}: {error.strerror or error}", BAD_INPUT)
    except (ValueError, MemoryError) as error:
        return _report(str(error), BAD_INPUT)


def _run(argv: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that lacks σ or ᵀ shows ?
    try:
        words = sys.argv[1:] if argv is None else argv
        named = next((word for word in words if not word.startswith("-")), "")
        args, unknown = build_parser(named).parse_known_args(words)
        if unknown:
            refuse_unknown(args.command, unknown[0])
    except SystemExit as ending:  # after --help, --version or an error
        return int(ending.code or 0)
    status: int = args.run(args)
    return status


def refuse_unknown(command: argparse.ArgumentParser, word: str) -> NoReturn:
    """Exit with a message that names the option most like an unknown one."""
    if not word.startswith("-"):
        command.error(f"{word} is not expected here")
    options = re.findall(r"--[a-z][a-z-]*", command.format_help())
    command.error(f"there is no option {word}{did_you_mean(word.partition('=')[0], options)}")


def shortened(message: str) -> str:
    """The message, very long words and a very long whole shortened in their middle."""
    words = re.sub(r"(\S{120})\S+(\S{120})", r"\1…\2", message)
    return words if len(words) <= LONGEST else f"{words[: LONGEST // 2]} … {words[-LONGEST // 2 :]}"


def _report(message: str, status: int) -> int:
    print("numpy-attention:", *shortened(message).splitlines(), file=sys.stderr)
    return status
