"""The numbers of which a wrong result may be made: the textbook solution's own, their sums, forms of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .operations import softmax, transposed
from .program import Numbers


class Atom(NamedTuple):
    """A number or an array: its words, how it is made of the numbers of a case, and how unlikely it is."""

    words: str
    of: Callable[[Numbers], Any]
    cost: float

    def value(self, numbers: Numbers) -> Array:
        """Its value in a case."""
        return np.asarray(self.of(numbers), dtype=float)


def _laid(x: Array) -> Array:
    """A kept column or row laid along the other axis."""
    return transposed(x)


SUMS: tuple[tuple[str, Callable[[Array], Any], float], ...] = (
    ("the row sums of {x}", lambda x: x.sum(axis=-1, keepdims=True), 1.0),
    ("the column sums of {x}", lambda x: x.sum(axis=-2, keepdims=True), 1.2),
    ("the sum of all of {x}", lambda x: x.sum(), 1.3),
    ("the largest of each row of {x}", lambda x: x.max(axis=-1, keepdims=True), 1.5),
    ("the row sums of {x}, laid along the columns", lambda x: _laid(x.sum(axis=-1, keepdims=True)), 1.6),
    ("the column sums of {x}, laid along the rows", lambda x: _laid(x.sum(axis=-2, keepdims=True)), 1.6),
    ("the largest of each column of {x}", lambda x: x.max(axis=-2, keepdims=True), 1.7),
    ("the smallest of each row of {x}", lambda x: x.min(axis=-1, keepdims=True), 1.7),
    ("the sum of {x} over the heads", lambda x: x.sum(axis=0, keepdims=True) if x.ndim > 2 else None, 1.5),
)
"""Of an array: one number for each row or column, or for all."""

FORMS: tuple[tuple[str, Callable[[Array], Any], float], ...] = (
    ("the transposed {x}", transposed, 1.5),
    ("one minus {x}", lambda x: 1 - x, 1.5),
    ("{x} times one minus it", lambda x: x * (1 - x), 1.6),
    ("the absolute value of {x}", np.abs, 1.6),
    ("the exponential of {x}", np.exp, 1.6),
    ("the logarithm of {x}", np.log, 1.6),
    ("the root of {x}", np.sqrt, 1.6),
    ("the softmax of {x}", softmax, 1.7),
    ("{x} with negative entries set to zero", lambda x: np.maximum(x, 0), 1.7),
    ("the sign of {x}", np.sign, 1.8),
    ("one where {x} is positive, and zero elsewhere", lambda x: x > 0, 1.8),
    ("one where {x} is largest in its row", lambda x: x == x.max(axis=-1, keepdims=True), 1.8),
    ("one where {x} is zero", lambda x: x == 0, 1.8),
    ("the length of each row of {x}", lambda x: np.sqrt((x * x).sum(axis=-1, keepdims=True)), 1.8),
    ("the norm of {x}", lambda x: np.sqrt((x * x).sum()), 1.8),
    ("{x} with its rows in reverse order", lambda x: x[..., ::-1, :], 1.7),
    ("{x} with its columns in reverse order", lambda x: x[..., ::-1], 1.7),
    ("{x} with its heads in reverse order", lambda x: x[::-1] if x.ndim > 2 else None, 1.7),
    ("{x} moved down by one row", lambda x: np.roll(x, 1, axis=-2), 1.8),
    ("{x} moved up by one row", lambda x: np.roll(x, -1, axis=-2), 1.8),
    ("{x} moved by one column", lambda x: np.roll(x, 1, axis=-1), 1.8),
    ("{x} moved back by one column", lambda x: np.roll(x, -1, axis=-1), 1.8),
    ("{x} moved by one head", lambda x: np.roll(x, 1, axis=0) if x.ndim > 2 else None, 1.8),
    ("{x} moved back by one head", lambda x: np.roll(x, -1, axis=0) if x.ndim > 2 else None, 1.8),
    ("the first row of {x}", lambda x: x[..., :1, :], 1.6),
    ("the last row of {x}", lambda x: x[..., -1:, :], 1.6),
    ("the first column of {x}", lambda x: x[..., :1], 1.6),
    ("the last column of {x}", lambda x: x[..., -1:], 1.6),
    ("the running sum down the rows of {x}", lambda x: np.cumsum(x, axis=-2), 1.8),
    ("the running sum along the rows of {x}", lambda x: np.cumsum(x, axis=-1), 1.8),
    ("the number of each row of {x}, from zero", lambda x: np.arange(x.shape[-2])[:, None], 2.0),
    ("the median of each row of {x}", lambda x: np.median(x, axis=-1, keepdims=True), 2.0),
    ("the rounded {x}", np.round, 2.0),
)
"""Of an array: another one."""

ONE = Atom("one", lambda numbers: 1.0, 0.5)


def fits(x: Any, shape: tuple[int, ...]) -> bool:
    """True if it is broadcast to the shape."""
    own = np.shape(x)
    return len(own) <= len(shape) and all(n in (1, m) for n, m in zip(own[::-1], shape[::-1], strict=False))


class Shelf(NamedTuple):
    """The atoms that are broadcast to a shape, no two equal in both cases, and their numbers, a row each."""

    atoms: list[Atom]
    rows: Array
    others: Array


class Atoms:
    """Atoms of a case: the solution's own numbers and their sums, which are plain, and forms of them.

    Another case, without the same entries hidden, tells apart what is equal by accident.
    """

    def __init__(self, numbers: Numbers, others: Numbers, phrases: Mapping[str, str]) -> None:
        own = [named(name, phrases.get(name, name)) for name in numbers]
        plain = [ONE, *own, *(each for one in own for each in _made(one, SUMS, numbers))]
        forms = [each for one in own for each in _made(one, FORMS, numbers)]
        forms += [each for one in _products(own, numbers) for each in _made(one, SUMS[:3], numbers)]
        forms += [*_matrix_products(own, numbers)]
        self.own = {each.words: each for each in own}
        self.plain = {each.words for each in plain}
        with np.errstate(all="ignore"):
            self._found = sorted(_known([*plain, *forms], numbers, others), key=lambda each: each[0].cost)
        self._shelves: dict[tuple[tuple[int, ...], tuple[int, ...]], Shelf] = {}

    def shelf(self, shape: tuple[int, ...], other: tuple[int, ...]) -> Shelf:
        """Those that are broadcast to a shape, which is another one in the other case."""
        if (shape, other) not in self._shelves:
            kept: dict[bytes, tuple[Atom, Array, Array]] = {}
            for atom, x, y in self._found:
                if fits(x, shape) and fits(y, other):
                    row, beside = (np.broadcast_to(z, s).ravel() for z, s in ((x, shape), (y, other)))
                    kept.setdefault(digits(row).tobytes() + digits(beside).tobytes(), (atom, row, beside))
            atoms, rows, others = zip(*kept.values(), strict=True)
            self._shelves[shape, other] = Shelf([*atoms], np.array(rows), np.array(others))
        return self._shelves[shape, other]


def _known(found: list[Atom], numbers: Numbers, others: Numbers) -> Iterator[tuple[Atom, Array, Array]]:
    """Those that are finite and not zero, with their values in both cases."""
    for each in found:
        try:
            x, y = each.value(numbers), each.value(others)
        except (ValueError, TypeError, IndexError):
            continue
        if np.isfinite(x).all() and x.any():
            yield each, x, y


def digits(x: Array) -> Array:
    """The numbers rounded to nine digits of the largest one."""
    largest = float(np.abs(x[np.isfinite(x)]).max(initial=0))
    unit = 10.0 ** (np.floor(np.log10(largest)) - 9) if largest else 1.0
    return np.round(x / unit) * unit + 0.0


def named(name: str, words: str) -> Atom:
    """The atom of one of the solution's own numbers."""
    return Atom(words, lambda numbers: numbers[name], 1.0)


