"""What a multi-head attention asks of its positions: nothing, unless a kind overrides it.

q, k    = rotate(q), rotate(k)                before the scores
scores += bias(q, k)                          added to them
context += values(weights)                    added to what the heads found
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...functional.base.admission import Array, as_array
from ...functional.base.arrays import shape_repr
from ..layer import Layer
from ..parameters import Params


@shape_repr
class Places(NamedTuple):
    """The positions of queries (..., L) and keys (..., S), any batch axes first, without one for heads."""

    query: Array
    key: Array

    def distances(self) -> Array:
        """key - query, (..., L, S)."""
        return np.asarray(self.key[..., None, :] - self.query[..., :, None])


class PositionGradients(NamedTuple):
    """In the order of `bias_forward`; None where the bias does not depend on it."""

    d_query: Any
    d_key: Any
    d_params: Params


class AttentionPositions(Layer):
    """Base class of positions inside an attention; by itself they change nothing."""

    needs_weights = False
    """True if the attention must be the reference, which saves its weights."""

    scaled = False
    """True if the bias depends on the scale of the scores."""

    def fit(self, heads: int, columns: int) -> None:
        """Raise ValueError unless these positions fit an attention of so many heads and columns of a head."""

    def rotate_forward(self, x: Array, positions: Array) -> tuple[Array, Any]:
        """Queries or keys (..., heads, length, columns) at these positions (..., length)."""
        return x, None

    def rotate_backward(self, d_x: Array, saved: Any) -> Array:
        """Undo `rotate_forward`."""
        return d_x

    def bias_forward(
        self, params: Params, query: Array, key: Array, places: Places, scale: float
    ) -> tuple[Any, Any]:
        """A bias of the scores, (..., H, L, S) or a value that gives any tile of it; None for none."""
        return None, None

    def bias_backward(self, d_bias: Any, saved: Any) -> PositionGradients:
        """Undo `bias_forward`."""
        return PositionGradients(None, None, {})

    def values_forward(self, params: Params, weights: Array, places: Places) -> tuple[Any, Any]:
        """What is added to the heads' outputs (..., H, L, columns); None for nothing."""
        return None, None

    def values_backward(self, d_out: Array, saved: Any) -> tuple[Any, Params]:
        """Undo `values_forward`: d_weights, and the gradients of the parameters."""
        return None, {}


def admit_positions(name: str, positions: npt.ArrayLike | None, length: int) -> Array:
    """Finite numbers (..., length); 0, 1, 2, … if None."""
    if positions is None:
        return np.arange(length)
    array = as_array(name, positions)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise TypeError(f"{name} has dtype {array.dtype}; finite real numbers are expected")
    if not array.ndim or array.shape[-1] not in (1, length):
        raise ValueError(f"{name} has shape {array.shape}; (..., {length}) is expected")
    return np.broadcast_to(array, (*array.shape[:-1], length))


def beside_heads(x: Array) -> Array:
    """(..., length, n) -> (..., 1, length, n) where there are batch axes: heads share their places."""
    return x if x.ndim == 2 else x[..., None, :, :]


# ------------------------------------------------------------------------------ by the distance of each pair


def gather(table: Array, index: Array) -> Array:
    """out[..., l, s] = table[..., l, index[..., l, s]]: (..., H, L, N) -> (..., H, L, S)."""
    shape = (*np.broadcast_shapes(table.shape[:-2], index.shape[:-2]), *index.shape[-2:])
    rows = np.broadcast_to(table, (*shape[:-1], table.shape[-1]))
    return np.take_along_axis(rows, np.broadcast_to(index, shape), axis=-1)


def scatter(pairs: Array, index: Array, count: int) -> Array:
    """The transpose of `gather`: out[..., l, n] = Σ pairs[..., l, s] over the s of index n, in float64."""
    rows = pairs.reshape(math.prod(pairs.shape[:-1]), pairs.shape[-1])
    columns = np.broadcast_to(index, pairs.shape).reshape(rows.shape)
    out = np.zeros((len(rows), count), np.result_type(pairs, np.float64))
    np.add.at(out, (np.arange(len(rows))[:, None], columns), rows)
    return out.reshape(*pairs.shape[:-1], count)
