"""How each operation of a textbook solution is got wrong, the most likely mistake first.

A `Change` is another function in an operation's place, with the sentence for it: {t} is the line's result,
{a} and {b} are its operands.
"""

import math
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .operations import (
    FUNCTIONS,
    Function,
    added_at,
    along_rows,
    grouped,
    interleaved,
    join_heads,
    not_later,
    one_hot,
    put_at,
    rates,
    softmax,
    transposed,
)


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
MASK, HEADS, RANGE = "the mask", "the heads", "numbers out of range"
REPEATED = "what was read several times must be added up"

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
        Change(REPEATED, "the sum behind {t} keeps its last term alone: each overwrites the one before",
               lambda a, b: a[..., -1:] @ b[..., -1:, :]),
        Change(REPEATED, "the sum behind {t} keeps its first term alone",
               lambda a, b: a[..., :1] @ b[..., :1, :]),
        Change(SUM, "the terms behind {t} are averaged, not added", lambda a, b: a @ b / b.shape[-2]),
    ),
    "**": (
        Change(STEP, "{a} is not raised to the power {b}", lambda a, b: a),
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
        Change(RANGE, "the smallest of {a} is taken, not the largest",
               lambda x: x.min(axis=-1, keepdims=True)),
    ),
    "colsum": (
        Change(SUM, "the mean of {a} over the rows is taken, not the sum", lambda x: x.mean(axis=0)),
        Change(AXIS, "{a} is summed along the rows, not down the columns", lambda x: x.sum(axis=-1)),
        Change(AXIS, "{a} is summed over the whole array", lambda x: np.full(x.shape[-1], x.sum())),
        Change(STEP, "{a} is not summed over the rows", lambda x: x),
        Change(STEP, "only the first row of {a} is taken, not the sum of all rows", lambda x: x[0]),
        Change(STEP, "only the last row of {a} is taken, not the sum of all rows", lambda x: x[-1]),
        Change(LOST, "the sum keeps an axis that {t} does not have", lambda x: x.sum(axis=0, keepdims=True)),
    ),
    "transposed": (Change(TRANSPOSE, "{a} is not transposed, in {t}", lambda x: x),),
    "exp": (Change(STEP, "the exponential of {a} is left out", lambda x: x),
            Change(OPERATION, "{a} is the exponent of two, not of e", np.exp2)),
    "root": (Change(STEP, "the square root of {a} is left out", lambda x: x),),
    "square": (Change(STEP, "{a} is not squared", lambda x: x),),
    "one_minus": (Change(STEP, "{a} itself is taken, not one minus it", lambda x: x),),
    "width_root": (
        Change(STEP, "the square root is left out: the width itself is taken", lambda x: x.shape[-1]),
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
    "split_heads": (
        Change(HEADS, "the rows of {a} are cut up among the heads, not its columns",
               lambda x, heads: x.reshape(heads, len(x), -1)),
        Change(HEADS, "a head takes every H-th column of {a}, not neighbouring ones",
               lambda x, heads: x.reshape(len(x), -1, heads).transpose(2, 0, 1)),
    ),
    "join_heads": (
        Change(HEADS, "the heads are joined without bringing their axis beside the columns",
               lambda x: x.reshape(x.shape[1], -1)),
        Change(HEADS, "the heads' columns are interleaved when they are joined",
               lambda x: x.transpose(1, 2, 0).reshape(x.shape[1], -1)),
        Change(HEADS, "the heads are joined in reverse order", lambda x: join_heads(x[::-1])),
        Change(HEADS, "the heads are averaged, not joined",
               lambda x: np.tile(x.mean(axis=0), (1, len(x)))),
    ),
    "repeat_heads": (
        Change(HEADS, "query head h reads key head h modulo G: the key heads are tiled, not repeated",
               lambda key, query: np.tile(key, (len(query) // len(key), 1, 1))),
        Change(HEADS, "all query heads read the first key head",
               lambda key, query: np.repeat(key[:1], len(query), axis=0)),
    ),
    "sum_groups": (
        Change(HEADS, "the gradients of a group's query heads are averaged, not added",
               lambda d, key: grouped(d, key).mean(axis=1)),
        Change(HEADS, "only the first query head of each group is taken, not the sum over the group",
               lambda d, key: grouped(d, key)[:, 0]),
        Change(HEADS, "only the last query head of each group is taken: each overwrites the one before",
               lambda d, key: grouped(d, key)[:, -1]),
        Change(HEADS, "the heads are summed as if query head h read key head h modulo G",
               lambda d, key: d.reshape(-1, len(key), *d.shape[1:]).sum(axis=0)),
        Change(HEADS, "the sum runs over all query heads, not over those of the group",
               lambda d, key: np.repeat(d.sum(axis=0, keepdims=True), len(key), axis=0)),
        Change(HEADS, "the gradients of a group's query heads are not added up", lambda d, key: d),
        Change(HEADS, "only the first query heads are taken, one for each key head",
               lambda d, key: d[: len(key)]),
    ),
    "rotary_angles": (
        Change(OPERATION, "the rates fall half as fast: the exponent lacks the factor two",
               lambda n, x: n[:, None] * rates(x, 0.5)),
        Change(OPERATION, "the rates fall twice as fast: the factor two is in the exponent twice",
               lambda n, x: n[:, None] * rates(x, 2.0)),
        Change(SIGN, "the rates rise: the exponent has the wrong sign", lambda n, x: n[:, None] * rates(x,
            -1.0)),
        Change(STEP, "all pairs turn equally fast: the rates are left out",
               lambda n, x: n[:, None] * np.ones(x.shape[-1] // 2)),
        Change(ORDER, "the pairs turn in reverse order of their rates",
               lambda n, x: n[:, None] * rates(x)[::-1]),
        Change(ORDER, "positions are counted from one, or the given ones are ignored",
               lambda n, x: (n[:, None] + 1) * rates(x)),
        Change(OPERATION, "the angles are taken for degrees", lambda n, x: np.radians(n[:, None] * rates(x))),
        Change(OPERATION, "the base is another than 10,000", lambda n, x: n[:, None] * rates(x, 0.75)),
        Change(ORDER, "positions are counted from the first one given", lambda n, x: (n - n[0])[:,
            None] * rates(x)),
        Change(STEP, "the last pair is not turned",
               lambda n, x: n[:, None] * np.where(np.arange(x.shape[-1] // 2) < x.shape[-1] // 2 - 1,
                                                  rates(x), 0)),
        Change(STEP, "only the first pair is turned",
               lambda n, x: n[:, None] * np.where(np.arange(x.shape[-1] // 2) < 1, rates(x), 0)),
        Change(ORDER, "the given positions are ignored: rows are counted from zero",
               lambda n, x: np.arange(len(n))[:, None] * rates(x)),
    ),
    "interleaved": (
        Change(ORDER, "the entries are put behind each other in halves, not in turn",
               lambda even, odd: np.concatenate([even, odd], axis=-1)),
        Change(ORDER, "the two entries of each pair are exchanged", lambda even, odd: interleaved(odd, even)),
    ),
    "one_hot": (
        Change(TERM, "the one of the target's class is not subtracted",
               lambda targets, logits: np.zeros(logits.shape)),
        Change(ORDER, "classes are counted from one: the column before the target's is taken",
               lambda targets, logits: one_hot(targets - 1, logits)),
        Change(ORDER, "the one stands one column before the target's, around the edge",
               lambda targets, logits: one_hot(np.where(targets < 0, -1, (targets - 1) % logits.shape[-1]),
                                               logits)),
        Change(STEP, "the one stands in the last column for a target of minus one",
               lambda targets, logits: one_hot(targets % logits.shape[-1], logits)),
    ),
    "kept_rows": (
        Change(STEP, "rows whose target is ignored have a gradient", lambda x, targets: x),
    ),
    "count": (
        Change(SUM, "the mean counts the ignored targets too", lambda targets, logits: len(targets)),
        Change(SUM, "the gradient is not divided by the number of targets: the loss is their mean",
               lambda targets, logits: 1),
        Change(SUM, "the gradient is divided by the number of classes, not of targets",
               lambda targets, logits: logits.shape[-1]),
        Change(SUM, "the gradient is divided by the number of all logits, not of targets",
               lambda targets, logits: logits.size),
    ),
    "added_at": (
        Change(REPEATED, "where an index occurs several times only its last gradient is kept", put_at),
        Change(REPEATED, "where an index occurs several times only its first gradient is kept",
               lambda d, n, rows: put_at(d[::-1], n[::-1], rows)),
        Change(REPEATED, "where an index occurs several times its gradients are averaged, not added",
               lambda d, n, rows: added_at(d, n, rows) / np.maximum(np.bincount(n, minlength=rows), 1)[:,
                   None]),
        Change(ORDER, "the gradients stand at the positions, not at the indices",
               lambda d, n, rows: put_at(d, np.arange(len(d)) % rows, rows)),
        Change(SIGN, "the gradients are subtracted from the table", lambda d, n, rows: -added_at(d, n, rows)),
        Change(FACTOR, "the indices are counted; their gradients are ignored",
               lambda d, n, rows: added_at(np.ones(d.shape), n, rows)),
        Change(FACTOR_TWICE, "a gradient is added once more for each occurrence of its index",
               lambda d, n, rows: added_at(d, n, rows) * np.bincount(n, minlength=rows)[:, None]),
        Change(ORDER, "the rows of the table are in the order in which indices first occur",
               lambda d, n, rows: added_at(d, np.unique(n, return_inverse=True)[1], rows)),
        Change(STEP, "the last token is left out", lambda d, n, rows: added_at(d[:-1], n[:-1], rows)),
        Change(STEP, "the first token is left out", lambda d, n, rows: added_at(d[1:], n[1:], rows)),
        Change(ORDER, "the table ends at the largest index that occurs",
               lambda d, n, rows: added_at(d, n, int(n.max()) + 1)),
        Change(ORDER, "indices are counted from one", lambda d, n, rows: added_at(d, (n - 1) % rows, rows)),
        Change(REPEATED, "the gradient is the same for every row that was read",
               lambda d, n, rows: put_at(np.broadcast_to(d.sum(axis=0), d.shape), n, rows)),
    ),
}  # fmt: skip
"""The ways in which an operation is got wrong, the most likely first."""
