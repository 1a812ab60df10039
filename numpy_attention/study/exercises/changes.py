"""How each operation of a textbook solution is got wrong, the most likely mistake first.

A `Change` is another function in an operation's place, with the sentence for it: {t} is the line's result,
{a} and {b} are its operands.
"""

import math
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .operations import FUNCTIONS, Function, along_rows, not_later, softmax, transposed


def _divided_by_columns(powers: Array) -> Array:
    return np.asarray(powers / powers.sum(axis=0, keepdims=True))


class Change(NamedTuple):
    """A wrong function, the kind of the mistake, and the mistake in a sentence."""

    kind: str
    words: str
    function: Function


FACTOR, FACTOR_TWICE = "a factor is missing", "a factor too many"
TERM, SIGN, OPERATION = "a term is missing", "a sign is wrong", "the wrong operation"
AXIS, SUM, LOST = "the wrong axis", "a sum and a mean are confused", "an axis is lost in a sum"
TRANSPOSE, STEP, ORDER = "a transpose is missing", "a step is left out", "something stands in the wrong order"
MASK, HEADS, RANGE, SCALE = "the mask", "the heads", "numbers out of range", "the scale"
REPEATED, TOO_MUCH = "what was read several times must be added up", "a step too many"
DTYPE = "the dtype"

