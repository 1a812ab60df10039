"""Cross-entropy and squared error, with the reductions that all losses share.

    cross-entropy  -log softmax(logits)_target
    squared error  (prediction - target)²

The losses of all examples are averaged, summed or returned as they are. The mean of an empty array is 0, with
gradient 0 (PyTorch gives NaN). Targets have no gradient and never promote a dtype.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, as_array, explained, one_of, quiet, real_number, whole_numbers
from ..base.arrays import (
    accurate_sum,
    backward_of,
    cotangent,
    gradient_like,
    keep_visible,
    promote,
    round_to,
    shape_repr,
    upcast,
)
from ..base.row_blocks import by_rows
from ..layers.softmax import log_weights


@shape_repr
class CrossEntropySaved(NamedTuple):
    """The arguments, weights = softmax(logits) and the target distribution (..., C).

    counted (...) is False where the target is ignored.
    """

    logits: Array
    targets: Array
    weights: Array
    distribution: Array
    counted: Array
    reduction: str


@shape_repr
class SquaredErrorSaved(NamedTuple):
    """The arguments."""

    predictions: Array
    targets: Array
    reduction: str


# ----------------------------------------------------------------------------------- all losses


REDUCTIONS = ("mean", "sum", "none")


def admit_targets(targets: npt.ArrayLike, name: str, predictions: Array) -> Array:
    """Admit real targets of the predictions' shape, in the precision of their real part."""
    array = as_array("targets", targets)
    if array.dtype.kind == "c":
        raise TypeError(f"targets has dtype {array.dtype}; real numbers are expected")
    if array.shape != predictions.shape:
        raise ValueError(f"targets has shape {array.shape}; that of {name}, {predictions.shape}, is expected")
    return array.astype(upcast(predictions)[0].real.dtype, copy=False)


def reduce_losses(losses: Array, counted: int, reduction: str) -> Any:
    """The losses, their sum, or the sum divided by `counted`."""
    if reduction == "none":
        return losses
    return accurate_sum(losses) / (max(counted, 1) if reduction == "mean" else 1)


def reduce_losses_backward(
    d_out: npt.ArrayLike, shape: tuple[int, ...], counted: int, reduction: str, argument: Array
) -> Array:
    """Undo `reduce_losses`: d_losses, which broadcasts to the losses' shape."""
    d_out = cotangent("d_out", d_out, shape if reduction == "none" else (), argument)
    return np.asarray(d_out / (max(counted, 1) if reduction == "mean" else 1))


# ------------------------------------------------------------------------------------- cross-entropy


def _admit_classes(targets: npt.ArrayLike, logits: Array, ignore_index: int | None) -> tuple[Array, Array]:
    """Admit targets, a class for each row of logits; False in the second result where ignored."""
    array = whole_numbers("targets", targets)
    if array.shape != logits.shape[:-1]:
        raise ValueError(
            f"targets has shape {array.shape}; that of logits without its last axis, "
            f"{logits.shape[:-1]}, is expected"
        )
    counted = np.ones(array.shape, dtype=bool)
    if ignore_index is not None:
        ignored = whole_numbers("ignore_index", ignore_index)
        if ignored.ndim:
            raise TypeError(f"ignore_index is {ignore_index!r}; one whole number is expected")
        counted = np.asarray(array != ignored)
    outside = counted & ((array < 0) | (array >= logits.shape[-1]))
    if outside.any():
        raise ValueError(
            f"targets holds {array[outside][0]}; a class in [0, {logits.shape[-1]}), the last axis of "
            "logits, is expected"
        )
    return array, counted


def _target_entries(targets: Array, counted: Array) -> tuple[Array, Array]:
    """Index of the counted targets' entries in rows (n, C); targets, counted (n, 1)."""
    return np.flatnonzero(counted), targets[counted]


