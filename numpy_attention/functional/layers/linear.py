"""The linear map: out = x @ weightᵀ + bias.

Many rows are cut into parts for threads, each with BLAS of one thread: then the bias is added, and summed, by
all threads too, and BLAS leaves no thread spinning, which would take time from the next function's.
"""

import math
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import (
    backward_of,
    cast_optional,
    check_broadcast,
    check_equal,
    cotangent,
    gradient_like,
    promote,
    round_to,
    shape_repr,
    upcast,
)
from ..base.blas import run_threaded
from ..base.memory import new_array

PART = 2**24
"""Least multiplications of a part, half a millisecond."""


@shape_repr
class LinearSaved(NamedTuple):
    """The arguments."""

    x: Array
    weight: Array
    bias: Array | None


@shape_repr
class LinearGradients(NamedTuple):
    """In the forward's order; d_bias is None without a bias, d_x if it was not asked for."""

    d_x: Any
    d_weight: Any
    d_bias: Any


@quiet
def linear_forward(
    x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None = None
) -> tuple[Any, LinearSaved]:
    """The linear map, with what its backward needs: see `linear`."""
    x, weight = admit("x", x, 1), admit("weight", weight)
    if weight.ndim != 2:
        raise ValueError(f"weight has shape {weight.shape}; (out_features, in_features) is expected")
    check_equal("the last axis of x", x.shape[-1], "in_features of weight", weight.shape[1])
    if bias is not None:
        bias = check_broadcast("bias", admit("bias", bias), weight.shape[:1], "out_features of weight")
    inner, matrix = upcast(x, weight)
    rows, added = _rows(inner), None if bias is None else cast_optional(bias, x, weight)
    out = new_array((len(rows), len(matrix)), rows.dtype)
    in_place = added is not None and added.dtype == out.dtype

    def part(rows: Array, out: Array) -> None:
        np.matmul(rows, matrix.T, out=out)
        if in_place:
            out += added

    if (count := _parts(len(rows), matrix)) < 2:
        part(rows, out)
    else:
        _by_threads(lambda own: part(rows[own], out[own]), len(rows), count)
    if added is not None and not in_place:
        out = out + added
    out = out.reshape(*x.shape[:-1], len(matrix))
    return round_to(out, x, weight, fresh=True), LinearSaved(x, weight, bias)


def _parts(rows: int, matrix: Array) -> int:
    """The number of parts: each has more rows than the matrix; below 2, threads do not pay off."""
    count = rows * matrix.size // PART
    return count if count < 2 else min(rows // max(matrix.shape), count)


def _by_threads(part: Callable[[slice], None], rows: int, count: int) -> None:
    """part(own) for so many parts of the rows."""
    length = -(-rows // count)
    parts = [slice(start, start + length) for start in range(0, rows, length)]
    run_threaded(np.errstate(all="ignore")(lambda own, _: part(own)), parts, None)


def _rows(x: Array) -> Array:
    """(..., width) -> (n, width), for one large product instead of many small ones."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


@backward_of(LinearSaved)
def linear_backward(d_out: npt.ArrayLike, saved: LinearSaved, *, needs_d_x: bool = True) -> LinearGradients:
    """Undo out = x @ weightᵀ + bias: d_x = d_out @ weight, d_weight = d_outᵀ @ x, d_bias = Σ d_out.

    needs_d_x: False leaves d_x None, for an x that is data.
    """
    x, weight, bias = saved
    shape = (*x.shape[:-1], weight.shape[0])
    d_out = cotangent("d_out", d_out, shape, *(array for array in saved if array is not None))
    (inner, matrix), rows = upcast(x, weight), _rows(d_out)
    columns, wide = _rows(inner), np.result_type(rows, np.float64)
    d_x = new_array(columns.shape if needs_d_x else (0,), rows.dtype)
    sums: dict[int, tuple[Array, Array]] = {}  # of each part

    def part(own: slice) -> None:
        if needs_d_x:
            np.matmul(rows[own], matrix, out=d_x[own])
        sums[own.start or 0] = rows[own].T @ columns[own], rows[own].sum(axis=0, dtype=wide)

    if (count := _parts(len(rows), matrix)) < 2:
        part(slice(None))
    else:
        _by_threads(part, len(rows), count)
    d_weight, d_bias = (reduce(np.add, each) for each in zip(*(sums[at] for at in sorted(sums)), strict=True))
    return LinearGradients(
        d_x=gradient_like(d_x.reshape(x.shape), x, fresh=True) if needs_d_x else None,
        d_weight=gradient_like(d_weight, weight, fresh=True),
        d_bias=None if bias is None else gradient_like(d_bias.astype(rows.dtype), bias),
    )


@explained
def linear(x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None = None) -> Any:
    """The linear map: out_o = Σ_i weight_oi x_i + bias_o.

    Parameters
    ----------
    x : (..., in_features)
    weight : (out_features, in_features), as in PyTorch
    bias : (out_features,), or None

    Returns
    -------
    (..., out_features), in the result_type of x and weight.

    Raises
    ------
    TypeError, ValueError
        For a wrong dtype or shape.

    Examples
    --------
    >>> linear([1, 2], [[3, 4], [5, 6]], [0, 1])
    array([11., 18.])
    """
    return linear_forward(promote(x), promote(weight), promote(bias))[0]
