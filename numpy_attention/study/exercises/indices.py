"""What loops make of a matrix product: an index that belongs to another axis, an array still being summed.

A product is read as its loop, target_ij = Σ_k a_ik b_kj, with the letters of the shapes: weights_ls.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .changes import Change
from .exercise import Exercise
from .program import Line, scope

INDEX, PARTIAL = "the wrong index", "an array is used before its sum is complete"
ALONG = ("transposed", "hide", "exp", "*", "/", "+", "-")
"""Operations whose result has the letters of their first operand; a transpose turns them round."""


class Loop(NamedTuple):
    """A product as a loop: the number of its line, and what it is made of, each with its letters."""

    number: int
    target: str
    out: str
    names: tuple[str, str]
    letters: tuple[str, str]

    @property
    def every(self) -> str:
        """The letters of the loops."""
        return "".join(dict.fromkeys(self.letters[0] + self.letters[1]))


def wrong_indices(exercise: Exercise, used: Sequence[tuple[int, Line]]) -> Iterator[tuple[int, Line, Change]]:
    """Lines with their numbers in whose loops one operand is another, at another index, or unfinished."""
    letters = _letters(exercise)
    loops = [loop for number, line in used if (loop := _loop(exercise, letters, number, line))]
    for loop in loops:
        known = scope(exercise.solution, loop.number, [*exercise.arguments])
        plain = {x: letters[x] for x in known if x in letters and exercise.phrase(x) == x}
        for words, function in _elsewhere(exercise, loop):
            yield loop.number, Line(loop.target, "@", loop.names, function), Change(INDEX, words, function)
        for place in (0, 1):
            own, rest = loop.names[place], loop.names[1 - place]
            for words, name, function in _others(exercise, loop, place, plain):
                line = Line(loop.target, "@", (name, own, rest), function)
                yield loop.number, line, Change(INDEX, words, function)
            for other in loops:
                for words, function in _unfinished(exercise, loop, place, other):
                    line = Line(loop.target, "@", (*other.names, rest), function)
                    yield loop.number, line, Change(PARTIAL, words, function)


def _letters(exercise: Exercise) -> dict[str, str]:
    """The two letters of each number of the textbook solution that has two axes."""
    results = {exercise.computed(name): shape for name, shape in exercise.results.items()}
    found = {}
    for name, shape in (dict(exercise.arguments) | results).items():
        if axes := re.match(r"\(([A-Z]), ([A-Z])\)", shape):
            found[name] = (axes[1] + axes[2]).lower()
    for line in exercise.solution.lines:
        own = [found.get(name, "") for name in line.operands]
        if line.operation == "@" and all(own):
            found.setdefault(line.target, own[0][0] + own[1][1])
        elif line.operation in ALONG and own[0]:
            found.setdefault(line.target, own[0][::-1] if line.operation == "transposed" else own[0])
    return found


def _loop(exercise: Exercise, letters: Mapping[str, str], number: int, line: Line) -> Loop | None:
    """The loop of a product, its operands as they are before any transpose; None if it is no such product."""
    if line.operation != "@" or not {*line.operands, line.target} <= {*letters}:
        return None
    first, second = (_behind(exercise, name, ("transposed",)) for name in line.operands)
    loop = Loop(number, line.target, letters[line.target], (first, second), (letters[first], letters[second]))
    return loop if len(loop.every) == 3 else None


def _behind(exercise: Exercise, name: str, operations: Sequence[str]) -> str:
    """What a number is made of by such operations, by its first operand."""
    made = {line.target: line for line in exercise.solution.lines}
    while name in made and made[name].operation in operations:
        name = made[name].operands[0]
    return name


def _said(exercise: Exercise, name: str, index: str = "") -> str:
    """An array's name with its index; in words if it has no name of its own."""
    plain = _behind(exercise, name, ("transposed", "/"))
    if exercise.phrase(plain) == plain:
        return f"{plain}_{index}" if index else plain
    return f"{exercise.phrase(name)} at {index}" if index else exercise.phrase(name)


