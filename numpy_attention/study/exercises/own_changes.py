"""How the operations of single exercises are got wrong: heads, rotary positions, targets, tables."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ...functional.base.admission import Array
from .changes import (
    DTYPE,
    FACTOR,
    FACTOR_TWICE,
    HEADS,
    MASK,
    OPERATION,
    ORDER,
    REPEATED,
    SCALE,
    SIGN,
    STEP,
    SUM,
    TERM,
    Change,  # fmt: skip
)
from .operations import added_at, grouped, interleaved, join_heads, one_hot, put_at, rates
from .unfinished import RUN_ON, run_on


def _added_whole(d: Array, n: Array, rows: int) -> Array:
    """As `added_at`, in a table of whole numbers."""
    table = np.zeros((rows, d.shape[-1]))
    for row, index in zip(d, n, strict=True):
        table[index] = np.trunc(table[index] + row)
    return table


def _last_term(w: Array, d: Array) -> Array:
    """What the last key's weight alone says of each score of its row."""
    own = np.arange(w.shape[-1]) == w.shape[-1] - 1
    return np.asarray(w * (own - w[..., -1:]) * d[..., -1:])


def _divided_each_time(a: Array, b: Array, root: float) -> Array:
    """A sum of products that a loop divides after each term, so that the first ones are divided often."""
    return np.asarray((a * root ** -np.arange(a.shape[-1], 0.0, -1)) @ b)


OWN_CHANGES: dict[str, tuple[Change, ...]] = {
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
        Change(HEADS, "only the last query heads are taken, one for each key head",
               lambda d, key: d[-len(key) :]),
        Change(HEADS, "the sum runs over the groups, not over the query heads of a group",
               lambda d, key: grouped(d, key).sum(axis=0)),
        Change(HEADS, "the largest gradient of a group is taken, not the sum",
               lambda d, key: grouped(d, key).max(axis=1)),
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
        Change(ORDER, "pairs are counted from one: every rate is that of the next pair",
               lambda n, x: n[:, None] * 10000.0 ** (-np.arange(2, x.shape[-1] + 2, 2) / x.shape[-1])),
        Change(ORDER, "the rates are those of the second entries",
               lambda n, x: n[:, None] * 10000.0 ** (-np.arange(1, x.shape[-1], 2) / x.shape[-1])),
        Change(ORDER, "positions are one too small", lambda n, x: (n[:, None] - 1) * rates(x)),
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
        Change(SUM, "one target too many is counted",
               lambda targets, logits: max(int((targets >= 0).sum()), 1) + 1),
        Change(SUM, "targets of class zero are not counted",
               lambda targets, logits: max(int((targets > 0).sum()), 1)),
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
        Change(ORDER, "every gradient stands one row too low", lambda d, n, rows: added_at(d, (n + 1) % rows,
            rows)),
        Change(ORDER, "all gradients stand in the row of the first index",
               lambda d, n, rows: added_at(d, np.full(len(n), n[0]), rows)),
        Change(REPEATED, "where an index occurs several times its largest gradient is taken, not the sum",
               lambda d, n, rows: np.array([d[n == r].max(axis=0) if (n == r).any() else 0 * d[0]
                                            for r in range(rows)])),
        Change(OPERATION, "rows of the table are read, and not summed",
               lambda d, n, rows: added_at(d, n, rows)[n]),
        Change(STEP, "the last token is left out", lambda d, n, rows: added_at(d[:-1], n[:-1], rows)),
        Change(STEP, "the first token is left out", lambda d, n, rows: added_at(d[1:], n[1:], rows)),
        Change(ORDER, "the table ends at the largest index that occurs",
               lambda d, n, rows: added_at(d, n, int(n.max()) + 1)),
        Change(ORDER, "indices are counted from one", lambda d, n, rows: added_at(d, (n - 1) % rows, rows)),
        Change(STEP, "only the first token is added: the function returns inside its loop",
               lambda d, n, rows: added_at(d[:1], n[:1], rows)),
        Change(ORDER, "d_out is read at the index, not at the position of the token",
               lambda d, n, rows: added_at(d[n % len(d)], n, rows)),
        Change(ORDER, "d_out is read at the indices, and nothing is added up",
               lambda d, n, rows: d[n % len(d)]),
        Change(ORDER, "the table has as many rows as there are tokens",
               lambda d, n, rows: added_at(d, n, len(d))),
        Change(DTYPE, "the table is cut to whole numbers at each step, as in an array of int", _added_whole),
        Change(REPEATED, "the gradient is the same for every row that was read",
               lambda d, n, rows: put_at(np.broadcast_to(d.sum(axis=0), d.shape), n, rows)),
    ),
}  # fmt: skip
"""As `changes.CHANGES`, for operations of one exercise."""


