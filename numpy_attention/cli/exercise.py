"""numpy-attention exercise list|start|check|report: attention written by the learner, graded with hints."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from .numbers import positive_number, whole_number

STATUS = {"PASS": 0, "FAIL": 1, "NOT GRADED": 3}
"""Exit status by outcome."""

MOST_HINTS = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its own commands."""
    own = parser.add_subparsers(title="commands", metavar="list|start|check|report", required=True)

    def command(name: str, chosen: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        found: argparse.ArgumentParser = own.add_parser(
            name, allow_abbrev=False, help=text, description=text + "."
        )
        found.set_defaults(chosen=chosen, command=found)
        return found

    command("list", _list, "print all exercises")
    start = command("start", _start, "write the file to start from; no file is overwritten")
    start.add_argument("name", metavar="NAME", help="an exercise of the list")
    start.add_argument("--out", metavar="DIR", default=".", help="where to write it (default: here)")
    start.add_argument("--student", metavar="NAME", help="whose numbers to draw, for predict and hunt")
    check = command("check", _check, "grade a file; exit status 0 PASS, 1 FAIL, 3 not graded")
    check.add_argument("file", metavar="FILE", help="a function in .py, or answers in .json")
    check.add_argument(
        "--hint", type=whole_number(1, MOST_HINTS), default=0, metavar="N",
        help="1: where, with the smallest failing case; 2: and the kind of mistake; 3: and it in words",
    )  # fmt: skip
    report = command("report", _report, "grade a folder of files into CSV")
    report.add_argument("folder", metavar="FOLDER", help="the folder; folders in it are searched, too")
    report.add_argument("--out", metavar="FILE", help="the CSV file (default: it is printed)")
    for each in (check, report):
        each.add_argument(
            "--timeout",
            type=positive_number,
            default=10.0,
            metavar="SECONDS",
            help="for one file (default: 10)",
        )


def run(args: argparse.Namespace) -> int:
    """Run the chosen one of its own commands."""
    chosen: Callable[[argparse.Namespace], int] = args.chosen
    return chosen(args)


def _list(args: argparse.Namespace) -> int:
    from ..study.exercises.catalogue import SETS
    from ..study.exercises.look import LOOK, MINUTES

    rows = [
        (name, [(each.name, each.minutes, each.title) for each in exercises])
        for name, exercises in SETS.items()
    ]
    rows.append(("look", [(name, MINUTES[name], text) for name, text in LOOK.items()]))
    for name, exercises in rows:
        print(name)
        for exercise, minutes, title in exercises:
            print(f"  {exercise:<19} {minutes:>2} min  {title}")
    print("\n`numpy-attention exercise start NAME` writes what to start from.")
    return 0


def _start(args: argparse.Namespace) -> int:
    from ..study.exercises.catalogue import EXERCISES, exercise
    from ..study.exercises.look import LOOK, start
    from ..study.exercises.stub import stub, write_new

    if args.name in LOOK:
        if not args.student:
            raise ValueError(f"{args.name} draws its numbers for a student: add --student NAME")
        file, text = f"{args.name}.json", start(args.name, args.student)
    else:
        if args.name not in EXERCISES and args.name.replace("_", "-") in EXERCISES:
            args.name = args.name.replace("_", "-")
        asked = exercise(args.name)
        if args.student:
            raise ValueError(f"--student is for {' and '.join(LOOK)}; {args.name} is the same for all")
        file, text = f"{asked.function}.py", stub(asked)
    path = Path(args.out) / file
    write_new(path, text)
    print(f"{path} is written; grade it with `numpy-attention exercise check {path}`")
    return 0


def _check(args: argparse.Namespace) -> int:
    from ..study.exercises.folder import grade_file

    grade = grade_file(args.file, args.timeout)
    print(f"{grade.exercise}: {grade.outcome}: {grade.reason}")
    for number, lines in enumerate(grade.hints[: args.hint], 1):
        print(f"\nhint {number}", *lines, sep="\n")
    if len(grade.hints) > args.hint:
        print(f"`--hint {args.hint + 1}` says more")
    return STATUS[grade.outcome]


def _report(args: argparse.Namespace) -> int:
    from ..files import write_csv
    from ..study.exercises.folder import HEADER, csv_line, grade_folder, summary

    rows = []
    if args.out is None:
        print(csv_line(HEADER))
    for row in grade_folder(args.folder, args.timeout):
        rows.append(row)
        if args.out is None:
            print(csv_line(row.cells), flush=True)
    if args.out is not None:
        write_csv(args.out, HEADER, [row.cells for row in rows])
    print(summary(rows), file=sys.stderr)
    return 0
