"""The linear map: out = x @ weightᵀ + bias."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import (
    accurate_sum,
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
    out = (_rows(inner) @ matrix.T).reshape(*x.shape[:-1], len(matrix))
    if bias is not None:
        added = cast_optional(bias, x, weight)
        out = np.add(out, added, out=out if added.dtype == out.dtype else None)
    return round_to(out, x, weight, fresh=True), LinearSaved(x, weight, bias)


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
    inner, matrix = upcast(x, weight)
    rows = _rows(d_out)
    return LinearGradients(
        d_x=gradient_like((rows @ matrix).reshape(x.shape), x, fresh=True) if needs_d_x else None,
        d_weight=gradient_like(rows.T @ _rows(inner), weight, fresh=True),
        d_bias=None if bias is None else gradient_like(accurate_sum(rows, axis=0), bias),
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
