"""Location scores: one score for each token, without a query.

    scores_s = weight · x_s + bias

x (..., S, D)  scores (..., S)
"""

from typing import Any, NamedTuple

import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import (
    backward_of,
    cast_optional,
    check_equal,
    common_batch,
    cotangent,
    gradient_like,
    promote,
    round_to,
    shape_repr,
    upcast,
)


@shape_repr
class LocationSaved(NamedTuple):
    """The arguments."""

    x: Array
    weight: Array
    bias: Array | None


@shape_repr
class LocationGradients(NamedTuple):
    """In the forward's order; d_bias is None if bias was."""

    d_x: Any
    d_weight: Any
    d_bias: Any


@quiet
def location_scores_forward(
    x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None = None
) -> tuple[Any, LocationSaved]:
    """A score for each token, with what its backward needs: see `location_scores`."""
    x, weight = admit("x", x, 2), admit("weight", weight, 1)
    check_equal("the last axis of x", x.shape[-1], "that of weight", weight.shape[-1])
    common_batch(x=x.shape[:-2], weight=weight.shape[:-1])
    if bias is not None:
        bias = admit("bias", bias)
        if bias.ndim:
            raise ValueError(f"bias has shape {bias.shape}; one number is expected")
    rows, column = upcast(x, weight)
    out = (rows @ column[..., :, None])[..., 0]
    if bias is not None:
        out = out + cast_optional(bias, x, weight)
    return round_to(out, x, weight), LocationSaved(x, weight, bias)


@backward_of(LocationSaved)
def location_scores_backward(d_out: npt.ArrayLike, saved: LocationSaved) -> LocationGradients:
    """From out_s = weight · x_s + bias:

    d_x_s = d_out_s weight;  d_weight = Σ_s d_out_s x_s;  d_bias = Σ_s d_out_s
    """
    x, weight, bias = saved
    shape = (*common_batch(x=x.shape[:-2], weight=weight.shape[:-1]), x.shape[-2])
    optional = () if bias is None else (cast_optional(bias, x, weight),)
    d_out = cotangent("d_out", d_out, shape, x, weight, *optional)
    rows, column = upcast(x, weight)
    return LocationGradients(
        d_x=gradient_like(d_out[..., :, None] * column[..., None, :], x, fresh=True),
        d_weight=gradient_like((d_out[..., None, :] @ rows)[..., 0, :], weight),
        d_bias=None if bias is None else gradient_like(d_out, bias),
    )


@explained
def location_scores(x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None = None) -> Any:
    """A score for each token, without a query: scores_s = Σ_d weight_d x_sd + bias.

    Parameters
    ----------
    x : (..., S, D)
    weight : (..., D); its batch axes broadcast with those of x, so that weight (H, D) and x (B, 1, S, D)
        give (B, H, S)
    bias : a number, or None. It never promotes the dtype, and cancels in a softmax over the tokens.

    Returns
    -------
    (..., S), in the result_type of x and weight.

    Raises
    ------
    TypeError, ValueError
        For dtypes and shapes that do not fit.

    Examples
    --------
    >>> location_scores([[1, 2], [3, 4], [5, 6]], [1, -1], bias=3)
    array([2., 2., 2.])

    References
    ----------
    Yang et al. 2016, equation 6; Ilse, Tomczak, Welling 2018, equation 8, of tokens after tanh.
    """
    return location_scores_forward(promote(x), promote(weight), promote(bias))[0]
