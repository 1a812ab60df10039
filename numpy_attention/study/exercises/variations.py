"""Mistakes made from a textbook solution: every way in which one line of it is got wrong, and pairs of these.

Each is compared with a submission's own numbers, so that it is named whatever the submission looks like.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, combinations, permutations, product
from typing import Any

import numpy as np

from ...check.outside.outcome import JudgedCase
from .atoms import FORMS, SUMS, Atoms
from .changes import AXIS, CHANGES, DTYPE, FACTOR, ORDER, SIGN, STEP, TERM, TOO_MUCH, Change
from .exercise import Exercise, Named
from .expressions import POWERS
from .indices import wrong_indices
from .mistake import Mistake
from .own_changes import OWN_CHANGES, OWN_LINES
from .program import Line, Numbers, scope
from .returned import all_times, renamed, summed, transposed_result
from .unfinished import CASTS, EARLY, LATE, LEFT, PARTS, SHORT_SUMS, left

WRONG_ARRAY, CONSTANT, IGNORED = "the wrong array", "a constant factor", "an array is ignored"
ALL_CHANGES = CHANGES | OWN_CHANGES
LEFT_OUT = {"*": (FACTOR, "multiplied by"), "/": (FACTOR, "divided by"), "+": (TERM, "added to"),
            "-": (TERM, "subtracted from")}  # fmt: skip
"""What is missing where an operand is used in place of what it makes."""

FILLS = {"0.0": "0", "nan": "NaN", "-inf": "minus infinity"}
"""What parts are left as, in words."""

LIKELY = 6
SHORT = 12
"""The changes of each operation, from the likeliest on, that are tried in pairs: half of them in programs of
more than SHORT lines."""


class Workbook:
    """The textbook solution of an exercise, worked in every case, and its mistakes."""

    def __init__(self, exercise: Exercise, cases: Sequence[JudgedCase]) -> None:
        self.exercise, self.program = exercise, exercise.solution
        with np.errstate(all="ignore"):
            self.numbers: dict[int, Numbers] = {
                case.case.number: self.program.run(case.call.arguments) for case in cases
            }
        self.atoms: dict[tuple[int, int], Atoms] = {}
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
        return [*self.likely(), *self.joint(), *self.wrong_order(), *self.own_lines(), *self.wrong_arrays(),
                *self.skipped(), *self.wrong_constants(), *self.indexed()]  # fmt: skip

    def likely(self) -> list[Mistake]:
        """The mistakes that every submission's cases must catch: slips, wrong operations, wrong signs."""
        slips = [Mistake(each.kind, each.words, _of(each.function)) for each in self.exercise.slips]
        return [*slips, *self.wrong_operations(), *self.wrong_signs()]

    def pairs(self, *cases: JudgedCase) -> Iterator[Mistake]:
        """Two likely mistakes at once, of those that change a result of one of the cases."""
        most = LIKELY if len(self.program.lines) <= SHORT else LIKELY // 2
        single = [
            each
            for each in [*self.wrong_operations(most), *self.wrong_signs()]
            if any(
                not np.allclose(x, right, equal_nan=True) if x.shape == right.shape else True
                for case in cases
                for x, right in zip(each.results(case).values(), case.expected.values.values(), strict=True)
            )
        ]
        singles: Iterator[tuple[Mistake, Mistake]] = combinations(single, 2)
        if len(self.program.lines) <= SHORT:
            singles = chain(singles, product(self._off_by_one(), single))
        for one, other in singles:
            if not {*one.changes} & {*other.changes}:
                kind = one.kind if one.kind == other.kind else f"{one.kind}, and {other.kind}"
                words = f"{one.name}; and {other.name}"
                yield self.mistake(f"two mistakes: {kind}", words, one.changes | other.changes)

    def _off_by_one(self) -> list[Mistake]:
        """The first or last term of a sum, or row or column of a result, left out."""
        return [each for each in self.unfinished(0.0) if each.name.endswith((LATE, EARLY)) and
                "first and the last" not in each.name]  # fmt: skip

    # ---------------------------------------------------------------------------- one kind after another

    def used(self) -> list[tuple[int, Line]]:
        """The lines on which a result depends, with their numbers: others are there for their names."""
        needed = {self.exercise.computed(name) for name in self.exercise.results}
        used = []
        for number, line in reversed([*enumerate(self.program.lines)]):
            if line.target in needed:
                needed |= {*line.operands}
                used.append((number, line))
        return used[::-1]

    def _words(self, text: str, line: Line) -> str:
        phrases = [self.exercise.phrase(name) for name in line.operands]
        named = dict(zip("abc", phrases, strict=False))
        return text.format(t=self.exercise.phrase(self.place(line)), **named)

    def place(self, line: Line) -> str:
        """The result that a line is about: of a transpose, that of the product in which it stands."""
        later = (each.target for each in self.program.lines if line.target in each.operands)
        return next(later, line.target) if line.operation == "transposed" else line.target

    def wrong_operations(
        self, most: int | None = None, table: Mapping[str, Sequence[Change]] = ALL_CHANGES
    ) -> list[Mistake]:
        """Another operation in a line, the likeliest of each operation first."""
        found = []
        for number, line in self.used():
            for rank, change in enumerate(table.get(line.operation, ())[:most]):
                changed = {number: line._replace(function=change.function)}
                found.append((rank, self.mistake(change.kind, self._words(change.words, line), changed)))
        return [mistake for _, mistake in sorted(found, key=lambda pair: pair[0])]

    def _gradients(self) -> list[int]:
        """The lines of results and gradients, then the others."""
        names = [self.exercise.computed(name) for name in self.exercise.results]
        lines = [n for n, line in self.used() if line.operation != "transposed"]
        return sorted(lines, key=lambda n: (t := self.program.lines[n].target) not in names and t[:2] != "d_")

    def wrong_signs(self) -> Iterator[Mistake]:
        """The result of a line negated."""
        for number in self._gradients():
            line = self.program.lines[number]
            words = self._words("{t} has the wrong sign", line)
            yield self.mistake(SIGN, words, {number: line.then(lambda x: -x)})

    def unfinished(self, *fills: float) -> Iterator[Mistake]:
        """Sums cut short, parts of a line's result left as they were made, and other dtypes."""
        yield from self.wrong_operations(table=SHORT_SUMS)
        for number in self._gradients():
            line = self.program.lines[number]
            more = (-np.inf,) if line.operation == "hide" else ()
            yield from self._left(number, line.target, "{t}", (*fills, *more), line.then)
            for _, effect, cast in CASTS:
                changed = {number: line.then(cast)}
                yield self.mistake(DTYPE, self._words("{t} " + effect, line), changed)
        for number, line in self.used():
            if line.operation == "transposed" and line.operands[0] in self.exercise.arguments:
                yield from self._left(number, line.operands[0], "{a}", (0.0,),
                                      partial(line.with_operand, 0))  # fmt: skip

    def _left(
        self, number: int, name: str, x: str, fills: Sequence[float], changed: Callable[..., Line]
    ) -> Iterator[Mistake]:
        """Parts of a line's result, or of its operand, left as they were made."""
        shapes = [shape[name] for shape in self.shapes if len(shape[name]) > 1]
        for part in PARTS:
            masks = [part.mask(shape) for shape in shapes]
            for fill in fills if any(mask.any() and not mask.all() for mask in masks) else ():
                said = FILLS[str(fill)]
                where = ", in {t}" * (x == "{a}")
                text = f"{part.words.format(x=x)} left {said}{where}: {part.why}"
                words = self._words(text, self.program.lines[number])
                yield self.mistake(LEFT, words, {number: changed(partial(left, part, fill=fill))})

    def own_lines(self) -> Iterator[Mistake]:
        """The wrong results that a line is known for, made of other numbers of the solution."""
        for number, line in self.used():
            for each, operands in OWN_LINES.get(line.target, ()):
                if {*operands} <= {*scope(self.program, number, [*self.exercise.arguments])}:
                    other = line._replace(function=each.function, operands=operands)
                    yield self.mistake(each.kind, each.words, {number: other})

    def indexed(self) -> Iterator[Mistake]:
        """Products in whose loops an operand is read at another index, is another array, or unfinished."""
        for number, line, change in wrong_indices(self.exercise, self.used()):
            yield self.mistake(change.kind, change.words, {number: line})

    def turned(self, name: str) -> str:
        """How the shape of a transposed result differs, in words; "" if it does not."""
        shape = re.findall(r"\w+", self.exercise.results[name].partition(")")[0])
        return f"its shape is {' by '.join(shape[::-1])}, not {' by '.join(shape)}" if len(shape) > 1 else ""

    def joint(self) -> Iterator[Mistake]:
        """All results, if there are several, times one constant."""
        if len(self.exercise.results) > 1:
            names = listed([*self.exercise.results])
            yield Mistake(SIGN, f"{names} have the wrong sign", partial(all_times, lambda case: -1.0))
            for words, name, power in self._ways():
                constant = partial(self._constant, name, power)
                yield Mistake(CONSTANT, f"{names} are {words}", partial(all_times, constant))

    def wrong_arrays(self) -> Iterator[Mistake]:
        """Another array of the same shape, or ones, in an operand's place."""
        for number, line in self.used():
            for place, own in enumerate(line.operands):
                for name in self._alike(own, number) if line.operation != "width_root" else ():
                    operands = (*line.operands[:place], name, *line.operands[place + 1 :])
                    kind, words = self._instead(name, own)
                    yield self.mistake(
                        kind,
                        self._words(words + ", in {t}", line),
                        {number: line._replace(operands=operands)},
                    )
                if line.operation == "@":
                    words = f"{self.exercise.phrase(own)} is ignored, as if all were ones"
                    yield self.mistake(
                        IGNORED, self._words(words + ", in {t}", line),
                        {number: line.with_operand(place, np.ones_like)},
                    )  # fmt: skip

    def altered(self) -> Iterator[Mistake]:
        """Another form of an argument, wherever it stands."""
        for name in self.exercise.arguments:
            for words, function, _ in FORMS:
                text = f"{words.format(x=name)} is used in place of {name}"
                yield Mistake(TOO_MUCH, text, partial(self._altered, name, function))
            for _, effect, cast in CASTS:
                yield Mistake(DTYPE, f"{name} {effect}", partial(self._altered, name, cast))

    def _altered(self, name: str, function: Callable[[Any], Any], case: JudgedCase) -> Named:
        numbers = dict(case.call.arguments)
        found = self.program.run(numbers | {name: function(numbers[name])})
        return {result: found[self.exercise.computed(result)] for result in self.exercise.results}

    def _instead(self, name: str, own: str) -> tuple[str, str]:
        """What is wrong if a number is used in place of another: the step from it to that is left out."""
        a, b = self.exercise.phrase(name), self.exercise.phrase(own)
        for line in self.program.lines:
            if line.target == own and name in line.operands and line.operation in LEFT_OUT:
                other = next((x for x in line.operands if x != name), name)
                kind, verb = LEFT_OUT[line.operation]
                rest = self.exercise.phrase(other)
                if line.operation not in "/-" or name == line.operands[0]:
                    return (
                        kind,
                        f"{rest} is not {verb} {a}" if line.operation == "-" else f"{a} is not {verb} {rest}",
                    )
        return WRONG_ARRAY, f"{a} is used in place of {b}"

    def _alike(self, own: str, number: int) -> Iterator[str]:
        """The other names that have the shape of a name in some case."""
        for name in scope(self.program, len(self.program.lines), [*self.exercise.arguments]):
            if name not in (own, self.program.lines[number].target) and any(
                s[name] == s[own] for s in self.shapes
            ):
                yield name

    def skipped(self) -> Iterator[Mistake]:
        """Another array as the result of a line: the step is left out."""
        for number, line in self.used():
            for name in self._alike(line.target, number):
                words = self._words(f"{(own := self.exercise.phrase(name))} is used as {{t}}", line)
                changed = line._replace(operands=(name,), function=np.asarray)
                if not words.endswith(f" as {own}"):
                    yield self.mistake(STEP, words, {number: changed})

    def wrong_order(self) -> Iterator[Mistake]:
        """The results exchanged, or transposed."""
        names = [*self.exercise.results]
        for order in permutations(names):
            if moved := [n for n, m in zip(names, order, strict=True) if n != m]:
                words = f"{' and '.join(moved)} are returned in the wrong order"
                yield Mistake(ORDER, words, partial(renamed, names, order))
                yield Mistake(ORDER, f"{words}, and transposed", partial(renamed, names, order, turned=True))
        for name in names:
            heads = any(len(shape[self.exercise.computed(name)]) > 2 for shape in self.shapes)
            if self.turned(name):
                words = f"{name} is returned transposed: {self.turned(name)}"
                yield Mistake(ORDER, words, partial(transposed_result, name))
            for words, function, _ in SUMS if heads else SUMS[:-1]:
                for lost in (False, True):
                    found = partial(summed, name, function, lost=lost)
                    yield Mistake(
                        TOO_MUCH, f"what is returned is {words.format(x=name)}, not {name} itself", found
                    )

    def _ways(self) -> list[tuple[str, str, float]]:
        """How a number is multiplied by a constant: in words, the constant's name, and its power."""
        first = next(iter(self.numbers.values()))
        sizes = self.exercise.sizes({name: first[name] for name in self.exercise.arguments})
        return [
            (words.format(name=name).replace("the root of the root", "the fourth root"), name, power)
            for power, words in POWERS for name in ("two", *sizes)
        ]  # fmt: skip

    def wrong_constants(self) -> Iterator[Mistake]:
        """A result, or a number on the way, times a constant."""
        sizes = {name: None for _, name, _ in self._ways() if name != "two"}
        for number, line in self.used():
            for name in sizes if line.operation == "width_root" else ():
                if "the width" in name[-9:] and "values" not in name:
                    continue
                solve = partial(self._other_root, number, line, name)
                yield Mistake(AXIS, f"the square root of {name} is taken, not of the width", solve)
        for number in self._gradients():
            line = self.program.lines[number]
            for words, name, power in self._ways() if line.operation not in ("width_root", "rowmax") else ():
                yield Mistake(
                    CONSTANT,
                    self._words("{t} is " + words, line),
                    partial(self._scaled, number, line, name, power),
                )

    def _other_root(self, number: int, line: Line, name: str, case: JudgedCase) -> Named:
        root = self._constant(name, 0.5, case)
        return self.results(case, {number: line._replace(function=lambda x: root)})

    def _constant(self, name: str, power: float, case: JudgedCase) -> float:
        sizes = {"two": 2.0} | self.exercise.sizes(dict(case.call.arguments))
        return float(sizes[name] ** power)

    def _scaled(self, number: int, line: Line, name: str, power: float, case: JudgedCase) -> Named:
        constant = self._constant(name, power, case)
        return self.results(case, {number: line.then(lambda x: x * constant)})


def listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _of(function: Callable[..., Named]) -> Callable[[JudgedCase], Named]:
    return lambda case: function(**case.call.arguments)
