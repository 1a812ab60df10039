"""Position biases as values: any tile of the bias, and the gradient of its parameter.

    alibi      bias_hls = -slope_h |position_l - s|
    relative   bias_hls = table_h[bucket_ls]

`attention(…, bias=na.alibi(slopes))` adds the bias; its backward returns the gradient of slopes or table.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, one_of, quiet, shown, whole_numbers
from ..base.arrays import (
    accurate_sum,
    gradient_like,
    group,
    promote,
    shape_repr,
    sum_groups,
    unbroadcast,
    whole_number,
)
from ..masks.mask import ALIGNMENTS, alignment_offset, batch_entry


@shape_repr
class AlibiGradients(NamedTuple):
    """d_bias of `alibi`."""

    d_slopes: Any


@shape_repr
class RelativeGradients(NamedTuple):
    """d_bias of `relative`."""

    d_table: Any


class Bias(ABC):
    """A bias computed from one parameter, tile by tile."""

    gradients_type: Callable[[Array], Any]

    def __init__(self, parameter: Array) -> None:
        self.parameter = parameter

    @abstractmethod
    def tile(self, rows: slice, columns: slice, L: int, S: int) -> Array:
        """The bias at [..., rows, columns], (..., r, c), in the parameter's dtype or float64."""

    @abstractmethod
    def entry(self, index: tuple[int, ...]) -> "Bias":
        """The bias of one batch entry and head: tiles (r, c)."""

    @abstractmethod
    def tile_gradient(self, d_tile: Array, rows: slice, columns: slice, L: int, S: int) -> Array:
        """The contribution of one tile's gradient (..., r, c) to the parameter's gradient."""

    def wrap_gradient(self, gradient: Array) -> Any:
        """The parameter's gradient, in its shape and dtype, as `gradients_type`."""
        return self.gradients_type(gradient_like(gradient, self.parameter))

    def array(self, L: int, S: int) -> Array:
        """The whole bias, (..., L, S)."""
        L, S = whole_number("L", L, 0), whole_number("S", S, 0)
        return self.tile(slice(None), slice(None), L, S)

    def gradients(self, d_bias: Array) -> Any:
        """The parameter's gradient, from d_bias (..., L, S) of the whole bias."""
        gradient = self.tile_gradient(d_bias, slice(None), slice(None), *d_bias.shape[-2:])
        return self.wrap_gradient(gradient)


class Alibi(Bias):
    """-slope * distance, with one slope for each head."""

    gradients_type = AlibiGradients

    def __init__(self, slopes: Array, align: str | None, offset: int | None) -> None:
        super().__init__(slopes)
        self.align, self.offset = align, offset

    def __repr__(self) -> str:
        return f"na.alibi(<slopes {self.parameter.shape}>)"

    def entry(self, index: tuple[int, ...]) -> Bias:
        """The bias of one head's slope."""
        return Alibi(batch_entry(self.parameter, index, 0), self.align, self.offset)

    def _distance(self, rows: slice, columns: slice, L: int, S: int) -> Array:
        shift = self.offset if self.offset is not None else alignment_offset(self, self.align, L, S)
        ahead = np.arange(*columns.indices(S)) - np.arange(*rows.indices(L))[:, None]
        return np.asarray(np.abs(ahead - float(shift)))

    @quiet
    def tile(self, rows: slice, columns: slice, L: int, S: int) -> Array:
        """bias = -slope * distance."""
        slopes = self.parameter.astype(np.result_type(self.parameter, np.float64))
        return np.asarray(-slopes[..., None, None] * self._distance(rows, columns, L, S))

    def tile_gradient(self, d_tile: Array, rows: slice, columns: slice, L: int, S: int) -> Array:
        """From bias = -slope * distance: d_slope = -Σ distance * d_bias."""
        return unbroadcast(
            -accurate_sum(self._distance(rows, columns, L, S) * d_tile, axis=(-2, -1)), self.parameter.shape
        )


