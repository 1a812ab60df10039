"""numpy-attention faults [NAME]: print the planted faults, known mistakes in attention and around it."""

import argparse
import inspect
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

WIDTH = 96
LONGEST = 100
INDENT = "    "


PACKAGE = Path(__file__).parents[1]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Print the planted faults by family, with the laws that catch each; or one of them with "
        "its source, the inputs and dtypes that reveal it, and the checks that catch it."
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one fault (default: all)")


def run(args: argparse.Namespace) -> int:
    """Print one fault, or all."""
    print(*(_all() if args.name is None else _one(args.name)), sep="\n")
    return 0


def _all() -> Iterator[str]:
    from ..check.faults import FAULTS
    from ..check.faults.law_matrix import BROKEN_LAWS
    from ..study.fault_examples import not_shown_because

    for family, faults in groupby(FAULTS, key=lambda fault: fault.family):
        yield family
        for fault in faults:
            yield f"  {fault.name}"
            yield from _wrapped(fault.statement)
            if fault.concerns_laws:
                yield from _wrapped(_by_laws(BROKEN_LAWS.get(fault.name, ())))
            if reason := not_shown_because(fault):
                yield from _wrapped(f"explain cannot show it: {reason}")
        yield ""
    shown = sum(not not_shown_because(fault) for fault in FAULTS)
    yield f"{len(FAULTS)} faults. `numpy-attention faults NAME` prints one with its source."
    yield f"`numpy-attention explain --break NAME` shows {shown} of them in every number of attention; of the"
    yield "others the list says why it cannot."


def _one(name: str) -> Iterator[str]:
    from ..check.faults import fault
    from ..check.faults.detection import detect
    from ..study.fault_examples import not_shown_because

    known = fault(name)
    file = Path(inspect.getsourcefile(known.function) or "")
    checks = detect(known)
    yield from (f"{known.name}, a fault of {known.family}", "", *_wrapped(known.statement))
    if known.remark:
        yield from _wrapped(known.remark)
    yield ""
    yield from _item("rule", known.rule)
    yield from _item("shows", known.shows_where)
    yield from _item("dtypes", ", ".join(known.dtypes))
    if known.concerns_laws:
        yield from _item("laws", _by_laws(checks.laws))
    yield from _item(
        "gradcheck", _by_gradcheck(checks.derivative, checks.memory, known.pair.backward is None)
    )
    yield from _item("reference", "catches it: numbers are wrong" if checks.numbers else "misses it")
    reason = not_shown_because(known)
    yield from _item("explain", f"cannot show it: {reason}" if reason else f"explain --break {name} shows it")
    yield from ("", f"{file.relative_to(PACKAGE).as_posix()}:", "")
    for line in known.source.splitlines():
        yield from _source_line(line)


def _by_laws(laws: tuple[int, ...]) -> str:
    if not laws:
        return "caught by no law"
    return f"caught by law{'s' if len(laws) > 1 else ''} {', '.join(map(str, laws))}"


def _by_gradcheck(derivative: bool, memory: bool, no_backward: bool) -> str:
    if no_backward:
        return "does not apply: there is no backward"
    reasons = ["backward is not the derivative of forward"] * derivative
    reasons += ["a call changes an array of its caller"] * memory
    if not reasons:
        return "misses it: backward is the derivative of a wrong forward"
    return f"catches it: {', and '.join(reasons)}"


def _source_line(line: str) -> list[str]:
    """A line of source, its rest below it if it is long."""
    start = INDENT + " " * (len(line) - len(line.lstrip()))
    further = start + INDENT * 2
    return textwrap.wrap(line.strip(), LONGEST, initial_indent=start, subsequent_indent=further) or [""]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _item(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{INDENT}{name:<11}", subsequent_indent=" " * 15)
