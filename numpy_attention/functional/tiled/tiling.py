"""Attention's arguments by tile: mask, bias, scale and dropout of some rows and columns of the scores.

A tile is [rows, columns], a slice of queries and a slice of keys. No array here has the size of the scores
unless an argument has it.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..attention.arguments import (
    AttentionArguments,
    admit_dropout,
    admit_optional,
    admit_softcap,
    check_bias_and_sinks,
    check_scale,
    hide_minus_infinity,
    scores_shape,
)
from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..attention.dropout import Dropout
from ..base.admission import Array, admit, compute_dtype, shown, whole_numbers
from ..base.arrays import all_have, cast_optional, cotangent, shape_repr, unbroadcast
from ..masks.mask import Mask, check_mask

EMPTY = slice(0)


@shape_repr
class TiledArguments(NamedTuple):
    """The arguments, admitted and in the dtype of the computation; `arguments` are those of the caller.

    query is broadcast to all batch axes; bias, scale and multipliers have at least two axes; the last axis
    of sinks is that of the heads; shape is that of the scores, (..., H, L, S).
    """

    arguments: AttentionArguments
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
        """True where a pair of the tile is visible, as booleans of its shape; True or False for all pairs."""
        L, S = self.shape[-2:]
        tile = True if self.mask is None else self.mask.tile(rows, columns, L, S, heads=len(self.shape) > 2)
        shape = (*self.shape[:-2], rows.stop - rows.start, columns.stop - columns.start)
        visible = None if isinstance(tile, bool) else np.broadcast_to(tile, shape)
        bias = self.bias_tile(rows, columns) if tile is not False and self._bias_may_hide() else None
        if bias is not None:
            visible = hide_minus_infinity(bias, visible, shape)
        if visible is None:
            return bool(tile)
        return bool(visible.any()) and visible

    def visible_tiles(self, rows: slice, step: int) -> Iterator[tuple[slice, Array | None]]:
        """The columns and visible pairs (None for all) of each tile of `rows` that is not fully masked."""
        L, S = self.shape[-2:]
        first, last = (0, S) if self.mask is None else self.mask.column_range(rows, L, S)
        for columns in slices(S, step, first, last):
            visible = self.visible(rows, columns)
            if not isinstance(visible, bool):
                yield columns, visible
            elif visible:
                yield columns, None

    def _bias_may_hide(self) -> bool:
        bias = self.bias
        return not isinstance(bias, Bias) or not np.isfinite(bias.parameter).all()

    def bias_tile(self, rows: slice, columns: slice) -> Array | None:
        """The tile's bias."""
        if isinstance(self.bias, Bias):
            return cast_optional(self.bias.tile(rows, columns, *self.shape[-2:]), self.query)
        return None if self.bias is None else tile_view(self.bias, rows, columns)

    def scale_tile(self, rows: slice, columns: slice) -> Any:
        """The tile's scale."""
        return tile_view(self.scale, rows, columns) if isinstance(self.scale, np.ndarray) else self.scale

    def multipliers(self, rows: slice, columns: slice) -> Array | None:
        """The tile's dropout multipliers."""
        if isinstance(self.dropout, Dropout):
            return cast_optional(self.dropout.tile(rows, columns, self.shape), self.query)
        return None if self.dropout is None else tile_view(self.dropout, rows, columns)


def admit_tiled(
    query: Any, key: Any, value: Any, mask: Any, bias: Any, scale: Any, softcap: Any, sinks: Any, dropout: Any
) -> TiledArguments:
    """Admit all arguments, before any work."""
    arguments = AttentionArguments(
        admit("query", query, 2), admit("key", key, 2), admit("value", value, 2),
        *admit_optional(bias=bias, scale=scale, sinks=sinks),
    )  # fmt: skip
    shape = scores_shape(arguments.query, arguments.key, arguments.value)
    if arguments.scale is not None:
        check_scale(arguments.scale, shape)
    softcap = admit_softcap(softcap)
    check_bias_and_sinks(_bias_shaped(arguments.bias, shape), arguments.sinks, shape)
    if mask is not None:
        check_mask(mask, shape)
    multipliers = admit_dropout(dropout, shape)
    query, key, value, *options = _cast_inputs(arguments, multipliers)
    if query.shape[:-1] != shape[:-1]:
        query = np.broadcast_to(query, (*shape[:-1], query.shape[-1]))
    bias, scale, sinks, multipliers = options
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1] or 1)
    return TiledArguments(arguments, query, key, value, mask, bias, scale, softcap, sinks, multipliers, shape)