class Relative(Bias):
    """table[bucket]: one learned number for each bucket of distances and each head."""

    gradients_type = RelativeGradients

    def __init__(self, table: Array, buckets: Array) -> None:
        super().__init__(table)
        self.buckets = buckets

    def __repr__(self) -> str:
        return f"na.relative(<table {self.parameter.shape}>, <buckets {self.buckets.shape}>)"

    def entry(self, index: tuple[int, ...]) -> Bias:
        """The bias of one head's row of the table."""
        return Relative(batch_entry(self.parameter, index, 1), self.buckets)

    def tile(self, rows: slice, columns: slice, L: int, S: int) -> Array:
        """bias = table[bucket]."""
        if self.buckets.shape != (L, S):
            raise ValueError(f"bias {self!r} is for (L, S) = {self.buckets.shape}; there are {(L, S)}")
        return np.asarray(self.parameter[..., self.buckets[rows, columns]])

    def tile_gradient(self, d_tile: Array, rows: slice, columns: slice, L: int, S: int) -> Array:
        """From bias = table[bucket]: d_table[b] = Σ d_bias over the pairs in bucket b."""
        groups = group(self.buckets[rows, columns])
        gradient = np.zeros((*d_tile.shape[:-2], self.parameter.shape[-1]), dtype=d_tile.dtype)
        for index in np.ndindex(d_tile.shape[:-2]):
            gradient[index][groups.used] = sum_groups(d_tile[index].reshape(-1), groups)
        return unbroadcast(gradient, self.parameter.shape)


@explained
def alibi(slopes: npt.ArrayLike, align: str | None = None, offset: int | None = None) -> Alibi:
    """Attention with linear biases, as a value for `attention(…, bias=…)`: -slope * distance.

    Parameters
    ----------
    slopes : (..., H), one for each head, or a number for one head. Differentiable: d_bias.d_slopes.
    align, offset : the position of a query among the keys, as in `na.causal`; offset is one whole number.

    Returns
    -------
    A bias. bias.array(L, S) is (..., H, L, S), or (L, S) for one head.

    Raises
    ------
    TypeError, ValueError
        For slopes that are not floating, an unknown align, align and offset together, an offset not whole.

    Examples
    --------
    >>> alibi([0.5]).array(2, 2)
    array([[[-0. , -0.5],
            [-0.5, -0. ]]])

    References
    ----------
    Press, Smith, Lewis 2021, section 3.
    """
    if align is not None and offset is not None:
        raise ValueError(f"align is {shown(align)} and offset is {shown(offset)}; one of them is expected")
    if align is not None:
        align = one_of("align", align, ALIGNMENTS)
    if offset is not None:
        offset = whole_number("offset", offset)
    return Alibi(admit("slopes", promote(slopes)).copy(), align, offset)


@explained
def relative(table: npt.ArrayLike, buckets: npt.ArrayLike) -> Relative:
    """Relative position biases, as a value for `attention(…, bias=…)`: table[bucket of the pair].

    Parameters
    ----------
    table : (..., H, N) numbers, N for each head, or (N,) for one head. Differentiable: d_bias.d_table.
    buckets : whole numbers (L, S) from 0 to N - 1: the index into the table for each pair.

    Returns
    -------
    A bias. bias.array(L, S) is (..., H, L, S), or (L, S) for one head.

    Raises
    ------
    TypeError, ValueError
        For a table that is not floating, buckets that are not whole or lie outside the table.

    Examples
    --------
    >>> relative([0.0, 5.0], [[0, 1], [1, 0]]).array(2, 2)
    array([[0., 5.],
           [5., 0.]])

    References
    ----------
    Raffel et al. 2020 (T5), section 2.1; Shaw, Uszkoreit, Vaswani 2018.
    """
    numbers = admit("table", promote(table), 1).copy()
    pairs = whole_numbers("buckets", buckets, least=0)
    if pairs.ndim != 2:
        raise ValueError(f"buckets has shape {pairs.shape}; (L, S) is expected")
    if pairs.size and pairs.max() >= numbers.shape[-1]:
        raise ValueError(
            f"buckets holds {pairs.max()}; less than {numbers.shape[-1]}, the length of table, is expected"
        )
    return Relative(numbers, pairs)