def _made(one: Atom, table: Any, numbers: Numbers) -> Iterator[Atom]:
    """What the rows of a table make of an array with rows."""
    if one.value(numbers).ndim > 1:
        for words, function, cost in table:
            yield Atom(words.format(x=one.words), _after(function, one), one.cost - 1 + cost)


def _after(function: Callable[[Array], Any], one: Atom) -> Callable[[Numbers], Any]:
    return lambda numbers: function(one.value(numbers))


def _products(own: list[Atom], numbers: Numbers) -> Iterator[Atom]:
    """Products of two arrays of one shape, the same one twice among them."""
    for n, one in enumerate(own):
        for other in own[n:]:
            if one.value(numbers).shape == other.value(numbers).shape:
                words = f"{one.words} times {other.words}" if one is not other else f"the squared {one.words}"
                yield Atom(words, _combined(np.multiply, one, other), 1.7)


def _combined(function: Callable[..., Any], one: Atom, other: Atom) -> Callable[[Numbers], Any]:
    return lambda numbers: function(one.value(numbers), other.value(numbers))


def _matrix_products(own: list[Atom], numbers: Numbers) -> Iterator[Atom]:
    for one in own:
        for other in own:
            x, y = one.value(numbers), other.value(numbers)
            if x.ndim == y.ndim == 2:
                for words, function, fit in (
                    ("{a} and {b}", lambda a, b: a @ b, x.shape[1] == y.shape[0]),
                    ("{a} and the transposed {b}", lambda a, b: a @ b.T, x.shape[1] == y.shape[1]),
                    ("the transposed {a} and {b}", lambda a, b: a.T @ b, x.shape[0] == y.shape[0]),
                ):
                    if fit:
                        text = "the matrix product of " + words.format(a=one.words, b=other.words)
                        yield Atom(text, _combined(function, one, other), 2.0)
