"""The hints to a wrong submission, in three layers: where, what kind of mistake, and the mistake in words.

None of them is code, and none says what to write.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...check.outside.outcome import JudgedCase
from ...functional.base.admission import Array
from ..number_format import WIDTH, TextBlock, array_block, side_by_side
from .diagnosis import Diagnosis, wrong_tensors
from .exercise import Arguments, Exercise
from .failing_cases import other_shape

INDENT = "    "
LAW_DIFFERENCE = 1e-6
"""By how much the sides of a law may differ, over the largest number."""

UNKNOWN = (
    "No known mistake gives these numbers. Work the case of hint 1 by hand, line by line: the first number "
    "that differs shows the line."
)


def hints(
    exercise: Exercise, judged: Sequence[JudgedCase], problems: Sequence[str], diagnosis: Diagnosis
) -> tuple[tuple[str, ...], ...]:
    """The lines of each of the three hints."""
    if not wrong_tensors(judged):
        return _of_problems(judged, problems)
    kind = diagnosis.kind or "none that is known here"
    words = [diagnosis.sentence or UNKNOWN]
    if diagnosis.sentence and diagnosis.faults:
        name = diagnosis.faults[0]
        words.append(f"It is the known fault {name}: `numpy-attention faults {name}` says what detects it.")
    return (
        tuple(_first(exercise, judged)),
        tuple(wrapped(f"Kind of mistake: {kind}.")),
        tuple(wrapped(*words)),
    )


def wrapped(*paragraphs: str) -> Iterator[str]:
    """Lines of at most WIDTH characters."""
    for text in paragraphs:
        yield from textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _first(exercise: Exercise, judged: Sequence[JudgedCase]) -> Iterator[str]:
    """The wrong results, the smallest failing case, and a law that it breaks."""
    wrong = wrong_tensors(judged)
    case = next(case for case in judged if case.wrong)
    yield from wrapped(
        f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong. The smallest failing case:"
    )
    yield from ("", *_blocks(exercise, case), "")
    if shapes := [text for name in wrong if (text := other_shape([case], name))]:
        yield from wrapped(*shapes)
        return
    numbers = dict(case.call.arguments) | {name: x.numbers for name, x in case.tensors.items()}
    broken = [law for law in exercise.laws if _breaks(law[1], numbers)]
    for statement, sides in broken[:1]:
        with np.errstate(all="ignore"):
            left, right = (np.round(np.ravel(np.asarray(x, dtype=float)), 4) for x in sides(numbers))
        yield from wrapped(f"It breaks a law: {statement}. Here: {_few(left)} and {_few(right)}.")
    if exercise.laws and not broken:
        yield "The laws of this step hold all the same: they cannot show where it is wrong."


def _few(x: Array) -> str:
    shown = ", ".join(f"{number:g}" for number in x[:3])
    return shown + (", …" if len(x) > 3 else "")


def _breaks(sides: Any, numbers: Arguments) -> bool:
    try:
        with np.errstate(all="ignore"):
            left, right = (np.asarray(x, dtype=float) for x in sides(numbers))
            size = max(float(np.abs(x).max(initial=0)) for x in numbers.values() if isinstance(x, np.ndarray))
            return not bool((np.abs(left - right) <= LAW_DIFFERENCE * size).all())
    except Exception:  # an answer of another shape
        return False


def _blocks(exercise: Exercise, case: JudgedCase) -> Iterator[str]:
    """The arguments, then each wrong result beside the right one."""
    yield from _indented([_block(name, x) for name, x in case.call.arguments.items()])
    for verdict in case.wrong:
        yield ""
        name, right = verdict.tensor, case.expected.values[verdict.tensor]
        yours = case.tensors[name].numbers
        yield from _indented([_block(f"your {name}", yours), _block(f"the right {name}", right)])


def _block(name: str, x: Any) -> TextBlock:
    array = np.asarray(x)
    return array_block(name, array, shape=array.ndim > 0)


def _indented(blocks: Sequence[TextBlock]) -> Iterator[str]:
    return (f"{INDENT}{line}".rstrip() for line in side_by_side(blocks, WIDTH - len(INDENT)))


def _of_problems(judged: Sequence[JudgedCase], problems: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The hints where no number is wrong, but something else is."""
    case = next((case for case in judged if case.problems), None)
    what = f"It {problems[0]}."
    if case is None:
        return (
            tuple(wrapped(what)),
            tuple(wrapped(f"Kind of mistake: {kind_of(problems[0])}.")),
            tuple(wrapped(cause(problems[0]))),
        )
    shapes = ", ".join(f"{n} {np.shape(x)}" for n, x in case.call.arguments.items() if np.ndim(x))
    where = f"The first call in which it does: {case.case.name}, with {shapes}."
    failing = sum(bool(each.problems) for each in judged)
    return (
        tuple(wrapped(what, where)),
        tuple(wrapped(f"Kind of mistake: {kind_of(problems[0])}, in {failing} of {len(judged)} calls.")),
        tuple(wrapped(cause(problems[0]), where)),
    )


PROBLEMS = {
    "changes its argument": (
        "an argument is changed in place",
        "An assignment into an argument, or an operation in place, changes what the caller needs."),
    "returns": ("the form of what is returned",
                "What comes back has another form than the exercise asks for."),
    "takes more than": ("it does not end in time",
                        "A loop does not end, or does the same work again and again."),
    "defines": ("the arguments of the function",
                "The function takes other arguments than the exercise, or fewer or more of them."),
    "gives another answer": (
        "a call depends on those before it",
        "Something outlives a call: a global array, or an array as a default argument, is changed in it."),
    "raises": ("it raises an exception", "It is in the line that the message names."),
    "cannot be imported": ("the file cannot be run", "It is in the line that the message names."),
    "": ("not in the numbers", "No more is known than the message says."),
}  # fmt: skip
"""Kind and usual cause of a problem that is none of wrong numbers, by how it begins."""


def kind_of(problem: str) -> str:
    """The kind of a problem that is none of wrong numbers."""
    return _kind_and_cause(problem)[0]


def _kind_and_cause(problem: str) -> tuple[str, str]:
    return next(found for start, found in PROBLEMS.items() if problem.startswith(start))


def cause(problem: str) -> str:
    """What usually lies behind a problem."""
    if "dtype object" in problem:
        return (
            "An array of objects is no array of numbers: it was made with that dtype, or of a list whose "
            "entries have different shapes."
        )
    if "raises ValueError" in problem and re.search("shape|dimension|broadcast", problem):
        return (
            "Two arrays meet whose shapes do not fit: a transpose or a kept axis is missing, or what is "
            "meant for one row is done to all of them at once."
        )
    if "ModuleNotFoundError" in problem:
        return "The Python that grades has no such module; NumPy is enough."
    return _kind_and_cause(problem)[1]