@quiet
def cross_entropy_forward(
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[Any, CrossEntropySaved]:
    """Cross-entropy, with what its backward needs: see `cross_entropy`."""
    logits = admit("logits", logits, 1)
    targets, counted = _admit_classes(targets, logits, ignore_index)
    smoothing = real_number("label_smoothing", label_smoothing)
    if not 0 <= smoothing <= 1:
        raise ValueError(f"label_smoothing is {smoothing}; a number in [0, 1] is expected")
    reduction = one_of("reduction", reduction, REDUCTIONS)
    share = smoothing / max(logits.shape[-1], 1)

    def formula(rows: Array, targets: Array, counted: Array) -> tuple[Array, Array, Array]:
        log_shares, weights = log_weights(rows)
        at_target = _target_entries(targets, counted)
        distribution = np.full(rows.shape, share, rows.real.dtype)
        distribution[at_target] = 1 - smoothing + share
        losses = np.zeros((len(rows), 1), rows.dtype)
        if smoothing:
            terms = keep_visible(distribution * -log_shares, distribution > 0)
            losses[counted] = terms.sum(axis=-1)[at_target[0]]
        else:
            losses[counted] = 0 - log_shares[at_target]  # 0 - 0 is not -0
        return losses, weights, distribution

    losses, weights, distribution = by_rows(formula, *upcast(logits), targets[..., None], counted[..., None])
    out = reduce_losses(losses[..., 0], int(counted.sum()), reduction)
    saved = CrossEntropySaved(logits, targets, weights, distribution, counted, reduction)
    return round_to(out, logits), saved


@backward_of(CrossEntropySaved)
def cross_entropy_backward(d_out: npt.ArrayLike, saved: CrossEntropySaved) -> Any:
    """Undo loss = logsumexp(logits) - Σ distribution * logits: d_logits = d_loss * (weights - distribution).

    A row of weights - distribution sums to 0. Where the target's weight is near 1 the subtraction would
    cancel, so that entry is minus the sum of the others.
    """
    logits, targets, weights, distribution, counted, reduction = saved
    d_losses = reduce_losses_backward(d_out, counted.shape, int(counted.sum()), reduction, logits)

    def formula(weights: Array, distribution: Array, *columns: Array) -> tuple[Array]:
        d_losses, targets, counted = columns
        at_target = _target_entries(targets, counted)
        d_rows = weights - distribution
        d_own, d_rows[at_target] = d_rows[at_target], 0
        others = d_rows.sum(axis=-1)[at_target[0]]
        d_rows[at_target] = np.where(weights[at_target].real > 0.5, -others, d_own)
        return (keep_visible(d_losses * d_rows, None if counted.all() else counted),)

    columns = (column[..., None] for column in (np.full(counted.shape, d_losses), targets, counted))
    (d_logits,) = by_rows(formula, weights, distribution, *columns)
    return gradient_like(d_logits, logits, fresh=True)


@explained
def cross_entropy(
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """Cross-entropy: loss = -Σ_c distribution_c log softmax(logits)_c.

    The distribution is 1 at the target and 0 elsewhere; label smoothing spreads a share ε of it evenly over
    all C classes.

    Parameters
    ----------
    logits : (..., C)
    targets : (...), whole numbers in [0, C)
    ignore_index : targets of this value, also outside [0, C), are ignored, whatever their logits
    label_smoothing : ε, from 0 to 1
    reduction : "mean" over the targets not ignored, "sum", or "none", which gives 0 where ignored

    Returns
    -------
    A number, or (...) for "none", in the dtype of logits. The mean of an empty array is 0. Derivative:
    softmax(logits) - distribution.

    Raises
    ------
    TypeError, ValueError
        For targets that are not classes, smoothing outside [0, 1], or a wrong shape or dtype.

    Examples
    --------
    >>> float(cross_entropy([[0, 0], [0, 50]], [0, 1], reduction="sum"))  # log 2, and 2e-22
    0.6931471805599453
    >>> cross_entropy([[0, 0], [0, 50]], [0, 1], reduction="none")
    array([6.93147181e-01, 1.92874985e-22])

    References
    ----------
    Label smoothing: Szegedy et al. 2016, section 7, as in PyTorch.
    """
    return cross_entropy_forward(
        promote(logits),
        targets,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )[0]


# ------------------------------------------------------------------------------------- squared error


@quiet
def mean_squared_error_forward(
    predictions: npt.ArrayLike, targets: npt.ArrayLike, *, reduction: str = "mean"
) -> tuple[Any, SquaredErrorSaved]:
    """Squared errors, with what their backward needs: see `mean_squared_error`."""
    predictions = admit("predictions", predictions)
    targets = admit_targets(targets, "predictions", predictions)
    reduction = one_of("reduction", reduction, REDUCTIONS)
    errors = upcast(predictions)[0] - targets
    out = reduce_losses(errors * errors, errors.size, reduction)
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
