"""What a loop or an array's dtype makes of a right result: parts of it left 0, sums cut short, numbers cut.

`PARTS` are what a loop that begins or ends in the wrong place never writes, `CASTS` what an array of another
dtype keeps, `SHORT_SUMS` sums that lack a term or run on. {x} is the array.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .changes import AXIS, DTYPE, OPERATION, RANGE, REPEATED, Change

LEFT, CUT, RUN_ON = "a part is never written", "a sum lacks terms", "a sum is not set back to zero"


class Part(NamedTuple):
    """Entries of an array: in words with the verb, why they may be missing, and their mask in an array."""

    words: str
    why: str
    of: Callable[[tuple[int, ...]], Array]

    def mask(self, shape: tuple[int, ...]) -> Array:
        """True at its entries; nowhere if an array of the shape has no such part."""
        return _mask(self.of, shape)


@cache
def _mask(of: Callable[[tuple[int, ...]], Array], shape: tuple[int, ...]) -> Array:
    try:
        return of(shape)
    except IndexError:
        return np.zeros(shape, dtype=bool)


def _along(axis: int, where: Any) -> Callable[[tuple[int, ...]], Array]:
    """The mask of some rows, columns or heads."""

    def of(shape: tuple[int, ...]) -> Array:
        hit = np.zeros(shape[axis], dtype=bool)
        hit[where(shape) if callable(where) else where] = True
        return np.broadcast_to(np.moveaxis(hit[(...,) + (None,) * (len(shape) - 1)], 0, axis), shape)

    return of


def _triangle(sign: int) -> Callable[[tuple[int, ...]], Array]:
    def of(shape: tuple[int, ...]) -> Array:
        rows, columns = np.ogrid[: shape[-2], : shape[-1]]
        return np.broadcast_to(sign * (columns - rows) > 0, shape)

    return of


def _off_diagonal(shape: tuple[int, ...]) -> Array:
    return _triangle(1)(shape) | _triangle(-1)(shape)


EARLY, LATE = "a loop ends one step too early", "a loop begins one step too late"


def _parts(axis: int, noun: str) -> Iterator[Part]:
    yield Part(f"all {noun}s of {{x}} but the first are", "the function returns inside its loop, or the loop "
               "takes one step", _along(axis, slice(1, None)))  # fmt: skip
    yield Part(f"all {noun}s of {{x}} but the last are", "each step makes the array anew",
               _along(axis, slice(None, -1)))  # fmt: skip
    yield Part(f"the first and the last {noun} of {{x}} are", f"{LATE} and ends one too early",
               _along(axis, [0, -1]))  # fmt: skip
    yield Part(
        f"every second {noun} of {{x}} is", "a loop takes steps of two", _along(axis, slice(1, None, 2))
    )
    yield Part(f"the last {noun} of {{x}} is", EARLY, _along(axis, [-1]))
    yield Part(f"the first {noun} of {{x}} is", LATE, _along(axis, [0]))


PARTS: tuple[Part, ...] = (
    *_parts(-2, "row"), *_parts(-1, "column"), *_parts(-3, "head"),
    Part("the columns of {x} beyond the number of its rows are", "a loop runs over the wrong axis",
         _along(-1, lambda shape: slice(shape[-2], None))),
    Part("the rows of {x} beyond the number of its columns are", "a loop runs over the wrong axis",
         _along(-2, lambda shape: slice(shape[-1], None))),
    Part("the entries of {x} right of its diagonal are", "the inner loop ends at the outer one's number",
         _triangle(1)),
    Part("the entries of {x} left of its diagonal are", "the inner loop begins at the outer one's number",
         _triangle(-1)),
    Part("all entries of {x} but its diagonal are", "one loop is missing", _off_diagonal),
)  # fmt: skip
"""The larger parts first: what is left of them are others."""


def left(part: Part, x: Any, fill: float = 0.0) -> Array:
    """The array with a part of it left as it was made."""
    return np.where(part.mask(np.shape(x)), fill, x)


CASTS: tuple[tuple[str, str, Callable[[Any], Array]], ...] = (
    ("int64", "is cut to whole numbers, as in an array of int", np.trunc),
    ("bool", "becomes zeros and ones, as in an array of bool", lambda x: (x != 0).astype(float)),
    ("float32", "is rounded to float32", lambda x: np.asarray(x, np.float32).astype(float)),
    ("float16", "is rounded to float16", lambda x: np.asarray(x, np.float16).astype(float)),
    ("", "is rounded down to a whole number", np.floor),
)
"""A dtype, what it does to an array, and the array that is left."""


def _cut_sum(terms: Array) -> Array:
    """The sum along the last axis, cut to a whole number after each term."""
    total = np.zeros(terms.shape[:-1])
    for k in range(terms.shape[-1]):
        total = np.trunc(total + terms[..., k])
    return total


def _terms(a: Array, b: Array) -> Array:
    """What a product of matrices adds up, along the last axis."""
    return a[..., None, :] * np.swapaxes(b, -1, -2)[..., None, :, :]


def run_on(x: Array) -> Array:
    """Each number with all those before it, row after row."""
    return np.cumsum(x.ravel()).reshape(x.shape)


def _short(k: Callable[[Array, Array], slice]) -> Callable[[Array, Array], Array]:
    def product(a: Array, b: Array) -> Array:
        kept = k(a, b)
        return a[..., kept] @ b[..., kept, :]

    return product


def _one_of(first: int, last: int | None) -> Callable[[Array, Array], Array]:
    return _short(lambda a, b: slice(first, last))


def _row_part(first: int, last: int | None) -> Callable[[Array], Array]:
    return lambda x: x[..., first:last].sum(axis=-1, keepdims=True)


SMALL = (1e-8, 1e-6, 1e-9, 1e-10, 1e-12, 1e-5, 1e-7, 1e-3, 1e-4)
"""What is added to divisors, so that they are not 0."""


def _divided(eps: float, a: Any, b: Any) -> Any:
    return a / (b + eps)


_INT = "the sum for {t} is cut to a whole number after each term, as in an array of int"
_LAST, _FIRST = f"the sum for {{t}} lacks its last term: {EARLY}", (
    f"the sum for {{t}} lacks its first term: {LATE}")  # fmt: skip

SHORT_SUMS: dict[str, tuple[Change, ...]] = {
    "@": (
        Change(CUT, _LAST, _one_of(0, -1)),
        Change(CUT, _FIRST, _one_of(1, None)),
        Change(CUT, "the sum for {t} lacks its first and its last term", _one_of(1, -1)),
        Change(CUT, "the sum for {t} ends after as many terms as {t} has rows",
               _short(lambda a, b: slice(a.shape[-2]))),
        Change(CUT, "the sum for {t} ends after as many terms as {t} has columns",
               _short(lambda a, b: slice(b.shape[-1]))),
        Change(RUN_ON, "the sum for {t} is not set back to zero for each entry, and runs on",
               lambda a, b: run_on(a @ b)),
        Change(RUN_ON, "the sum for {t} is not set back to zero for each entry of a row, and runs on",
               lambda a, b: np.cumsum(a @ b, axis=-1)),
        Change(RUN_ON, "the sum for {t} is not set back to zero for each row, and runs on",
               lambda a, b: np.cumsum(a @ b, axis=-2)),
        Change(DTYPE, _INT, lambda a, b: _cut_sum(_terms(a, b))),
        Change(OPERATION, "the largest term of {t}, or zero, is taken, not the sum",
               lambda a, b: _terms(a, b).max(axis=-1, initial=0.0)),
        Change(AXIS, "each row of {b} is added up before it is multiplied, in {t}",
               lambda a, b: (a @ b.sum(axis=-1, keepdims=True)) * np.ones(b.shape[-1])),
    ),
    "/": tuple(
        Change(RANGE, "a small number is added to {b} before the division, in {t}", partial(_divided, eps))
        for eps in SMALL
    ),
    "rowsum": (
        Change(CUT, _LAST, _row_part(0, -1)),
        Change(CUT, _FIRST, _row_part(1, None)),
        Change(CUT, "the sum for {t} ends after as many terms as {a} has rows",
               lambda x: x[..., : x.shape[-2]].sum(axis=-1, keepdims=True)),
        Change(CUT, "the sum for {t} lacks the entry's own term, as if only other keys counted",
               lambda x: x.sum(axis=-1, keepdims=True) - x),
        Change(REPEATED, "the sum for {t} is used before it is complete: what comes later in the row is "
               "not in it yet", lambda x: np.cumsum(x, axis=-1)),
        Change(REPEATED, "the sum for {t} is used before it is complete: only what came earlier in the "
               "row is in it", lambda x: np.cumsum(x, axis=-1) - x),
        Change(CUT, "the sum for {t} begins at the entry's own key: the keys before it are left out",
               lambda x: np.cumsum(x[..., ::-1], axis=-1)[..., ::-1]),
        Change(CUT, "the sum for {t} begins after the entry's own key: the others are left out",
               lambda x: np.cumsum(x[..., ::-1], axis=-1)[..., ::-1] - x),
        Change(RUN_ON, "the sum for {t} is not set back to zero for each row, and runs on",
               lambda x: run_on(x.sum(axis=-1, keepdims=True))),
        Change(DTYPE, _INT, lambda x: _cut_sum(x)[..., None]),
    ),
    "colsum": (
        Change(CUT, _LAST, lambda x: x[:-1].sum(axis=0)),
        Change(CUT, _FIRST, lambda x: x[1:].sum(axis=0)),
        Change(DTYPE, _INT, lambda x: _cut_sum(x.T)),
    ),
}  # fmt: skip
"""Sums in which a loop takes too few steps, or keeps what it should forget, by operation."""
