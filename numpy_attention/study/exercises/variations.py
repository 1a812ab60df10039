"""Mistakes made from a textbook solution: every way in which one line of it is got wrong, and pairs of these.

Each is compared with a submission's own numbers, so that it is named whatever the submission looks like.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np

from ...check.outside.outcome import JudgedCase
from ...functional.base.admission import Array
from .changes import CHANGES, ORDER, SIGN, STEP
from .exercise import Exercise, Named
from .operations import softmax
from .program import Line, Numbers, scope

WRONG_ARRAY, CONSTANT, IGNORED = "the wrong array", "a constant factor", "an array is ignored"
TOO_MUCH = "a step too many"
LIKELY = 4
"""The changes of each operation, from the likeliest on, that are tried in pairs."""

POWERS = ((-1.0, "divided by {name}"), (1.0, "multiplied by {name}"), (-0.5, "divided by the root of {name}"),
          (0.5, "multiplied by the root of {name}"))  # fmt: skip

UNASKED: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    (TOO_MUCH, "{t} is squared", np.square),
    (TOO_MUCH, "the absolute value of {t} is taken", np.abs),
    (TOO_MUCH, "the exponential of {t} is taken", np.exp),
    (TOO_MUCH, "the root of {t} is taken", np.sqrt),
    (TOO_MUCH, "the mean of its row is subtracted from {t}", lambda x: x - x.mean(axis=-1, keepdims=True)),
    (TOO_MUCH, "{t} is divided by the sum of its row", lambda x: x / x.sum(axis=-1, keepdims=True)),
    (TOO_MUCH, "a softmax is taken of {t}", softmax),
    (TOO_MUCH, "{t} is summed along its rows", lambda x: x.sum(axis=-1, keepdims=True)),
    (TOO_MUCH, "{t} is summed up to one number", lambda x: np.full(np.shape(x), np.sum(x))),
    (TOO_MUCH, "every row of {t} is replaced by the mean of its rows",
     lambda x: np.broadcast_to(x.mean(axis=-2, keepdims=True), x.shape)),
    (TOO_MUCH, "{t} is summed step by step, and never reset", lambda x: np.cumsum(x, axis=0)),
    (ORDER, "the rows of {t} are in reverse order", lambda x: x[::-1]),
)  # fmt: skip
"""What is done to a result though nobody asked for it."""

COMBINED: tuple[tuple[str, str, Callable[[Any, Any], Any]], ...] = (
    (TOO_MUCH, "{t} is multiplied by {y}", np.multiply),
    (TOO_MUCH, "{t} is divided by {y}", np.divide),
    (TOO_MUCH, "{y} is added to {t}", np.add),
    (TOO_MUCH, "{y} is subtracted from {t}", np.subtract),
    (TOO_MUCH, "{t} is multiplied by one minus {y}", lambda x, y: x * (1 - y)),
    (TOO_MUCH, "{t} is set to zero where {y} is", lambda x, y: np.where(np.equal(y, 0), 0, x)),
)
"""With what a result is combined though it has no part in it."""


class Mistake:
    """A wrong solution: the kind of the mistake, its sentence, and the results that it gives in a case."""

    dtypes = ("float64",)

    def __init__(
        self,
        kind: str,
        words: str,
        solve: Callable[[JudgedCase], Named],
        changes: dict[int, Line] | None = None,
    ) -> None:
        self.kind, self.name, self.solve, self.changes = kind, words, solve, changes or {}
        self._found: dict[int, dict[str, Array]] = {}

    @property
    def sentence(self) -> str:
        """The mistake in words."""
        return as_sentence(self.name)

    def results(self, case: JudgedCase) -> dict[str, Array]:
        """The results in a case; the right ones if they cannot be computed."""
        number = case.case.number
        if number not in self._found:
            try:
                with np.errstate(all="ignore"):
                    found = self.solve(case)
                self._found[number] = {name: np.asarray(x, dtype=float) for name, x in found.items()}
            except Exception:  # shapes that the mistake does not fit
                self._found[number] = case.expected.values
        return self._found[number]


NAMES = ("weights", "value", "key", "query", "out", "x", "logits", "scores", "param", "visible", "positions")


def as_sentence(words: str) -> str:
    """With a capital letter, unless it begins with the name of an array, and a full stop."""
    first = words.partition(" ")[0]
    return (words if "_" in first or first in NAMES else words[:1].upper() + words[1:]) + "."


class Workbook:
    """The textbook solution of an exercise, worked in every case, and its mistakes."""

    def __init__(self, exercise: Exercise, cases: Sequence[JudgedCase]) -> None:
        self.exercise, self.program = exercise, exercise.solution
        with np.errstate(all="ignore"):
            self.numbers: dict[int, Numbers] = {
                case.case.number: self.program.run(case.call.arguments) for case in cases
            }
        self.shapes = [
            {name: np.shape(x) for name, x in self.numbers[case.case.number].items()}
            for case in cases
            if not case.case.name.startswith("by hand")
        ]

    def results(self, case: JudgedCase, changes: dict[int, Line]) -> Named:
        """The results of the solution with some lines changed."""
        program = self.program
        for number, line in changes.items():
            program = program.with_line(number, line)
        found = program.run(self.numbers[case.case.number], min(changes))
        return {name: found[self.exercise.computed(name)] for name in self.exercise.results}

    def mistake(self, kind: str, words: str, changes: dict[int, Line]) -> Mistake:
        """The mistake of some changed lines."""
        return Mistake(kind, words, lambda case: self.results(case, changes), changes)

    def mistakes(self) -> list[Mistake]:
        """Every mistake in one place, the likely ones first."""
        return [*self.likely(), *self.wrong_order(), *self.wrong_arrays(), *self.skipped(),
                *self.wrong_constants()]  # fmt: skip

    def likely(self) -> list[Mistake]:
        """The mistakes that every submission's cases must catch: slips, wrong operations, wrong signs."""
        slips = [Mistake(each.kind, each.words, _of(each.function)) for each in self.exercise.slips]
        return [*slips, *self.wrong_operations(), *self.wrong_signs()]

    def pairs(self, case: JudgedCase) -> Iterator[Mistake]:
        """Two likely mistakes at once, of those that change a result of a case."""
        right = self.results(case, {0: self.program.lines[0]})
        single = [
            each
            for each in [*self.wrong_operations(LIKELY), *self.wrong_signs()]
            if any(not np.array_equal(x, right[n]) for n, x in each.results(case).items())
        ]
        for one, other in combinations(single, 2):
            if not {*one.changes} & {*other.changes}:
                kind = one.kind if one.kind == other.kind else f"{one.kind}, and {other.kind}"
                words = f"{one.name}; and {other.name}"
                yield self.mistake(f"two mistakes: {kind}", words, one.changes | other.changes)

    # ---------------------------------------------------------------------------- one kind after another

    def _words(self, text: str, line: Line) -> str:
        phrases = [self.exercise.phrase(name) for name in line.operands]
        named = dict(zip("abc", phrases, strict=False))
        return text.format(t=self.exercise.phrase(self._place(line)), **named)

    def _place(self, line: Line) -> str:
        """The result that a line is about: of a transpose, that of the product in which it stands."""
        later = (each.target for each in self.program.lines if line.target in each.operands)
        return next(later, line.target) if line.operation == "transposed" else line.target

    def wrong_operations(self, most: int | None = None) -> list[Mistake]:
        """Another operation in a line, the likeliest of each operation first."""
        found = []
        for number, line in enumerate(self.program.lines):
            for rank, change in enumerate(CHANGES.get(line.operation, ())[:most]):
                changed = {number: line._replace(function=change.function)}
                found.append((rank, self.mistake(change.kind, self._words(change.words, line), changed)))
        return [mistake for _, mistake in sorted(found, key=lambda pair: pair[0])]

    def _gradients(self) -> list[int]:
        """The lines of results and gradients, then the others."""
        names = [self.exercise.computed(name) for name in self.exercise.results]
        lines = [n for n, line in enumerate(self.program.lines) if line.operation != "transposed"]
        return sorted(lines, key=lambda n: (t := self.program.lines[n].target) not in names and t[:2] != "d_")

    def wrong_signs(self) -> Iterator[Mistake]:
        """The result of a line negated; all results negated."""
        yield from self._all_times("{} have the wrong sign", SIGN, lambda case: -1.0)
        for number in self._gradients():
            line = self.program.lines[number]
            words = self._words("{t} has the wrong sign", line)
            yield self.mistake(SIGN, words, {number: _times(line, lambda x: -x)})

    def _all_times(self, words: str, kind: str, constant: Callable[[JudgedCase], float]) -> Iterator[Mistake]:
        """All results, if there are several, times a constant."""
        if len(self.exercise.results) > 1:
            names = " and ".join(self.exercise.results)
            yield Mistake(
                kind, words.format(names),
                lambda case: {n: constant(case) * x for n, x in case.expected.values.items()},
            )  # fmt: skip

    def too_much(self) -> Iterator[Mistake]:
        """A result or gradient combined with an array that has no part in it, or changed once more."""
        for number in self._gradients():
            line = self.program.lines[number]
            for kind, words, change in UNASKED:
                yield self.mistake(kind, self._words(words, line), {number: _times(line, change)})
            for name in self._alike(line.target, number):
                for kind, words, combine in COMBINED:
                    text = words.format(t="{t}", y=self.exercise.phrase(name))
                    yield Mistake(kind, self._words(text, line), self._combined(number, line, name, combine))

    def _combined(self, number: int, line: Line, name: str, combine: Any) -> Callable[[JudgedCase], Named]:
        def solve(case: JudgedCase) -> Named:
            other = self.numbers[case.case.number][name]
            return self.results(case, {number: _times(line, lambda x: combine(x, other))})

        return solve

    def wrong_arrays(self) -> Iterator[Mistake]:
        """Another array of the same shape, or ones, in an operand's place."""
        for number, line in enumerate(self.program.lines):
            for place, own in enumerate(line.operands):
                for name in self._alike(own, number):
                    operands = (*line.operands[:place], name, *line.operands[place + 1 :])
                    words = f"{self.exercise.phrase(name)} stands in the place of {self.exercise.phrase(own)}"
                    yield self.mistake(
                        WRONG_ARRAY,
                        self._words(words + ", in {t}", line),
                        {number: line._replace(operands=operands)},
                    )
                if line.operation == "@":
                    words = f"{self.exercise.phrase(own)} is ignored, as if it were one everywhere"
                    yield self.mistake(
                        IGNORED, self._words(words + ", in {t}", line), {number: _ones(line, place)}
                    )

    def _alike(self, own: str, number: int) -> Iterator[str]:
        """The other names that have the shape of a name in some case, those known before a line first."""
        for name in scope(self.program, len(self.program.lines), [*self.exercise.arguments]):
            if name not in (own, self.program.lines[number].target) and any(
                s[name] == s[own] for s in self.shapes
            ):
                yield name

    def skipped(self) -> Iterator[Mistake]:
        """Another array as the result of a line: the step is left out."""
        for number, line in enumerate(self.program.lines):
            for name in self._alike(line.target, number):
                words = f"{self.exercise.phrase(name)} is taken for {{t}}"
                changed = line._replace(operands=(name,), function=np.asarray)
                yield self.mistake(STEP, self._words(words, line), {number: changed})

    def wrong_order(self) -> Iterator[Mistake]:
        """The results exchanged, or transposed."""
        names = [*self.exercise.results]
        for order in permutations(names):
            if moved := [n for n, m in zip(names, order, strict=True) if n != m]:
                words = f"{' and '.join(moved)} are returned in the wrong order"
                yield Mistake(ORDER, words, partial(_renamed, names, order))
        for name in names:
            yield Mistake(ORDER, f"{name} is returned transposed", partial(_turned, name))

    def wrong_constants(self) -> Iterator[Mistake]:
        """A result, or a number on the way, times a constant."""
        first = next(iter(self.numbers.values()))
        sizes = self.exercise.sizes({name: first[name] for name in self.exercise.arguments})
        ways = [(words.format(name=name), name, power)
                for power, words in POWERS for name in ("two", *sizes)]  # fmt: skip
        for words, name, power in ways:
            yield from self._all_times("{} are " + words, CONSTANT, partial(self._constant, name, power))
        for number in self._gradients():
            line = self.program.lines[number]
            for words, name, power in ways:
                yield Mistake(
                    CONSTANT,
                    self._words("{t} is " + words, line),
                    partial(self._scaled, number, line, name, power),
                )

    def _constant(self, name: str, power: float, case: JudgedCase) -> float:
        sizes = {"two": 2.0} | self.exercise.sizes(dict(case.call.arguments))
        return float(sizes[name] ** power)

    def _scaled(self, number: int, line: Line, name: str, power: float, case: JudgedCase) -> Named:
        constant = self._constant(name, power, case)
        return self.results(case, {number: _times(line, lambda x: x * constant)})


def _of(function: Callable[..., Named]) -> Callable[[JudgedCase], Named]:
    return lambda case: function(**case.call.arguments)


def _times(line: Line, change: Callable[[Any], Any]) -> Line:
    """The line with its result changed."""
    return line._replace(function=lambda *operands: change(line.function(*operands)))


def _ones(line: Line, place: int) -> Line:
    """The line with ones in place of an operand."""

    def function(*operands: Any) -> Any:
        changed = [np.ones(np.shape(x)) if n == place else x for n, x in enumerate(operands)]
        return line.function(*changed)

    return line._replace(function=function)


def _renamed(names: Sequence[str], order: Sequence[str], case: JudgedCase) -> Named:
    """The right results under each other's names."""
    return {name: case.expected.values[other] for name, other in zip(names, order, strict=True)}


def _turned(name: str, case: JudgedCase) -> Named:
    """The right results, one of them transposed."""
    return {n: x.T if n == name else x for n, x in case.expected.values.items()}