CHANGES: dict[str, tuple[Change, ...]] = {
    "*": (
        Change(FACTOR, "{a} is not multiplied by {b}, in {t}", lambda a, b: a),
        Change(FACTOR, "{b} is not multiplied by {a}, in {t}", lambda a, b: b),
        Change(FACTOR_TWICE, "{b} is multiplied in twice, in {t}", lambda a, b: a * b * b),
        Change(FACTOR_TWICE, "{a} is multiplied in twice, in {t}", lambda a, b: a * a * b),
        Change(OPERATION, "{a} is divided by {b}, not multiplied, in {t}", lambda a, b: a / b),
        Change(OPERATION, "{a} and {b} are added, not multiplied, in {t}", lambda a, b: a + b),
        Change(OPERATION, "{b} is subtracted from {a}, not multiplied, in {t}", lambda a, b: a - b),
        Change(OPERATION, "{a} and {b} are multiplied as matrices, not entry by entry, in {t}", lambda a,
               b: a @ b),
    ),
    "/": (
        Change(FACTOR, "{a} is not divided by {b}, in {t}", lambda a, b: a),
        Change(FACTOR_TWICE, "{a} is divided by {b} twice, in {t}", lambda a, b: a / b / b),
        Change(OPERATION, "{a} is multiplied by {b}, not divided, in {t}", lambda a, b: a * b),
    ),
    "+": (
        Change(TERM, "{b} is not added to {a}, in {t}", lambda a, b: a),
        Change(TERM, "{a} is not added to {b}, in {t}", lambda a, b: b),
        Change(SIGN, "{b} is subtracted from {a}, not added", lambda a, b: a - b),
        Change(SIGN, "{a} is subtracted from {b}, not added", lambda a, b: b - a),
    ),
    "-": (
        Change(TERM, "{b} is not subtracted from {a}", lambda a, b: a),
        Change(SIGN, "{b} is added to {a}, not subtracted", lambda a, b: a + b),
        Change(SIGN, "{a} is subtracted from {b}, not the other way round", lambda a, b: b - a),
        Change(TERM, "{a} is forgotten, and only minus {b} is left", lambda a, b: -b),
        Change(OPERATION, "{a} is multiplied by {b}, where {b} is to be subtracted", lambda a, b: a * b),
    ),
    "@": (
        Change(ORDER, "{a} and {b} are multiplied in the wrong order, in {t}", lambda a, b: b @ a),
        Change(OPERATION, "{a} and {b} are multiplied entry by entry, not as matrices, in {t}",
               lambda a, b: a * b),
        Change(REPEATED, "the sum for {t} keeps its last term alone: each overwrites the one before, "
               "or the array is made anew in the loop",
               lambda a, b: a[..., -1:] @ b[..., -1:, :]),
        Change(REPEATED, "the sum for {t} keeps its first term alone",
               lambda a, b: a[..., :1] @ b[..., :1, :]),
        Change(SUM, "the terms of {t} are averaged, not added", lambda a, b: a @ b / b.shape[-2]),
        Change(TRANSPOSE, "{b} is transposed, in {t}, where it must not be", lambda a, b: a @ transposed(b)),
        Change(TRANSPOSE, "{a} is transposed, in {t}, where it must not be", lambda a, b: transposed(a) @ b),
        Change(TRANSPOSE, "both factors are transposed, in {t}", lambda a, b: transposed(a) @ transposed(b)),
        Change(ORDER, "{a} and {b} are exchanged, in {t}, and one is transposed",
               lambda a, b: transposed(b) @ a if b.shape[-2] == a.shape[-2] else b @ transposed(a)),
        Change(OPERATION, "the largest term of {t} is taken, not the sum",
               lambda a, b: (a[..., None] * b[..., None, :, :]).max(axis=-2)),
    ),
    "**": (
        Change(STEP, "{a} is not raised to the power of {b}", lambda a, b: a),
        Change(STEP, "the power of {a} is one too high: {b} is counted too early", lambda a, b: a ** (b + 1)),
        Change(STEP, "the power of {a} is one too low", lambda a, b: a ** (b - 1)),
        Change(OPERATION, "{a} is multiplied by {b}, not raised to that power", lambda a, b: a * b),
    ),
    "rowsum": (
        Change(SUM, "the mean of {a} along each row is taken, not the sum", FUNCTIONS["rowmean"]),
        Change(AXIS, "{a} is summed down the columns, not along the rows",
               lambda x: x.sum(axis=-2, keepdims=True)),
        Change(AXIS, "{a} is summed over the whole array, not row by row", lambda x: x.sum()),
        Change(LOST, "the row sums of {a} lose their axis, and are laid along the columns",
               lambda x: x.sum(axis=-1)),
        Change(OPERATION, "the largest entry of {a} in each row is taken, not the sum", FUNCTIONS["rowmax"]),
        Change(STEP, "{a} is not summed along the row", lambda x: x),
        Change(AXIS, "the mean of {a} over the whole array is taken, not the sum of each row",
               lambda x: x.mean()),
        Change(AXIS, "the sum of the first row of {a} is used for all rows", lambda x: x[:1].sum()),
        Change(REPEATED, "only the last entry of each row of {a} is taken, not their sum", lambda x: x[...,
            -1:]),
    ),
    "softmax": (
        Change(RANGE,
               "the largest of {a} in the row is not subtracted before the exponential, which overflows",
               lambda x: np.exp(x) / along_rows(np.exp(x))),
        Change(AXIS, "the softmax runs down the columns, not along the rows",
               lambda x: transposed(softmax(transposed(x)))),
        Change(AXIS, "the softmax runs over the whole array, not row by row",
               lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum()),
        Change(AXIS, "the exponential is divided by the sum over the whole array, not of its row",
               lambda x: np.exp(x - x.max(axis=-1, keepdims=True)) / np.exp(x - x.max(axis=-1,
                   keepdims=True)).sum()),
        Change(AXIS, "the exponential is divided by the sum of its column, not of its row",
               lambda x: _divided_by_columns(np.exp(x - x.max(axis=-1, keepdims=True)))),
        Change(STEP, "the exponentials are not divided by their sum", lambda x: np.exp(x - x.max(axis=-1,
            keepdims=True))),
        Change(OPERATION, "a sigmoid is taken of each entry, not a softmax of the row",
               lambda x: 1 / (1 + np.exp(-x))),
    ),
    "rowmean": (
        Change(SUM, "the sum of {a} along each row is taken, not the mean", along_rows),
        Change(AXIS, "the mean of {a} is taken down the columns, not along the rows",
               lambda x: x.mean(axis=-2, keepdims=True)),
        Change(AXIS, "the mean of {a} is taken over the whole array, not row by row", lambda x: x.mean()),
        Change(LOST, "the row means of {a} lose their axis, and are laid along the columns",
               lambda x: x.mean(axis=-1)),
        Change(SUM, "the mean of {a} is divided by one less than the number of entries",
               lambda x: along_rows(x) / max(x.shape[-1] - 1, 1)),
    ),
    "rowmax": (
        Change(RANGE,
               "the largest of {a} in the row is not subtracted before the exponential, which overflows",
               lambda x: np.zeros(())),
        Change(RANGE, "the largest of {a} in the whole array is taken, and a row far below it vanishes",
               lambda x: x.max()),
        Change(AXIS, "the largest of {a} is taken down the columns, not along the rows",
               lambda x: x.max(axis=-2, keepdims=True)),
        Change(OPERATION, "the row sum of {a} is subtracted before the exponential, not the largest",
               along_rows),
        Change(RANGE, "the largest of {a} is carried over from the row before: it does not start anew",
               lambda x: np.maximum.accumulate(x.max(axis=-1, keepdims=True), axis=-2)),
        Change(RANGE, "the smallest of {a} is taken, not the largest",
               lambda x: x.min(axis=-1, keepdims=True)),
    ),
    "colsum": (
        Change(SUM, "the mean of {a} over the rows is taken, not the sum", lambda x: x.mean(axis=0)),
        Change(AXIS, "{a} is summed along the rows, not down the columns", lambda x: x.sum(axis=-1)),
        Change(AXIS, "{a} is summed over the whole array", lambda x: np.full(x.shape[-1], x.sum())),
        Change(AXIS, "{a} is summed over the whole array, to one number", lambda x: x.sum()),
        Change(STEP, "{a} is not summed over the rows", lambda x: x),
        Change(STEP, "only the first row of {a} is taken, not the sum of all rows", lambda x: x[0]),
        Change(STEP, "only the last row of {a} is taken, not the sum of all rows", lambda x: x[-1]),
        Change(LOST, "the sum keeps an axis that {t} does not have", lambda x: x.sum(axis=0, keepdims=True)),
    ),
    "transposed": (Change(TRANSPOSE, "{a} is not transposed, in {t}", lambda x: x),
                   Change(TRANSPOSE, "{a} is transposed over all its axes, not over the last two, in {t}",
                          lambda x: x.T if x.ndim > 2 else x)),
    "exp": (Change(STEP, "the exponential of {a} is left out", lambda x: x),
            Change(OPERATION, "{a} is the exponent of two, not of e", np.exp2)),
    "root": (Change(STEP, "the square root of {a} is left out", lambda x: x),),
    "square": (Change(STEP, "{a} is not squared", lambda x: x),),
    "one_minus": (Change(STEP, "{a} itself is taken, not one minus it", lambda x: x),),
    "width_root": (
        Change(SCALE, "it is divided by the width, not by its square root: the root is left out, or the "
               "scale applied twice", lambda x: x.shape[-1]),
        Change(SCALE, "nothing is divided by the square root of the width", lambda x: 1.0),
        Change(AXIS, "the square root of the number of rows is taken, not of the width",
               lambda x: math.sqrt(x.shape[-2])),
    ),
    "hide": (
        Change(MASK, "the mask is ignored: hidden keys get a share", lambda x, visible: x),
        Change(MASK, "the mask is read the other way: what is visible is hidden",
               lambda x, visible: np.where(visible, -np.inf, x)),
        Change(MASK, "hidden scores become zero, not minus infinity, and keep a share",
               lambda x, visible: np.where(visible, x, 0.0)),
        Change(MASK, "hidden scores become a finite negative number, which is above other scores",
               lambda x, visible: np.where(visible, x, -1e9)),
        Change(MASK, "a causal mask is used, not the given one",
               lambda x, visible: np.where(np.tri(*x.shape) > 0, x, -np.inf)),
        Change(MASK, "the mask is transposed", lambda x, visible: np.where(visible.T, x, -np.inf)),
        Change(MASK, "the mask is added to the scores as zeros and ones", lambda x, visible: x + visible),
        Change(MASK, "plus infinity hides, where minus infinity should",
               lambda x, visible: np.where(visible, x, np.inf)),
    ),
    "not_later": (
        Change(MASK, "the own position is hidden too", lambda x, n: not_later(x, n - 1)),
        Change(MASK, "one key too many is visible, the one after the query", lambda x, n: not_later(x,
            n + 1)),
        Change(MASK, "the earlier keys are hidden, not the later ones",
               lambda x, n: ~not_later(x, n - 1)),
        Change(MASK, "what is visible and what is hidden are exchanged", lambda x, n: ~not_later(x, n)),
        Change(MASK, "the offset is ignored", lambda x, n: not_later(x, 0)),
        Change(MASK, "the offset has the wrong sign", lambda x, n: not_later(x, -n)),
        Change(MASK, "the diagonal ends in the last corner, whatever the offset",
               lambda x, n: not_later(x, x.shape[1] - x.shape[0])),
    ),
}  # fmt: skip
"""The ways in which an operation is got wrong, the most likely first; `own_changes` has the special ones."""
