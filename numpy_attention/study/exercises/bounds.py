"""Bounds on the rounding error of the answers: that of the textbook formula and its derivative."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...check.cases.compare import expected_results
from ...check.outside.running import Running, gradients
from ...check.reference.inputs import Inputs
from ...check.rounding.error_analysis import Bounded
from ...functional.base.admission import Array
from .exercise import FLOAT64


def exact(x: Any) -> Bounded:
    """An argument, without error."""
    value = np.asarray(x, dtype=float)
    return Bounded(value, np.zeros(value.shape))


def running(x: Any) -> Running:
    """An argument that carries its error through a formula."""
    return Running(exact(x), FLOAT64.arithmetic)


def of_gradients(out: Running, d_out: Array, leaves: Mapping[str, Running]) -> dict[str, Bounded]:
    """The gradients by the leaves, by name, of a formula's result."""
    found = gradients([out], [np.asarray(d_out, dtype=float)], [*leaves.values()])
    return {f"d_{name}": d for name, d in zip(leaves, found, strict=True)}


def of_attention(problem: Inputs, *names: str) -> dict[str, Bounded]:
    """Results and gradients of attention."""
    bounded = expected_results(problem, FLOAT64).bounded
    return {name: getattr(bounded, name) for name in names}