def _runs_on(run: Callable[[Array], Array], where: str) -> tuple[tuple[Change, tuple[str, ...]], ...]:
    """The sum over the other keys that is not set back, in the three forms in which learners write it."""
    words = f"the sum for d_scores is not set back to zero for each entry{where}, and runs on"

    def change(of: Callable[..., Array], *operands: str) -> tuple[Change, tuple[str, ...]]:
        return Change(RUN_ON, words, of), operands

    return (
        change(lambda w, excess: w * run(excess), "weights", "excess"),
        change(lambda w, excess: run(w * excess), "weights", "excess"),
        change(lambda w, d, mean: w * (d - run(mean + 0 * d)), "weights", "d_weights", "average"),
    )


OWN_LINES: dict[str, tuple[tuple[Change, tuple[str, ...]], ...]] = {
    "d_scores": (
        (Change(TERM, "what a score does to its own weight is missing: only the other keys are counted",
                lambda w, own, average: w * (own - average)), ("weights", "agreement", "average")),
        (Change(REPEATED, "only the last term of the row's sum is kept: each overwrites the one before",
                lambda w, d: _last_term(w, d)), ("weights", "d_weights")),
        (Change(ORDER, "the weight of the other key stands twice, and that of the score's own key is missing",
                lambda w, own: own - (w * own).sum(axis=-1, keepdims=True)), ("weights", "agreement")),
        (Change(SIGN, "what a score does to the other weights of its row has the wrong sign",
                lambda w, d, own, average: w * d - 2 * w * own + w * average),
         ("weights", "d_weights", "agreement", "average")),
        *_runs_on(partial(np.cumsum, axis=-1), " of a row"), *_runs_on(run_on, ""),
        (Change(MASK, "the gradients of hidden scores are set to minus infinity: they are zero",
                lambda w, excess, visible: np.where(visible, w * excess, -np.inf)),
         ("weights", "excess", "visible")),
        (Change(MASK, "the gradients of hidden scores are set to a large negative number: they are zero",
                lambda w, excess, visible: np.where(visible, w * excess, -1e9)),
         ("weights", "excess", "visible")),
        (Change(MASK, "d_scores has NaN where a key is hidden",
                lambda w, excess, visible: np.where(visible, w * excess, np.nan)),
         ("weights", "excess", "visible")),
    ),
    "d_weights": (
        (Change(MASK, "the gradients of hidden weights are set to minus infinity, which no step takes away",
                lambda d, v, visible: np.where(visible, d @ v, -np.inf)),
         ("d_out", "turned_value", "visible")),
    ),
    "scores": (
        (Change(FACTOR_TWICE,
                "the scores are divided by the square root of the width at each step of their sum",
                _divided_each_time), ("query", "turned_key", "root")),
    ),
    "d_query": (
        (Change(SCALE, "d_scores is multiplied by the square root of the width, not divided, in d_query",
                lambda d, key, root: root * d @ key), ("d_scores", "key", "root")),
        (Change(FACTOR_TWICE, "d_query is divided by the square root of the width at each step of its sum",
                lambda d, key, root: _divided_each_time(d, key, root)), ("d_scores", "key", "root")),
    ),
    "d_key": (
        (Change(SCALE, "d_scores is multiplied by the square root of the width, not divided, in d_key",
                lambda d, query, root: root * d.T @ query), ("d_scores", "query", "root")),
        (Change(FACTOR_TWICE, "d_key is divided by the square root of the width at each step of its sum",
                lambda d, query, root: _divided_each_time(d.T, query, root)), ("d_scores", "query", "root")),
    ),
}  # fmt: skip
"""How the line of a result is got wrong with other numbers of the solution, where it has them."""
