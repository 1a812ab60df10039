"""Absolute error: loss = |prediction - target|."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, one_of, quiet
from ..base.arrays import backward_of, gradient_like, promote, round_to, shape_repr, upcast
from .losses import REDUCTIONS, reduce_losses, reduce_losses_backward
from .targets import admit_targets


@shape_repr
class AbsoluteErrorSaved(NamedTuple):
    """The arguments."""

    predictions: Array
    targets: Array
    reduction: str


@quiet
def mean_absolute_error_forward(
    predictions: npt.ArrayLike, targets: npt.ArrayLike, *, reduction: str = "mean"
) -> tuple[Any, AbsoluteErrorSaved]:
    """Absolute errors, with what their backward needs: see `mean_absolute_error`."""
    predictions = admit("predictions", predictions)
    targets = admit_targets(targets, "predictions", predictions)
    reduction = one_of("reduction", reduction, REDUCTIONS)
    errors = upcast(predictions)[0] - targets
    errors = errors.astype(np.result_type(errors, np.float64))  # the mean may fit where a sum does not
    losses = np.where(errors.real < 0, -errors, errors)  # np.abs of a complex number is not analytic
    out = reduce_losses(losses, errors.size, reduction)
    return round_to(out, predictions), AbsoluteErrorSaved(predictions, targets, reduction)


@backward_of(AbsoluteErrorSaved)
def mean_absolute_error_backward(d_out: npt.ArrayLike, saved: AbsoluteErrorSaved) -> Any:
    """Undo loss = |predictions - targets|: d_predictions = d_loss * sign(predictions - targets)."""
    predictions, targets, reduction = saved
    d_losses = reduce_losses_backward(d_out, targets.shape, targets.size, reduction, predictions)
    return gradient_like(d_losses * np.sign(upcast(predictions)[0].real - targets), predictions)


@explained
def mean_absolute_error(
    predictions: npt.ArrayLike, targets: npt.ArrayLike, *, reduction: str = "mean"
) -> Any:
    """Absolute errors: loss = |prediction - target|.

    Parameters
    ----------
    predictions : any shape
    targets : the same shape, real numbers
    reduction : "mean", "sum" or "none"

    Returns
    -------
    A number, or the shape of predictions for "none", in their dtype. The mean of an empty array is 0.
    Derivative: the sign of prediction - target, 0 where both are equal.

    Raises
    ------
    TypeError, ValueError
        For a wrong shape or dtype.

    Examples
    --------
    >>> float(mean_absolute_error([1, 2], [4, 2]))
    1.5

    References
    ----------
    Laplace 1774; Bloomfield, Steiger 1983.
    """
    return mean_absolute_error_forward(promote(predictions), targets, reduction=reduction)[0]
