"""Grade every submission of a folder, whatever else lies in it, one after another."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...check.cases.compare import FAIL
from .catalogue import exercise_of
from .exercise import Grade
from .grading import NOT_GRADED, TIMEOUT, grade_function
from .look import grade_answers

HEADER = ("file", "exercise", "outcome", "reason", "kind", "mistake", "seconds")
IGNORED = ("__pycache__",)


class Row(NamedTuple):
    """The grade of a file of a folder; `exercise` is "" for a file that is no submission."""

    file: str
    grade: Grade

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of its line, as in HEADER."""
        g = self.grade
        return self.file, g.exercise, g.outcome, g.reason, g.kind, g.mistake, f"{g.seconds:.1f}"


def grade_file(path: str | Path, timeout: float = TIMEOUT) -> Grade:
    """The grade of a file: a function in Python, or answers in JSON."""
    return grade_answers(path) if Path(path).suffix == ".json" else grade_function(path, timeout=timeout)


def grade_folder(folder: str | Path, timeout: float = TIMEOUT) -> Iterator[Row]:
    """The grades of all files of a folder and of those in it, by name; no file ends the others.

    Raises
    ------
    ValueError, OSError
        If there is no such folder.
    """
    if not Path(folder).is_dir():
        raise NotADirectoryError(20, "a folder of submissions is expected", str(folder))
    for path in sorted(Path(folder).rglob("*")):
        parts = path.relative_to(folder).parts
        if not path.is_file() or any(part in IGNORED or part.startswith(".") for part in parts):
            continue
        yield Row("/".join(parts), _graded(path, timeout))


def _graded(path: Path, timeout: float) -> Grade:
    if path.suffix not in (".py", ".json"):
        return Grade("", NOT_GRADED, "no submission: a .py or .json file is expected")
    try:
        return grade_file(path, timeout)
    except (ValueError, OSError) as error:
        return Grade("", NOT_GRADED, " ".join(str(error).split()))
    except Exception as error:  # ours, not the learner's: the others are graded all the same
        name = exercise_of(path).name if path.suffix == ".py" else ""
        return Grade(name, NOT_GRADED, f"the grading failed: {type(error).__name__}: {error}")


def csv_line(cells: tuple[str, ...]) -> str:
    """A line of CSV; a cell that a spreadsheet would compute begins with a quote instead."""
    text = io.StringIO()
    safe = [f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in cells]
    csv.writer(text, lineterminator="").writerow(safe)
    return text.getvalue()


def summary(rows: list[Row]) -> str:
    """The number of each outcome in a sentence."""
    submitted = [row.grade for row in rows if row.grade.exercise]
    counts = {outcome: sum(g.outcome == outcome for g in submitted) for outcome in ("PASS", FAIL, NOT_GRADED)}
    others = len(rows) - len(submitted)
    text = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) or "no submission"
    return text + (f"; {others} other file{'s' if others > 1 else ''}" if others else "")
