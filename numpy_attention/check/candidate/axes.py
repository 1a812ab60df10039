"""Bring arrays into a candidate's axes and back: BHLD, BLHD, BLC, NLD, HLD, and masks of keys.

Only `reshape`, `swapaxes` and indexing are used, which all frameworks have.
"""

from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ..reference.inputs import Shape
from .conventions import KEY_MASKS

QUERIES, KEYS = ("query", "d_out", "out", "d_query"), ("key", "value", "d_key", "d_value")
"""The tensors of H and of G heads."""

NO_FORM = {"NLD": ("bias", "sinks", "scale_array")}
"""Options that have no form where batch and heads share an axis: their gradients would be summed over it."""


def to_layout(name: str, x: Any, layout: str, shape: Shape) -> Any:
    """A NumPy array of the case in the candidate's axes."""
    if name == "mask" and x.ndim == 2:  # of keys: (B, S)
        return {"NLD": np.repeat(x, shape.H, axis=0), "HLD": x[0]}.get(layout, x)
    if layout == "HLD" and x.ndim > 2:
        return x[0]
    if layout == "NLD" and x.ndim > 2:
        heads = shape.G if name in KEYS else shape.H
        return np.broadcast_to(x, (shape.B, heads, *x.shape[2:])).reshape(shape.B * heads, *x.shape[2:])
    if layout in ("BLHD", "BLC") and name in (*QUERIES, *KEYS):
        x = np.ascontiguousarray(np.swapaxes(x, 1, 2))
        return x.reshape(*x.shape[:2], x.shape[2] * x.shape[3]) if layout == "BLC" else x
    return x


def from_layout(name: str, x: Any, layout: str, shape: Shape) -> Any:
    """A result in this project's axes; unchanged if it has not the shape of the layout."""
    heads = shape.G if name in KEYS else shape.H
    ndim = len(x.shape)
    if layout == "HLD" and ndim and name != "d_sinks":
        return x[None]
    if layout == "NLD" and ndim and x.shape[0] == shape.B * heads:
        return x.reshape(shape.B, heads, *x.shape[1:])
    if name in (*QUERIES, *KEYS):
        if layout == "BLC" and ndim == 3 and heads and x.shape[2] % heads == 0:
            x = x.reshape(*x.shape[:2], heads, x.shape[2] // heads)
            return x.swapaxes(1, 2)
        if layout == "BLHD" and ndim == 4:
            return x.swapaxes(1, 2)
    return x


def mask_of_meaning(visible: Array, meaning: str) -> Array:
    """Booleans, True = may attend, as a mask of the stated meaning."""
    if meaning in KEY_MASKS:
        real: Array = visible[:, 0, 0]  # (B, S)
        return real if meaning == "real_keys" else ~real
    if meaning == "additive":
        return np.where(visible, 0.0, -np.inf)
    return ~visible if meaning == "hidden" else visible
