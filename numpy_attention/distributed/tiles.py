"""What workers run: one function for each kind of task. Only NumPy arrays come in and go out."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.dropout import Dropout
from ..functional.attention.merge import attention_merge_forward
from ..functional.base.admission import Array, quiet
from ..functional.base.arrays import accurate_sum, keep_visible, unbroadcast
from ..functional.base.stable import sink_weights
from ..functional.fast.part import attend_to_part, gradients_of_part
from ..functional.masks.mask import Mask
from .regions import BiasIn

Part = tuple[Array, Array]
"""out and lse over some of the keys."""


@dataclass(frozen=True)
class TileOptions:
    """What a tile needs besides its chunks; `names` are those of the arrays that come with it."""

    names: tuple[str, ...]
    mask: Mask | None
    bias: BiasIn | None
    softcap: float | None
    dropout: Dropout | None
    block: tuple[int, int] | None
    threads: int | None

    def arguments(self, arrays: list[Array]) -> dict[str, Any]:
        """The arguments of `attend_to_part`."""
        given: dict[str, Any] = dict(zip(self.names, arrays, strict=True))
        if self.bias is not None:
            given["bias"] = self.bias.of(given.pop("parameter"))
        given.setdefault("dropout", self.dropout)
        rest = {"mask": self.mask, "softcap": self.softcap, "block": self.block, "threads": self.threads}
        return given | rest


# ------------------------------------------------------------------------------------------ forward


def forward_tile(options: TileOptions, before: Part | None, arrays: list[Array]) -> Part:
    """One tile, merged into the tiles before it in its chain."""
    part = attend_to_part(**options.arguments(arrays))
    return part if before is None else merge([before, part])


def merge(parts: list[Part]) -> Part:
    """Attention over the keys of all parts."""
    (out, lse), _ = attention_merge_forward(*parts)
    return out, lse


@quiet
def whole(part: Part | None, sinks: Array | None, shape: tuple[int, ...], dtype: Any) -> Part:
    """out and lse over all keys and the sinks; `part` is None for fully masked rows, of this shape."""
    if part is None:
        part = np.zeros(shape, dtype), np.full(shape[:-1], -np.inf, np.result_type(dtype, np.float64))
    if sinks is None:
        return part
    out, lse = part
    sink = np.broadcast_to(sinks[..., None], lse.shape).astype(np.result_type(lse, sinks))
    takes_all = sink.real == np.inf  # a merge refuses it
    out, lse = merge([part, (np.zeros_like(out[..., :1, :]), np.where(takes_all, -np.inf, sink))])
    return np.where(takes_all[..., None], 0, out), np.where(takes_all, np.inf, lse)


# ----------------------------------------------------------------------------------------- backward


class Rows(NamedTuple):
    """What tiles need of their rows: d_out, d_out · out - d_lse, lse. d_sinks has the shape of the sinks."""

    d_out: Array
    less: Array
    lse: Array
    d_sinks: Array | None


@quiet
def row_terms(d_out: Array, d_lse: Array | None, out: Array, lse: Array, sinks: Array | None) -> Rows:
    """The terms of a chunk of rows, and what they add to d_sinks."""
    dtype = np.result_type(out, np.complex64) if d_out.dtype.kind == "c" else out.dtype
    d_out = d_out.astype(dtype, copy=False)
    wide = np.result_type(dtype, lse)
    less = np.einsum("...e,...e->...", d_out, out, dtype=wide)
    delta, d_sinks = less, None
    if d_lse is not None:
        less = less - d_lse
    if sinks is not None:
        sink = sinks[..., None]
        share = sink_weights(np.exp(sink - lse), np.broadcast_to(sink, lse.shape))
        d_sink = share * ((0 if d_lse is None else d_lse) - keep_visible(delta, share.real < 1))
        d_sinks = unbroadcast(accurate_sum(d_sink, axis=-1), sinks.shape)
    return Rows(d_out, less, lse, d_sinks)


def backward_tile(
    options: TileOptions, rows: Rows, before: list[tuple[Any, ...] | None], arrays: list[Array]
) -> tuple[Any, ...]:
    """A tile's gradients, in the order of its arrays, each added to the tiles before it in its own chain."""
    d_out, less, lse, _ = rows
    gradients = gradients_of_part(d_out, less, lse, **options.arguments(arrays))
    own = tuple(gradient for gradient in gradients if gradient is not None)
    return tuple(
        gradient if earlier is None else earlier[number] + gradient
        for number, (gradient, earlier) in enumerate(zip(own, before, strict=True))
    )


def add_items(number: int, results: list[Any]) -> Array:
    """The sum of one item of each result, in their order."""
    return add([result[number] for result in results])


def add(arrays: list[Array]) -> Array:
    """The sum, in their order."""
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total


def finish(total: Array | None, shape: tuple[int, ...], dtype: Any) -> Array:
    """A gradient in its argument's shape and dtype; 0 where no tile reaches the argument."""
    if total is None:
        return np.zeros(shape, dtype)
    dtype = np.result_type(dtype, np.complex64) if total.dtype.kind == "c" else dtype
    return np.asarray(total).reshape(shape).astype(dtype, copy=False)
