"""Attention's arguments, cut into tiles: whatever belongs to some rows and some columns of the scores.

A tile is [rows, columns], two slices: some queries beside some keys. Nothing here has the size of the scores
unless it came in so.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..attention.arguments import (
    AttentionArguments,
    admit_bias_and_sinks,
    admit_dropout,
    admit_optional,
    admit_scale,
    admit_softcap,
    hide_minus_infinity,
    scores_shape,
)
from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..attention.dropout import Dropout
from ..base.admission import Array, admit, compute_dtype, quiet, whole_numbers
from ..base.arrays import cast_optional, cotangent, shape_repr, unbroadcast
from ..masks.mask import Mask, admit_mask

NOTHING = slice(0)


@shape_repr
class Tiled(NamedTuple):
    """The arguments, admitted and in the dtype that is computed in; `given` is how they came in.

    query is broadcast to all batch axes; bias, scale and multipliers have at least two axes, sinks the
    head axis last; shape is that of the scores, (..., H, L, S).
    """

    given: AttentionArguments
    query: Array
    key: Array
    value: Array
    mask: Mask | None
    bias: Array | Bias | None
    scale: float | Array
    softcap: float | None
    sinks: Array | None
    dropout: Array | Dropout | None
    shape: tuple[int, ...]

    def visible(self, rows: slice, columns: slice) -> Array | bool:
        """Which pairs of the tile may be seen: True for all, False for none, or booleans of its shape."""
        L, S = self.shape[-2:]
        tile = True if self.mask is None else self.mask.tile(rows, columns, L, S, heads=len(self.shape) > 2)
        shape = (*self.shape[:-2], rows.stop - rows.start, columns.stop - columns.start)
        seen = None if isinstance(tile, bool) else np.broadcast_to(tile, shape)
        if tile is not False and isinstance(self.bias, np.ndarray):
            seen = hide_minus_infinity(part(self.bias, rows, columns), seen, shape)
        if seen is None:
            return bool(tile)
        return bool(seen.any()) and seen

    def biased_by(self, rows: slice, columns: slice) -> Array | None:
        """The tile's bias."""
        if isinstance(self.bias, Bias):
            return cast_optional(self.bias.tile(rows, columns, *self.shape[-2:]), self.query)
        return None if self.bias is None else part(self.bias, rows, columns)

    def scaled_by(self, rows: slice, columns: slice) -> Any:
        """The tile's scale."""
        return part(self.scale, rows, columns) if isinstance(self.scale, np.ndarray) else self.scale

    def multipliers(self, rows: slice, columns: slice) -> Array | None:
        """The tile's multipliers of dropout."""
        if isinstance(self.dropout, Dropout):
            return cast_optional(self.dropout.tile(rows, columns, self.shape), self.query)
        return None if self.dropout is None else part(self.dropout, rows, columns)


def tiled(
    query: Any, key: Any, value: Any, mask: Any, bias: Any, scale: Any, softcap: Any, sinks: Any, dropout: Any
) -> Tiled:
    """Everything admitted, before any work."""
    given = AttentionArguments(
        admit("query", query, 2), admit("key", key, 2), admit("value", value, 2),
        *admit_optional(bias=bias, scale=scale, sinks=sinks),
    )  # fmt: skip
    shape = scores_shape(given.query, given.key, given.value)
    if given.scale is not None:
        admit_scale(given.scale, shape)
    softcap = admit_softcap(softcap)
    admit_bias_and_sinks(_whole(given.bias, shape), given.sinks, shape)
    if mask is not None:
        admit_mask(mask, shape)
    multipliers = admit_dropout(dropout, shape)
    query, key, value, *options = _one_dtype(given, multipliers)
    query = np.broadcast_to(query, (*shape[:-1], query.shape[-1]))
    bias, scale, sinks, multipliers = options
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1] or 1)
    return Tiled(given, query, key, value, mask, bias, scale, softcap, sinks, multipliers, shape)


def _whole(bias: Array | Bias | None, shape: tuple[int, ...]) -> Array | None:
    """The bias, or for a value an array of its shape that takes no memory."""
    if not isinstance(bias, Bias):
        return bias
    corner = bias.tile(NOTHING, NOTHING, *shape[-2:])
    return np.broadcast_to(np.zeros(()), (*corner.shape[:-2], *shape[-2:]))


def _one_dtype(given: AttentionArguments, multipliers: Array | Dropout | None) -> list[Any]:
    """query, key, value, bias, scale, sinks and multipliers in the dtype that the first three ask for.

    The optional ones never promote it, but any complex one makes all complex.
    """
    dtype = compute_dtype(given.query, given.key, given.value)
    parameter = given.bias.parameter if isinstance(given.bias, Bias) else given.bias
    if any(x is not None and x.dtype.kind == "c" for x in (parameter, given.scale, given.sinks)):
        dtype = np.result_type(dtype, np.complex64)

    def cast(x: Any, axes: int) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        return x.astype(dtype, copy=False).reshape((1,) * (axes - x.ndim) + x.shape)

    query, key, value, bias, scale, sinks = given
    return [*(cast(x, 2) for x in (query, key, value, bias, scale)), cast(sinks, 0), cast(multipliers, 2)]


def part(array: Array, rows: slice, columns: slice) -> Array:
    """A view of what `array`, broadcasting to (..., L, S), holds of a tile."""
    everything = slice(None)
    return array[
        ...,
        rows if array.shape[-2] != 1 else everything,
        columns if array.shape[-1] != 1 else everything,
    ]


def slices(length: int, step: int, first: int = 0, last: int | None = None) -> Iterator[slice]:
    """Blocks of `step` of `length` positions, the last one shorter: those with any from first up to last."""
    start = first // step * step
    stop = length if last is None else min(last, length)
    return (slice(place, min(place + step, length)) for place in range(start, stop, step))


def block_of(block: tuple[int, int] | None, shape: tuple[int, ...]) -> tuple[int, int]:
    """(rows, columns) of a tile; if None, squares that hold about a million scores of all heads together."""
    if block is None:
        side = math.isqrt(2**20 // max(1, math.prod(shape[:-2])))
        return (max(32, side),) * 2
    lengths = whole_numbers("block", block, least=1)
    if lengths.shape != (2,):
        raise ValueError(f"block is {block!r}; (rows, columns) is expected")
    return int(lengths[0]), int(lengths[1])


# ------------------------------------------------------------------------------------ cotangents, gradients


def cotangents(d_out: Any, d_lse: Any, out: Array, lse: Array) -> tuple[Array, Array]:
    """The cotangents admitted, in the precision of out; complex if either is."""
    d_out = cotangent("d_out", d_out, out.shape)
    d_lse = np.zeros_like(lse) if d_lse is None else cotangent("d_lse", d_lse, lse.shape)
    complex_one = any(d.dtype.kind == "c" for d in (d_out, d_lse))
    dtype = np.result_type(out, np.complex64) if complex_one else out.dtype
    return d_out.astype(dtype, copy=False), d_lse.astype(dtype, copy=False)


@quiet
def gradients_of(sums: Any, problem: Tiled) -> AttentionGradients:
    """The sums, which nobody else holds, in the forms in which their arguments came."""

    def returned(gradient: Any, argument: Any) -> Any:
        if isinstance(argument, Bias):
            return argument.named(gradient)
        if argument is None:
            return None
        complex_too = np.complex64 if gradient.dtype.kind == "c" else np.float16
        dtype = np.result_type(argument, complex_too)
        return unbroadcast(gradient, argument.shape).astype(dtype, copy=False)[()]

    return AttentionGradients(*map(returned, sums, problem.given))
