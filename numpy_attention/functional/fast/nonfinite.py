"""Inputs that are not finite, for a path that computes with finite numbers only.

`fast_attention` puts 0 where a NaN or an infinity stands and computes; not a bit of what these do not touch
is other than it would be. What they touch is what `blockwise_attention` makes of them.

    rows whose scores they touch         all of the row from there: a weight may be 0 or NaN
    the rest                             NaN or infinite there, and so here; else as computed
"""

from typing import Any

import numpy as np

from ..base.admission import Array
from ..masks.kinds import Visible
from ..tiled.tiling import Tiled, part, slices


def all_finite(problem: Tiled) -> bool:
    """Whether scale is finite, and bias and sinks finite or -inf; results tell of the rest."""
    additive = (x for x in (problem.bias, problem.sinks) if isinstance(x, np.ndarray))
    scale = np.asarray(problem.scale)
    return is_finite(scale) and not any(spoils(x).any() for x in additive)


def is_finite(x: Array) -> bool:
    """Whether all of x is: a NaN is the largest and the smallest of anything it is among."""
    return x.size == 0 or bool(np.isfinite(x.max()) and np.isfinite(x.min()))


def spoils(x: Array) -> Array:
    """What is neither finite nor -inf."""
    return ~(np.isfinite(x) | np.isneginf(x))


def cleaned(problem: Tiled) -> Tiled:
    """The problem with 0 for whatever is not finite."""

    def additive(x: Any) -> Any:
        return np.where(spoils(x), 0, x) if isinstance(x, np.ndarray) else x

    return problem._replace(
        query=finite(problem.query),
        key=finite(problem.key),
        value=finite(problem.value),
        bias=additive(problem.bias),
        scale=finite(problem.scale) if isinstance(problem.scale, np.ndarray) else problem.scale,
        sinks=additive(problem.sinks),
    )


def finite(x: Array) -> Array:
    """x, 0 where it is not finite, in one layout."""
    return np.ascontiguousarray(np.where(np.isfinite(x), x, 0))


def spoiled_rows(problem: Tiled, side: int) -> Array:
    """Rows (..., H, L) of which a visible score, or the sink, is not finite because of what came in."""
    *heads, L, S = problem.shape
    group = 1 if problem.key.ndim == 2 else heads[-1] // problem.key.shape[-3]
    keys, queries = (np.asarray(~np.isfinite(x).all(axis=-1)) for x in (problem.key, problem.query))
    keys = np.repeat(keys, group, axis=-2) if problem.key.ndim > 2 else keys
    rows = np.zeros((*heads, L), dtype=bool)
    for some in slices(L, side):
        for columns in slices(S, side):
            spoiled = queries[..., some, None] | keys[..., None, columns]
            if isinstance(problem.scale, np.ndarray):
                spoiled = spoiled | ~np.isfinite(part(problem.scale, some, columns))
            if isinstance(problem.bias, np.ndarray):
                spoiled = spoiled | spoils(part(problem.bias, some, columns))
            rows[..., some] |= (problem.visible(some, columns) & spoiled).any(axis=-1)
    if problem.sinks is not None:
        rows |= spoils(problem.sinks)[..., None]
    return rows


def only(problem: Tiled, rows: Array) -> Tiled:
    """The problem in which only `rows` (..., H, L) see anything."""
    those = Visible(rows[..., None])
    return problem._replace(mask=those if problem.mask is None else problem.mask & those)


def merged(computed: Any, of_spoiled: Any, slow: Any) -> Any:
    """A gradient: computed without the spoiled rows, plus theirs; slow where either is not finite."""
    if computed is None:
        return None
    whole = np.where(of_spoiled != 0, computed + of_spoiled, computed)
    return np.where(np.isfinite(slow) & np.isfinite(whole), whole, slow)
