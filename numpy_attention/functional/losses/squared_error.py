"""Squared error: loss = (prediction - target)²."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, one_of, quiet
from ..base.arrays import backward_of, gradient_like, promote, round_to, shape_repr, upcast
from .losses import REDUCTIONS, reduce_losses, reduce_losses_backward
from .targets import admit_targets


@shape_repr
class SquaredErrorSaved(NamedTuple):
    """The arguments."""

    predictions: Array
    targets: Array
    reduction: str


@quiet
def mean_squared_error_forward(
    predictions: npt.ArrayLike, targets: npt.ArrayLike, *, reduction: str = "mean"
) -> tuple[Any, SquaredErrorSaved]:
    """Squared errors, with what their backward needs: see `mean_squared_error`."""
    predictions = admit("predictions", predictions)
    targets = admit_targets(targets, "predictions", predictions)
    reduction = one_of("reduction", reduction, REDUCTIONS)
    errors = upcast(predictions)[0] - targets
    wide = np.result_type(errors, np.float64)
    losses = np.square(errors, dtype=wide)  # the mean may fit into a dtype where a square does not
    out = reduce_losses(losses, errors.size, reduction)
    return round_to(out, predictions), SquaredErrorSaved(predictions, targets, reduction)


@backward_of(SquaredErrorSaved)
def mean_squared_error_backward(d_out: npt.ArrayLike, saved: SquaredErrorSaved) -> Any:
    """Undo loss = (predictions - targets)²: d_predictions = d_loss * 2 (predictions - targets)."""
    predictions, targets, reduction = saved
    d_losses = reduce_losses_backward(d_out, targets.shape, targets.size, reduction, predictions)
    return gradient_like(d_losses * (2 * (upcast(predictions)[0] - targets)), predictions)


@explained
def mean_squared_error(predictions: npt.ArrayLike, targets: npt.ArrayLike, *, reduction: str = "mean") -> Any:
    """Squared errors: loss = (prediction - target)².

    Parameters
    ----------
    predictions : any shape
    targets : the same shape, real numbers
    reduction : "mean", "sum" or "none"

    Returns
    -------
    A number, or the shape of predictions for "none", in their dtype. The mean of an empty array is 0.
    Derivative: 2 (prediction - target).

    Raises
    ------
    TypeError, ValueError
        For a wrong shape or dtype.

    Examples
    --------
    >>> float(mean_squared_error([1, 2], [4, 2]))
    4.5

    References
    ----------
    Legendre 1805.
    """
    return mean_squared_error_forward(promote(predictions), targets, reduction=reduction)[0]