def _others(
    exercise: Exercise, loop: Loop, place: int, plain: Mapping[str, str]
) -> Iterator[tuple[str, str, Any]]:
    """What may stand in an operand's place: in words, its name, and the product with it."""
    own, right = loop.names[place], loop.letters[place]
    found = [(own, a + b) for a in loop.every for b in loop.every if a != b and a + b != right]
    found += [
        (name, letters) for name, letters in plain.items() if name != own and {*letters} <= {*loop.every}
    ]
    for name, index in found:
        words = f"{_said(exercise, name, index)} stands where {_said(exercise, own, right)} belongs"
        for n, noun in enumerate(("row", "column")):
            if name == own and index[1 - n] == right[1 - n]:
                words = f"{noun} {index[n]} of {_said(exercise, own)} stands where {noun} {right[n]} belongs"
        for wrapped in (True, False):
            function = partial(_product, index, right, loop.letters[1 - place], loop.out, wrapped)
            yield f"{words}, in {exercise.phrase(loop.target)}", name, function


def _product(
    index: str, right: str, rest: str, out: str, wrapped: bool, x: Array, own: Array, other: Array
) -> Array:
    """The product with x in the place of its own operand; an index too large begins again, or ends there."""
    sizes = dict(zip(right + rest, own.shape + other.shape, strict=True))
    numbers = [(np.arange(sizes[letter]), n) for letter, n in zip(index, x.shape, strict=True)]
    rows, columns = (at % n if wrapped else np.minimum(at, n - 1) for at, n in numbers)
    terms = f"{index},{right},{rest}->{out}"
    return np.asarray(np.einsum(terms, x[np.ix_(rows, columns)], np.ones(own.shape), other))


def _elsewhere(exercise: Exercise, loop: Loop) -> Iterator[tuple[str, Any]]:
    """The terms added to other entries of the target: in words, and the product."""
    for index in (a + b for a in loop.every for b in loop.every if a != b and a + b != loop.out):
        own, other = (_said(exercise, loop.target, letters) for letters in (loop.out, index))
        for wrapped in (True, False):
            found = partial(_added, loop.letters, loop.every, loop.out, index, wrapped)
            yield f"the terms of {own} are added to {other}", found


def _added(
    letters: tuple[str, str], every: str, out: str, index: str, wrapped: bool, a: Array, b: Array
) -> Array:
    """A product whose terms are added at another index; one too large begins again, or ends there."""
    terms = np.einsum(f"{letters[0]},{letters[1]}->{every}", a, b)
    found = np.zeros([terms.shape[every.index(letter)] for letter in out])
    at = [(np.indices(terms.shape)[every.index(x)], n) for x, n in zip(index, found.shape, strict=True)]
    np.add.at(found, tuple(x % n if wrapped else np.minimum(x, n - 1) for x, n in at), terms)
    return found


def _unfinished(exercise: Exercise, loop: Loop, place: int, other: Loop) -> Iterator[tuple[str, Any]]:
    """Another target of the same loops, with its terms so far, in an operand's place: words and product."""
    if other is loop or other.out != loop.letters[place] or {*other.every} != {*loop.every}:
        return
    words = (f"{_said(exercise, other.target, other.out)} stands where "
             f"{_said(exercise, loop.names[place], other.out)} belongs, in {exercise.phrase(loop.target)}, "
             "and is still being summed")  # fmt: skip
    every = other.out + next(letter for letter in other.every if letter not in other.out)
    for newest in (True, False):
        yield words, partial(_so_far, other.letters, every, loop.letters[1 - place], loop.out, newest)


def _so_far(
    letters: tuple[str, str], every: str, rest: str, out: str, newest: bool, a: Array, b: Array, c: Array
) -> Array:
    """The product of c with the sums so far of a and b, the newest term among them or not."""
    terms = np.einsum(f"{letters[0]},{letters[1]}->{every}", a, b)
    sums = np.cumsum(terms, axis=-1) - (0.0 if newest else terms)
    return np.asarray(np.einsum(f"{every},{rest}->{out}", sums, c))