def _bias_shaped(bias: Array | Bias | None, shape: tuple[int, ...]) -> Array | None:
    """The bias, or a broadcast 0 of the shape of alibi or relative, to check the shape."""
    if not isinstance(bias, Bias):
        return bias
    corner = bias.tile(EMPTY, EMPTY, *shape[-2:])
    return np.broadcast_to(np.zeros(()), (*corner.shape[:-2], *shape[-2:]))


def _cast_inputs(arguments: AttentionArguments, multipliers: Array | Dropout | None) -> list[Any]:
    """query, key, value, bias, scale, sinks and multipliers in the compute dtype of the first three.

    The optional ones never promote it, but any complex one makes all complex.
    """
    query, key, value, bias, scale, sinks = arguments
    dtype = compute_dtype(query, key, value)
    if all_have(dtype, (query, key, value)) and bias is scale is sinks is multipliers is None:
        return [*arguments, None]  # the common case
    parameter = bias.parameter if isinstance(bias, Bias) else bias
    if any(x is not None and x.dtype.kind == "c" for x in (parameter, scale, sinks)):
        dtype = np.result_type(dtype, np.complex64)

    def cast(x: Any, axes: int) -> Any:
        if not isinstance(x, np.ndarray) or (x.dtype == dtype and x.ndim >= axes):
            return x
        return x.astype(dtype, copy=False).reshape((1,) * (axes - x.ndim) + x.shape)

    return [*(cast(x, 2) for x in (query, key, value, bias, scale)), cast(sinks, 0), cast(multipliers, 2)]


def tile_view(array: Array, rows: slice, columns: slice) -> Array:
    """The view of a tile in an array that broadcasts to (..., L, S)."""
    L, S = array.shape[-2:]
    return array[..., rows if L != 1 else slice(None), columns if S != 1 else slice(None)]


def slices(length: int, step: int, first: int = 0, last: int | None = None) -> Iterator[slice]:
    """range(length) cut into slices of `step`; only those that overlap [first, last)."""
    start = first // step * step
    stop = length if last is None else min(last, length)
    return (slice(begin, min(begin + step, length)) for begin in range(start, stop, step))


def tile_shape(block: tuple[int, int] | None, shape: tuple[int, ...]) -> tuple[int, int]:
    """(rows, columns) of a tile; if None, squares of about a million scores over all heads together."""
    if block is None:
        side = math.isqrt(2**20 // max(1, math.prod(shape[:-2])))
        return (max(32, side),) * 2
    lengths = whole_numbers("block", block, least=1)
    if lengths.shape != (2,):
        raise ValueError(f"block is {shown(block)}; (rows, columns) is expected")
    return int(lengths[0]), int(lengths[1])


# ------------------------------------------------------------------------------------------- gradients


def admit_cotangents(d_out: Any, d_lse: Any, out: Array, lse: Array) -> tuple[Array, Array]:
    """Admit the cotangents, in the precision of out; complex if either is."""
    d_out = cotangent("d_out", d_out, out.shape)
    d_lse = np.zeros(lse.shape, lse.dtype) if d_lse is None else cotangent("d_lse", d_lse, lse.shape)
    complex_one = any(d.dtype.kind == "c" for d in (d_out, d_lse))
    dtype = np.result_type(out, np.complex64) if complex_one else out.dtype
    return d_out.astype(dtype, copy=False), d_lse.astype(dtype, copy=False)


def to_gradients(sums: Any, problem: TiledArguments) -> AttentionGradients:
    """The gradients in the shapes, dtypes and forms of the caller's arguments; may return `sums` itself."""

    def like(gradient: Any, argument: Any) -> Any:
        if isinstance(argument, Bias):
            return argument.wrap_gradient(gradient)
        if argument is None:
            return None
        if gradient.shape == argument.shape != () and gradient.dtype == argument.dtype:
            return gradient  # the common case
        least = np.complex64 if gradient.dtype.kind == "c" else np.float16
        dtype = np.result_type(argument, least)
        return unbroadcast(gradient, argument.shape).astype(dtype, copy=False)[()]

    return AttentionGradients(*map(like, sums, problem.arguments))
