"""Two exercises without code, drawn for each student: predict numbers, and find a planted fault.

Both are JSON files with nulls to be replaced. The problem is drawn again from the student's name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...check.cases.compare import FAIL, PASS
from ...check.faults import FAULTS, Fault
from ...check.faults.law_matrix import BROKEN_LAWS
from ...files import read_json
from ...functional.attention.attention import attention_backward, attention_forward
from ...functional.base.admission import Array
from ...functional.base.arrays import Pair
from ...functional.base.wording import brief, did_you_mean
from ...functional.masks.builders import causal
from .exercise import Grade
from .hints import wrapped

LOOK = {"predict": "twelve numbers of attention, there and back, to be filled in",
        "hunt": "arrays of attention with a planted fault, to be named"}  # fmt: skip
"""The exercises by name."""

MINUTES = {"predict": 15, "hunt": 25}
DECIMALS, TOLERANCE = 4, 0.011
"""Shown decimals; how far an answer may be off: two decimals are enough."""

SIZE = 3
RIGHT = Pair(attention_forward, attention_backward)


class Blank(NamedTuple):
    """A number to be filled in: where, why it is what it is, and what it is made of."""

    array: str
    place: tuple[int, int]
    law: str
    words: str

    @property
    def name(self) -> str:
        """Array, row and column, counted from 0."""
        return f"{self.array}[{self.place[0]}][{self.place[1]}]"


BLANKS = (
    Blank("scores", (1, 0), "a dot product, scaled",
          "query 1 times key 0, entry by entry, added up, over the root of the width"),
    Blank("scores", (2, 1), "a dot product, scaled",
          "query 2 times key 1, entry by entry, added up, over the root of the width"),
    Blank("weights", (0, 0), "a row of weights adds up to one",
          "the first query sees its own key alone, which gets everything"),
    Blank("weights", (1, 2), "a hidden key has no share", "key 2 comes after query 1 and is hidden"),
    Blank("weights", (2, 2), "a row of weights adds up to one",
          "what the other two weights of the row leave"),
    Blank("out", (0, 0), "the output is a weighted mean of the values",
          "the first query gets the first value as it is"),
    Blank("out", (1, 1), "the output is a weighted mean of the values",
          "the row of weights times the column of values"),
    Blank("d_value", (2, 0), "the columns of d_value add up to those of d_out",
          "what the first two rows leave of the column sum of d_out"),
    Blank("d_weights", (2, 0), "d_out times value", "row 2 of d_out times value 0, entry by entry, added up"),
    Blank("d_scores", (0, 0), "a row of d_scores adds up to zero",
          "the first query has no choice: nothing moves its only weight"),
    Blank("d_scores", (2, 2), "a row of d_scores adds up to zero", "minus the other two of the row"),
    Blank("d_key", (2, 1), "the columns of d_key add up to zero", "minus the other two of the column"),
)  # fmt: skip
"""The twelve blanks of `predict`."""


FAMILIES = ("scale", "softmax", "learner", "mask", "products")
CHOICES = 10
"""The faults that `hunt` offers; one of them is planted."""


def _drawn(student: str, *more: int) -> np.random.Generator:
    return np.random.default_rng([*student.encode(), *more])


def _problem(student: str) -> dict[str, Array]:
    """Query, key, value and d_out, (3, 2), of halves."""
    rng = _drawn(student)
    return {name: rng.integers(-4, 5, (SIZE, 2)) / 2 for name in ("query", "key", "value", "d_out")}


def worked(arrays: Mapping[str, Array], pair: Pair = RIGHT) -> dict[str, Array]:
    """Every array of causal attention, there and back."""
    query, key, value, d_out = arrays.values()
    out, saved = pair.forward(query, key, value, mask=causal())
    d = pair.backward(d_out, saved)
    steps, kept = saved.steps, saved.steps_saved
    d_weights = np.tril(
        steps.values.backward(d_out, kept.values).d_thinned
    )  # what is hidden has no part in it
    d_masked = steps.softmax.backward((d_weights, np.zeros(SIZE)), kept.softmax).d_masked
    found = {"scores": saved.scores, "weights": saved.weights, "out": out, "d_value": d.d_value,
             "d_weights": d_weights,
             "d_scores": steps.mask.backward(d_masked, kept.mask), "d_query": d.d_query,
             "d_key": d.d_key}  # fmt: skip
    return {name: np.asarray(x, dtype=float) for name, x in found.items()}


def start(name: str, student: str) -> str:
    """The text of the file that a student fills in."""
    return {"predict": _predict, "hunt": _hunt}[name](student)


def _predict(student: str) -> str:
    arrays = _problem(student)
    rows = {name: _rows(x) for name, x in (arrays | worked(arrays)).items()}
    for blank in BLANKS:
        rows[blank.array][blank.place[0]][blank.place[1]] = None
    return _text({
        "exercise": "predict", "student": student,
        "what": "Replace each null by the number that belongs there, to two decimals. Query i sees keys 0 "
                "to i; scores are divided by √2, the root of the width; d_x is the gradient by x.",
    } | rows)  # fmt: skip


def _hunt(student: str) -> str:
    arrays, offered, planted = _hidden_fault(student)
    rows = {name: _rows(x) for name, x in (arrays | worked(arrays, planted.pair)).items()}
    return _text({
        "exercise": "hunt", "student": student,
        "what": "One of these faults is planted in causal attention of width 2. Name it in place of the null:"
                " which law do the numbers break, and which fault would break it so?",
    } | rows | {"faults": {each.name: each.statement for each in offered}, "fault": None})  # fmt: skip


def _hidden_fault(student: str) -> tuple[dict[str, Array], list[Fault], Fault]:
    """The problem, the faults that are offered, and the planted one."""
    arrays, rng = _problem(student), _drawn(student, 1)
    known = [fault for fault in FAULTS if fault.steps and fault.family in FAMILIES]
    right = worked(arrays)
    offered: list[Fault] = []
    results = [right]
    for n in rng.permutation(len(known)):
        found = worked(arrays, known[n].pair)
        if len(offered) < CHOICES and all(_differ(found, other) for other in results):
            offered.append(known[n])
            results.append(found)
    return arrays, sorted(offered, key=lambda each: each.name), offered[0]


def _differ(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    """True if two results can be told apart in the shown decimals."""
    return any(float(np.abs(x - other[name]).max()) > TOLERANCE for name, x in one.items())


def _rows(x: Array) -> list[list[float | None]]:
    return [[round(float(number), DECIMALS) + 0.0 for number in row] for row in x]


def _text(content: Mapping[str, Any]) -> str:
    """JSON with a row of numbers on each line."""
    parts = []
    for name, value in content.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            text = "[\n    " + ",\n    ".join(json.dumps(row) for row in value) + "\n  ]"
        elif isinstance(value, dict):
            text = json.dumps(value, ensure_ascii=False, indent=4).replace("\n}", "\n  }")
        parts.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


# ----------------------------------------------------------------------------------------- grading


def grade_answers(path: str | Path) -> Grade:
    """The grade of a filled-in file.

    Raises
    ------
    ValueError, OSError
        If it is not one of the two exercises, or cannot be read.
    """
    answers = read_json(path)
    name = answers.get("exercise") if isinstance(answers, dict) else None
    student = answers.get("student") if isinstance(answers, dict) else None
    if name not in LOOK or not isinstance(student, str) or not student:
        raise ValueError(
            f'{path} is no exercise: "exercise", {" or ".join(LOOK)}, and "student" are expected in it'
        )
    return (_grade_predict if name == "predict" else _grade_hunt)(answers, student)


def _grade_predict(answers: Mapping[str, Any], student: str) -> Grade:
    arrays = _problem(student)
    right = worked(arrays)
    wrong = []
    for blank in BLANKS:
        answer = _entry(answers.get(blank.array), blank.place)
        expected = float(right[blank.array][blank.place])
        if (
            not isinstance(answer, int | float)
            or isinstance(answer, bool)
            or abs(answer - expected) > TOLERANCE
        ):
            wrong.append((blank, "still blank" if answer is None else f"yours is {brief(answer, 20)}"))
    if not wrong:
        return Grade("predict", PASS, f"all {len(BLANKS)} numbers are right")
    first = [f"{blank.name}: {yours}" for blank, yours in wrong]
    hints = (
        wrapped(f"Wrong, with row and column counted from 0: {'; '.join(first)}."),
        (f"{blank.name}: {blank.law}" for blank, _ in wrong),
        (f"{blank.name}: {blank.words}" for blank, _ in wrong),
    )
    reason = f"{len(wrong)} of {len(BLANKS)} numbers are wrong, first {wrong[0][0].name}"
    blank = wrong[0][0]
    return Grade("predict", FAIL, reason, tuple(map(tuple, hints)), blank.law, blank.words)


def _entry(rows: Any, place: tuple[int, int]) -> Any:
    """The number at a place of nested lists, None if there is none."""
    try:
        return rows[place[0]][place[1]]
    except (TypeError, IndexError, KeyError):
        return None


def _grade_hunt(answers: Mapping[str, Any], student: str) -> Grade:
    arrays, offered, planted = _hidden_fault(student)
    names = [each.name for each in offered]
    answer = answers.get("fault")
    said = answer.strip().lower().replace("_", "-").replace(" ", "-") if isinstance(answer, str) else ""
    if said == planted.name:
        return Grade("hunt", PASS, f"{planted.name} it is")
    found, right = worked(arrays, planted.pair), worked(arrays)
    changed = [name for name in found if float(np.abs(found[name] - right[name]).max()) > TOLERANCE]
    laws = BROKEN_LAWS.get(planted.name, ())
    broken = (
        f"Of the numbered laws such a fault can break {', '.join(map(str, laws))}."
        if laws
        else "No law shows it."
    )
    hints = (
        wrapped(f"Other than in right attention: {', '.join(changed)}. {broken} See `numpy-attention laws`."),
        wrapped(f"Kind of mistake: a fault in the {planted.family}."),
        wrapped(planted.statement),
    )
    reason = "no fault is named yet" if answer is None else f"{brief(answer, 40)} is not it"
    if said and said not in names:
        reason = f"{brief(answer, 40)} is not among the faults of the file{did_you_mean(said, names)}"
    return Grade("hunt", FAIL, reason, tuple(map(tuple, hints)), planted.family, planted.statement)
