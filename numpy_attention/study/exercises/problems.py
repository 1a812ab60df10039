"""The attention problems of the exercises: one call each, from which each exercise takes its arguments."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...check.reference.inputs import Inputs
from ...functional.base.admission import Array

LEAD = 36.0
"""How far a score leads where one is far ahead: exp(-36) is 2e-16, as much as rounding."""

TINY, LARGE = 1e-20, 1e6

SHAPES = {
    "all sizes equal": (4, 4, 4, 4),
    "fewer queries than keys": (3, 5, 2, 7),
    "more queries than keys": (5, 3, 7, 2),
    "as many queries as keys": (5, 5, 3, 2),
    "as many keys as their width": (3, 4, 4, 2),
    "keys as wide as values": (3, 5, 4, 4),
    "one query": (1, 6, 3, 2),
    "one key": (3, 1, 2, 5),
}
"""(L, S, D, E) by name."""


def problems() -> Iterator[tuple[str, Inputs]]:
    """Every problem, by name: shapes, hidden keys, scores far apart, and gradients of all sizes."""
    for name, shape in SHAPES.items():
        yield name, drawn(*shape)
    yield "hidden keys, as many queries as keys", drawn(4, 4, 4, 4, causal=True)
    yield "hidden keys, fewer queries than keys", drawn(4, 6, 3, 5, share=0.5)
    yield "one score far ahead", _ahead(drawn(3, 5, 2, 7))
    yield "one score far ahead, as many queries as keys", _ahead(drawn(4, 4, 3, 2))
    yield "tiny gradients", _with_gradients(drawn(3, 5, 2, 7), TINY)
    yield "large gradients", _with_gradients(drawn(5, 4, 3, 2), LARGE)


def far_out() -> Iterator[tuple[str, Inputs]]:
    """Scores in the thousands, and far below zero: an exponential of them is inf or 0."""
    yield "scores in the thousands, two keys", Inputs(
        np.array([[1000.0]]), np.array([[2.0], [1.0]]), np.array([[1.0], [3.0]]), np.array([[1.0]]),
        mask=np.ones((1, 2), dtype=bool),
    )  # fmt: skip
    wide, sign = drawn(3, 5, 2, 7), np.array([1.0, 1.0])
    yield "scores in the thousands", wide.replace(query=40 * wide.query, key=40 * wide.key)
    below = {"query": 40 * np.abs(wide.query) * sign, "key": -40 * np.abs(wide.key) * sign}
    yield "scores far below zero", wide.replace(**below)


def drawn(L: int, S: int, D: int, E: int, *, causal: bool = False, share: float = 1.0) -> Inputs:
    """A problem of normal numbers; each query sees key 0 or its own, and a share of the others."""
    rng = np.random.default_rng([L, S, D, E, causal, round(10 * share)])
    query, key, value, d_out = (rng.standard_normal(size) for size in ((L, D), (S, D), (S, E), (L, E)))
    visible: Array = np.ones((L, S), dtype=bool)
    if causal:
        visible = np.tri(L, S, dtype=bool)
    if share < 1:
        visible = rng.random((L, S)) < share
        visible[np.arange(L), np.arange(L) % S] = True
        visible[:, -1] = False  # hidden from all
        key[-1], value[-1] = 1e3, -1e3
    return Inputs(query, key, value, d_out, mask=visible)


def problem_of(query: Array, key: Array, value: Array, visible: Array, d_out: Any = None) -> Inputs:
    """The problem that an exercise's arguments are."""
    return Inputs(query, key, value, d_out, mask=visible)


def arguments_of(problem: Inputs) -> dict[str, Any]:
    """query, key, value and visible of a problem."""
    visible = np.broadcast_to(True if problem.visible is None else problem.visible, problem.shape).copy()
    return {"query": problem.query, "key": problem.key, "value": problem.value, "visible": visible}


def _ahead(problem: Inputs) -> Inputs:
    """One key's score of each query leads by LEAD or more."""
    L, D = problem.query.shape
    key = problem.key.copy()
    key[1] = problem.query[0] / (problem.query[0] @ problem.query[0]) * LEAD * D**0.5
    query = problem.query.copy()
    query[1:] = query[0] + 0.1 * query[1:] / L
    return problem.replace(query=query, key=key)


def _with_gradients(problem: Inputs, size: float) -> Inputs:
    assert problem.d_out is not None
    return problem.replace(d_out=size * problem.d_out)
