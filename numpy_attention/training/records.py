"""How far training has moved each parameter: from its initial value, within an epoch, in which directions."""

import math

import numpy as np

from ..functional.base.admission import Array
from ..nn.parameters import Params
from ..optim.trees import flatten

MOST_ROWS = 10
"""Parameters in the table of what moved most."""
SHARE = 0.9
"""Of a change, held by the directions that are counted."""


def moved(params: Params, start: Params) -> dict[str, float]:
    """`relative_change` as records of an epoch, by name: "moved.score.weight", …"""
    return {f"moved.{name}": value for name, value in relative_change(params, start).items()}


def moved_in_epoch(params: Params, before: Params, start: Params) -> dict[str, float]:
    """The same from the parameters before the epoch on: "moved_in_epoch.score.weight", …"""
    return {f"moved_in_epoch.{name}": x for name, x in relative_change(params, start, before).items()}


def relative_change(params: Params, start: Params, since: Params | None = None) -> dict[str, float]:
    """||W - W_0|| / ||W_0|| of every parameter whose initial value is not 0, in the Frobenius norm.

    since: ||W - W_since|| / ||W_0||, from other parameters than the initial ones on.

    Examples
    --------
    >>> relative_change({"a": {"weight": np.array([3.0, 1.0])}}, {"a": {"weight": np.array([3.0, 4.0])}})
    {'a.weight': 0.6}
    """
    now, initial, then = flatten(params), flatten(start), flatten(start if since is None else since)
    norms = {name: _norm(array) for name, array in initial.items()}
    return {name: _norm(now[name] - then[name]) / norm for name, norm in norms.items() if norm > 0}


def direction_shares(change: Array) -> Array:
    """Squared singular values of a change as shares of their sum, largest first; [] for no change.

    The first is the largest share of the squared norm that an outer product of two vectors can have. All axes
    but the last are rows.

    Examples
    --------
    >>> direction_shares(np.array([[3.0, 0.0], [0.0, 1.0]])).round(6)
    array([0.9, 0.1])
    """
    values = np.linalg.svd(change.reshape(-1, change.shape[-1]), compute_uv=False)
    total = float((values**2).sum())
    return values**2 / total if total > 0 else values[:0]


def drift_lines(params: Params, start: Params, last: dict[str, float]) -> list[str]:
    """The table of what moved most; last: the records of the last epoch."""
    changes = {name: value for name, value in relative_change(params, start).items() if value > 0}
    ranked = sorted(changes, key=lambda name: -changes[name])
    width = max([20, *map(len, ranked[:MOST_ROWS])])
    head = f"in all  in the last epoch  in one direction  directions for {SHARE:g}"
    lines = ["", f"{'What moved most':<{width}}  {head}"]
    now, then = flatten(params), flatten(start)
    for name in ranked[:MOST_ROWS]:
        recent = last.get(f"moved_in_epoch.{name}", math.nan)
        directions = f"{'-':>16}" if then[name].ndim < 2 else _directions(now[name] - then[name])
        lines.append(f"{name:<{width}}  {changes[name]:6.3f}  {recent:17.3f}  {directions}")
    if len(ranked) > MOST_ROWS:
        lines.append(f"… and {len(ranked) - MOST_ROWS} more, at most {changes[ranked[MOST_ROWS]]:.3f}")
    return lines if ranked else []


def _directions(change: Array) -> str:
    """As "0.712  3 of 50": the share of the first, and how many hold `SHARE`."""
    shares = direction_shares(change.astype(np.float64))
    count = int(np.searchsorted(np.cumsum(shares), SHARE - 1e-12)) + 1
    return f"{shares[0]:16.3f}  {count} of {len(shares)}"


def _norm(array: Array) -> float:
    """The Frobenius norm, in units of the largest entry, so that squares do not overflow."""
    largest = float(np.abs(array).max(initial=0.0))
    return largest * float(np.linalg.norm(array / largest)) if largest > 0 else 0.0
