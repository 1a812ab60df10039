"""How far training has moved each parameter from its initial value."""

import numpy as np

from ..functional.base.admission import Array
from ..nn.parameters import Params
from ..optim.trees import flatten


def moved(params: Params, start: Params) -> dict[str, float]:
    """`relative_change` as records of an epoch, by name: "moved.score.weight", …"""
    return {f"moved.{name}": value for name, value in relative_change(params, start).items()}


def relative_change(params: Params, start: Params) -> dict[str, float]:
    """||W - W_0|| / ||W_0|| of every parameter whose initial value is not 0, in the Frobenius norm.

    Examples
    --------
    >>> relative_change({"a": {"weight": np.array([3.0, 1.0])}}, {"a": {"weight": np.array([3.0, 4.0])}})
    {'a.weight': 0.6}
    """
    now, then = flatten(params), flatten(start)
    norms = {name: _norm(array) for name, array in then.items()}
    return {name: _norm(now[name] - then[name]) / norm for name, norm in norms.items() if norm > 0}


def _norm(array: Array) -> float:
    """The Frobenius norm, in units of the largest entry, so that squares do not overflow."""
    largest = float(np.abs(array).max(initial=0.0))
    return largest * float(np.linalg.norm(array / largest)) if largest > 0 else 0.0
