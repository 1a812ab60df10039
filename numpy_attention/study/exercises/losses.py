"""The exercises at both ends of a model: cross-entropy-back, embedding-back."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...check.outside.formulas import FORMULAS
from ...functional.base.admission import Array
from ...functional.layers.embedding import embedding, embedding_backward, embedding_forward
from ...functional.losses.losses import cross_entropy, cross_entropy_backward, cross_entropy_forward
from . import planted
from .bounds import of_gradients, running
from .exercise import Arguments, Exercise, Named, Slip
from .problems import LARGE, TINY

Cases = Iterator[tuple[str, Arguments]]


def _inner(x: Array, y: Array) -> Any:
    return (x * y).sum()


# --------------------------------------------------------------------------------- cross-entropy


def _class_cases() -> Cases:
    rng = np.random.default_rng(8)
    for name, (N, C), ignored, size, d_loss in (
        ("square", (4, 4), (), 1.0, 1.0), ("few rows", (2, 7), (), 1.0, 0.5), ("many rows", (7, 3), (), 1.0,
            -2.0),
        ("one row", (1, 5), (), 1.0, 1.5), ("ignored targets", (5, 4), (1, 3), 1.0, 0.5),
        ("all ignored but one", (3, 4), (0, 2), 1.0, 1.0),
        ("one class far ahead", (3, 4), (), 36.0, 1.0), ("logits in the thousands", (3, 5), (0,), 3000.0,
                                                         1.0),
        ("tiny gradients", (4, 3), (), 1.0, TINY),
    ):  # fmt: skip
        targets = rng.integers(0, C, N)
        targets[list(ignored)] = -1
        yield name, {"d_loss": d_loss, "logits": size * rng.standard_normal((N, C)), "targets": targets}


def _classes_back(d_loss: float, logits: Array, targets: Array) -> Named:
    return {
        "d_logits": cross_entropy_backward(d_loss, cross_entropy_forward(logits, targets, ignore_index=-1)[1])
    }


def _classes_bounds(d_loss: float, logits: Array, targets: Array) -> Any:
    leaves = {"logits": running(logits)}
    return of_gradients(
        FORMULAS["cross_entropy"](**leaves, targets=targets, ignore_index=-1), np.asarray(d_loss), leaves
    )


CROSS_ENTROPY_BACK = Exercise(
    "cross-entropy-back", 15, "the gradient of a mean cross-entropy",
    """
    loss = the mean over n of  -log softmax(logits_n)[target_n]

A target of -1 is ignored: its row counts neither in the sum nor in the number of the mean. What follows has
the gradient d_loss with respect to the loss. Return its gradient with respect to the logits.
""",
    {"d_loss": "a number", "logits": "(N, C)", "targets": "(N,), 0 to C - 1, or -1"}, {"d_logits": "(N, C)"},
    ({"d_loss": 1.0, "logits": np.array([[0.0, 0.0], [1.0, 1.0]]), "targets": np.array([0, 1])},
     {"d_loss": 2.0, "logits": np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), "targets": np.array([1, -1,
         0])}),
    """
probabilities = softmax(logits)
logs = log(probabilities)
ones = one_hot(targets, logits)
difference = probabilities - ones
kept = kept_rows(difference, targets)
number = count(targets, logits)
mean = kept / number
d_logits = mean * d_loss
""",
    _classes_back, _classes_bounds, _class_cases,
    {"probabilities": "the softmax", "logs": "the logarithm of the softmax", "ones": "the target's 1",
     "difference": "the softmax minus the target's 1",
     "kept": "the difference in rows that count", "number": "the number of targets that count",
     "mean": "the gradient of the mean",},
    (("each row of d_logits adds up to 0", lambda n: (n["d_logits"].sum(axis=-1), 0.0)),),
    lambda n: ({"logits": n["logits"]}, partial(cross_entropy, targets=n["targets"], ignore_index=-1)),
    lambda n: {"the number of classes": n["logits"].shape[-1], "the number of rows": len(n["logits"]),
               "the number of targets that count": max(int((n["targets"] >= 0).sum()), 1)},
    lambda: planted.in_rule("cross_entropy", lambda d_loss, logits, targets: (
        {"logits": logits, "targets": targets, "ignore_index": -1}, np.asarray(d_loss)), "d_logits")
    | {"d-loss-ignored": lambda d_loss, logits, targets: _classes_back(1.0, logits, targets)},
    (Slip("the mask", "targets of class zero are ignored, as if they were padding",
          lambda d_loss, logits, targets: _classes_back(d_loss, logits, np.where(targets == 0, -1,
              targets))),),
)  # fmt: skip


# ------------------------------------------------------------------------------------- embedding


def _index_cases() -> Cases:
    rng = np.random.default_rng(9)
    for name, (T, rows, width), size in (
        ("square", (4, 4, 4), 1.0), ("few indices", (3, 7, 2), 1.0), ("many indices", (11, 3, 2), 1.0),
        ("one index", (1, 5, 3), 1.0), ("tiny gradients", (7, 5, 3), TINY), ("large gradients", (7, 5, 3),
            LARGE),
    ):  # fmt: skip
        indices = rng.integers(0, rows, T)
        yield name, {"d_out": size * rng.standard_normal((T, width)), "indices": indices, "rows": rows}
    yield "the same index", {"d_out": rng.standard_normal((5, 3)), "indices": np.full(5, 2), "rows": 4}


def _table_back(d_out: Array, indices: Array, rows: int) -> Named:
    table = np.zeros((rows, d_out.shape[-1]))
    return {"d_weight": embedding_backward(d_out, embedding_forward(indices, table)[1])}


def _table_bounds(d_out: Array, indices: Array, rows: int) -> Any:
    leaves = {"weight": running(np.zeros((rows, d_out.shape[-1])))}
    return of_gradients(FORMULAS["embedding"](indices, **leaves), d_out, leaves)


EMBEDDING_BACK = Exercise(
    "embedding-back", 10, "the gradient of a table that rows are read from",
    """
    out_t = weight[indices_t]      a row of the table for each token

A loss has the gradient d_out with respect to out. Return its gradient with respect to the table, `rows` rows.
""",
    {"d_out": "(T, C)", "indices": "(T,), 0 to rows - 1", "rows": "whole number"}, {"d_weight": "(rows, C)"},
    ({"d_out": np.array([[1.0], [2.0], [4.0], [8.0]]), "indices": np.array([2, 0, 2, 1]), "rows": 4},),
    "d_weight = added_at(d_out, indices, rows)",
    _table_back, _table_bounds, _index_cases, {},
    (("the columns of d_weight add up to those of d_out", lambda n: (n["d_weight"].sum(axis=0),
                                                                     n["d_out"].sum(axis=0))),),
    lambda n: ({"weight": np.zeros((n["rows"], n["d_out"].shape[-1]))}, partial(embedding, n["indices"])),
    lambda n: {"the number of rows": n["rows"], "the number of indices": len(n["indices"])},
)  # fmt: skip

EXERCISES = (CROSS_ENTROPY_BACK, EMBEDDING_BACK)
