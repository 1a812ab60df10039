"""Grade a learner's file: every number under its bound, the complex step, and planted mistakes first.

A submission passes only if the very cases that it is graded on catch every planted fault, and every mistake
made from the textbook solution, that changes a result at all.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...check.cases.compare import FAIL, PASS
from ...check.outside.explaining import plant_each
from ...check.outside.outcome import JudgedCase, outcome_of
from ...check.referee.control import Control
from ...functional.base.wording import counted
from ..derivatives import derivative
from .catalogue import exercise_of
from .diagnosis import Diagnosis, diagnose, planted_mistakes, wrong_tensors
from .exercise import FLOAT64, Exercise, Grade, draw
from .hints import UNKNOWN, cause, hints, kind_of
from .submission import Answer, answers_of
from .surface import with_results
from .variations import Workbook

NOT_GRADED = "NOT GRADED"
TIMEOUT = 10.0
"""Seconds for all calls of a submission."""


def grade_function(path: str | Path, *, timeout: float = TIMEOUT) -> Grade:
    """The grade of a file with the function of an exercise; it is run in a process of its own.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read, or holds the function of no exercise.
    """
    started = time.monotonic()
    asked = exercise_of(Path(path))
    cases = draw(asked)
    calls = [case.call.arguments for case in cases]
    found = answers_of(str(path), asked.function, [*asked.results], calls, timeout)
    grade = grade_of(asked, cases, found.answers, found.end)
    return grade._replace(seconds=time.monotonic() - started)


def grade_of(asked: Exercise, cases: list[JudgedCase], answers: list[Answer], end: str) -> Grade:
    """The grade of the answers to the cases; the first one is given again at the end."""
    if any(answer.unwritten for answer in answers):
        return Grade(asked.name, FAIL, f"{asked.function} is not written yet: it raises NotImplementedError")
    judged = [judge(case, answer) for case, answer in zip(cases, answers, strict=False)]
    problems = [problem for case in judged for problem in case.problems]
    if len(answers) > len(cases) and not _same(answers[0], answers[-1]):
        problems.append("gives another answer to the same call later: it keeps a state")
    if end:
        problems.append(end)
    workbook = Workbook(asked, cases)
    if problems or wrong_tensors(judged):
        diagnosis = diagnose(asked, workbook, judged)
        if problems and not diagnosis.sentence:
            diagnosis = Diagnosis(kind_of(problems[0]), cause(problems[0]))
        elif more := _beside(judged):
            diagnosis = diagnosis._replace(sentence=f"{diagnosis.sentence or UNKNOWN} {' '.join(more)}")
        reason = _reason(judged, list(dict.fromkeys(problems)), len(cases))
        lines = hints(asked, judged, problems, diagnosis)
        return Grade(asked.name, FAIL, reason, lines, diagnosis.kind, diagnosis.sentence)
    return passed(asked, workbook, judged)


def judge(case: JudgedCase, answer: Answer) -> JudgedCase:
    """A case with the verdicts on an answer."""
    problems = (*([answer.failure] if answer.failure else []), *answer.problems)
    return with_results(case, answer.results)._replace(problems=problems, warned=answer.warned)


def passed(asked: Exercise, workbook: Workbook, judged: Sequence[JudgedCase]) -> Grade:
    """PASS, unless the cases miss a planted mistake, or the complex step contradicts the answers."""
    largest_first = sorted(judged, key=lambda case: -sum(x.size for x in case.expected.values.values()))
    control = plant_each([*planted_mistakes(asked), *workbook.likely()], largest_first, FLOAT64)
    outcome, reason = outcome_of(judged, control if control.caught else Control(missed=("any mistake",)), {})
    if outcome != PASS:
        return Grade(asked.name, NOT_GRADED, reason)
    if wrong := contradicted(asked, judged):
        return Grade(
            asked.name, NOT_GRADED, f"the complex step disagrees with the reference on {', '.join(wrong)}"
        )
    return Grade(asked.name, PASS, f"{reason}; {len(control.caught)} known mistakes would fail here")


def contradicted(asked: Exercise, judged: Sequence[JudgedCase]) -> list[str]:
    """The answers to the calls by hand that are not the derivative by the complex step."""
    wrong: list[str] = []
    for case in judged if asked.forward else ():
        if not case.case.name.startswith("by hand"):
            continue
        call = dict(case.call.arguments)
        variables, function = asked.forward(call)  # type: ignore[misc]
        d_out = np.asarray(next(iter(call.values())))
        size = max(float(np.abs(x).max(initial=1.0)) for x in (*variables.values(), d_out))
        for name, x in variables.items():

            def along(changed: np.ndarray, name: str = name) -> np.ndarray:
                return np.asarray(function(**(variables | {name: changed})))  # noqa: B023

            ours = case.tensors[f"d_{name}"].numbers
            if not derivative(ours, x, along, d_out, size**3).ok:
                wrong.append(f"d_{name}")
    return list(dict.fromkeys(wrong))


def _same(one: Answer, other: Answer) -> bool:
    return one.failure == other.failure and all(
        x.numbers.tobytes() == other.results[n].numbers.tobytes() for n, x in one.results.items()
    )


def _beside(judged: Sequence[JudgedCase]) -> list[str]:
    """What to say beside wrong numbers: the line that makes them NaN, and arguments that are changed."""
    said = []
    for case in judged:
        if case.warned and any(not np.isfinite(case.tensors[v.tensor].numbers).all() for v in case.wrong):
            said.append(f"NumPy warns of {case.warned}.")
            break
    changed = dict.fromkeys(text for case in judged for text in case.problems if text.startswith("changes"))
    return [*said, *(f"It also {text}." for text in changed)]


def _reason(judged: Sequence[JudgedCase], problems: list[str], count: int) -> str:
    wrong = wrong_tensors(judged)
    parts = []
    if wrong:
        failing = sum(bool(case.wrong) for case in judged)
        verb = "is" if len(wrong) == 1 else "are"
        parts.append(f"{', '.join(wrong)} {verb} wrong in {failing} of {counted(count, 'case')}")
    if problems:
        failing = sum(bool(case.problems) for case in judged)
        calls = f", in {failing} of {len(judged)} calls" if failing > 1 else ""
        parts.append(f"it {problems[0]}{calls}")
    return "; ".join(parts)
