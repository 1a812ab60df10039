"""Cross-entropy, with the reductions that all losses share.

    loss = -Σ_c distribution_c weight_c log softmax(logits)_c

The losses of all examples are averaged, summed or returned as they are. The mean of an empty array is 0, with
gradient 0 (PyTorch gives NaN). Targets never promote a dtype; only distributions have a gradient.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import (
    Array,
    admit,
    as_array,
    explained,
    one_of,
    quiet,
    real_number,
    shown,
    whole_numbers,
)
from ..base.arrays import (
    backward_of,
    cast_optional,
    check_broadcast,
    cotangent,
    gradient_like,
    keep_visible,
    promote,
    round_to,
    shape_repr,
    upcast,
    whole_number,
)
from ..base.row_blocks import by_rows
from ..layers.softmax import log_weights


@shape_repr
class CrossEntropySaved(NamedTuple):
    """The arguments, weights = softmax(logits) and the target distribution times class weights (..., C).

    counted (...) is False where the target is ignored; divisor is what a mean divides by.
    """

    logits: Array
    targets: Array
    weights: Array
    distribution: Array
    counted: Array
    reduction: str
    class_weights: Array | None
    label_smoothing: float
    divisor: float


@shape_repr
class CrossEntropyGradients(NamedTuple):
    """In the forward's order, for targets that are distributions."""

    d_logits: Any
    d_targets: Any


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


def check_probabilities(name: str, array: Array) -> Array:
    """`array`; raises unless (the real parts of) its entries are in [0, 1]."""
    outside = ~((array.real >= 0) & (array.real <= 1))
    if outside.any():
        raise ValueError(f"{name} holds {array[outside][0]}; numbers in [0, 1] are expected")
    return array


def admit_weights(name: str, weights: npt.ArrayLike, logits: Array, shape: tuple[int, ...], of: str) -> Array:
    """Admit finite numbers >= 0 that broadcast to `shape`, in the precision of the logits' real part."""
    array = as_array(name, weights)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {array.dtype}; real numbers are expected")
    outside = ~(np.isfinite(array) & (array >= 0))
    if outside.any():
        raise ValueError(f"{name} holds {array[outside][0]}; finite numbers >= 0 are expected")
    return check_broadcast(name, array, shape, of).astype(upcast(logits)[0].real.dtype)


def reduce_losses(losses: Array, divisor: float, reduction: str) -> Any:
    """The losses, their sum, or the sum divided by `divisor`, in float64; 0 where that is 0."""
    if reduction == "none":
        return losses
    total = losses.sum(dtype=np.result_type(losses, np.float64))
    if reduction == "sum":
        return total
    divisor = divisor or np.inf
    return total / divisor if np.isfinite(total) else (losses / divisor).sum()


def reduce_losses_backward(
    d_out: npt.ArrayLike, shape: tuple[int, ...], divisor: float, reduction: str, *arguments: Array
) -> Array:
    """Undo `reduce_losses`: d_losses, which broadcasts to the losses' shape."""
    d_out = cotangent("d_out", d_out, shape if reduction == "none" else (), *arguments)
    return np.asarray(d_out / (divisor or np.inf) if reduction == "mean" else d_out)


# ------------------------------------------------------------------------------------- cross-entropy


def _admit_classes(targets: npt.ArrayLike, logits: Array, ignore_index: int | None) -> tuple[Array, Array]:
    """Admit targets, a class for each row of logits; False in the second result where ignored."""
    if (array := as_array("targets", targets)).dtype.kind not in "iu" and array.size:
        raise TypeError(
            f"targets has dtype {array.dtype}; whole numbers are expected, or probabilities in the shape of "
            f"logits, {logits.shape}"
        )
    array = whole_numbers("targets", array)
    if array.shape != logits.shape[:-1]:
        written = " (write .astype(float) for probabilities)" if array.shape == logits.shape else ""
        raise ValueError(
            f"targets has shape {array.shape}; that of logits without its last axis, "
            f"{logits.shape[:-1]}, is expected{written}"
        )
    counted = np.ones(array.shape, dtype=bool)
    if ignore_index is not None:
        counted = np.asarray(array != whole_number("ignore_index", ignore_index))
    outside = counted & ((array < 0) | (array >= logits.shape[-1]))
    if outside.any():
        raise ValueError(
            f"targets holds {array[outside][0]}; a class in [0, {logits.shape[-1]}), the last axis of "
            "logits, is expected"
        )
    return array, counted


def _admit_distributions(targets: Array, logits: Array, ignore_index: int | None) -> tuple[Array, Array]:
    """Admit targets, a distribution for each row of logits; every row counts."""
    if ignore_index is not None:
        raise ValueError(
            f"ignore_index is {shown(ignore_index)}, but targets are distributions; give rows of zeros"
        )
    return check_probabilities("targets", targets), np.full(logits.shape[:-1], logits.shape[-1] > 0)


def _admit_class_weights(weight: npt.ArrayLike | None, logits: Array) -> Array | None:
    """Admit a number >= 0 for each class."""
    if weight is None:
        return None
    array, classes = as_array("weight", weight), logits.shape[-1:]
    if array.shape != classes:
        raise ValueError(f"weight has shape {array.shape}; {classes}, a number for each class, is expected")
    return admit_weights("weight", array, logits, classes, "classes")


def _target_entries(targets: Array, counted: Array) -> tuple[Array, Array]:
    """Index of the counted targets' entries in rows (n, C); targets, counted (n, 1)."""
    return np.flatnonzero(counted), targets[counted]


def _is_distribution(targets: Array, shape: tuple[int, ...]) -> bool:
    return targets.dtype.kind in "fc" and targets.shape == shape


@quiet
def cross_entropy_forward(
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    weight: npt.ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[Any, CrossEntropySaved]:
    """Cross-entropy, with what its backward needs: see `cross_entropy`."""
    logits = admit("logits", logits, 1)
    given = as_array("targets", np.asarray(targets) if isinstance(targets, int) else targets)
    soft = _is_distribution(given, logits.shape)
    admit_them = _admit_distributions if soft else _admit_classes
    given, counted = admit_them(given, logits, ignore_index)
    smoothing = real_number("label_smoothing", label_smoothing)
    if not 0 <= smoothing <= 1:
        raise ValueError(f"label_smoothing is {smoothing}; a number in [0, 1] is expected")
    reduction = one_of("reduction", reduction, REDUCTIONS)
    class_weights = _admit_class_weights(weight, logits)
    share = smoothing / max(logits.shape[-1], 1)

    def formula(rows: Array, targets: Array, counted: Array) -> tuple[Array, Array, Array]:
        log_shares, weights = log_weights(rows)
        if soft:
            distribution = (1 - smoothing) * targets + share
        else:
            at_target = _target_entries(targets, counted)
            distribution = np.full(rows.shape, share, rows.real.dtype)
            distribution[at_target] = 1 - smoothing + share
        if class_weights is not None:
            distribution = distribution * class_weights
        losses = np.zeros((len(rows), 1), np.result_type(rows, distribution))
        if soft or smoothing or class_weights is not None:
            terms = keep_visible(distribution * -log_shares, distribution != 0)
            losses[counted] = terms.sum(axis=-1)[counted[:, 0]]
        else:
            losses[counted] = 0 - log_shares[at_target]  # 0 - 0 is not -0
        return losses, weights, distribution

    columns = cast_optional(given, logits) if soft else given[..., None]
    losses, weights, distribution = by_rows(formula, *upcast(logits), columns, counted[..., None])
    counts = counted if soft or class_weights is None else class_weights[given[counted]]
    divisor = float(counts.sum(dtype=np.float64))
    out = reduce_losses(losses[..., 0], divisor, reduction)
    return round_to(out, logits), CrossEntropySaved(
        logits, given, weights, distribution, counted, reduction, class_weights, smoothing, divisor
    )


@backward_of(CrossEntropySaved)
def cross_entropy_backward(d_out: npt.ArrayLike, saved: CrossEntropySaved) -> Any:
    """Undo loss = Σ distribution * -log_shares:

    d_logits = d_loss * (weights * Σ distribution - distribution)
    d_targets = d_loss * (1 - label_smoothing) * class_weights * -log_shares, of distributions only

    A row of d_logits sums to 0. Where the target's (or the largest) weight is near 1 the subtraction would
    cancel, so that entry is minus the sum of the others.
    """
    logits, targets, weights, distribution, counted, reduction, class_weights, smoothing, divisor = saved
    soft = _is_distribution(targets, logits.shape)
    arguments = (logits, targets) if soft else (logits,)
    d_losses = reduce_losses_backward(d_out, counted.shape, divisor, reduction, *arguments)
    peaks = (weights.real.argmax(axis=-1) if weights.size else counted.astype(int)) if soft else targets

    def formula(weights: Array, distribution: Array, *columns: Array) -> tuple[Array]:
        d_losses, peaks, counted = columns
        at_peak = _target_entries(peaks, counted)
        plain = not soft and class_weights is None
        total = 1 if plain else distribution.sum(axis=-1, keepdims=True)
        d_rows = weights * total - distribution
        d_own, d_rows[at_peak] = d_rows[at_peak], 0
        others = d_rows.sum(axis=-1)[at_peak[0]]
        d_rows[at_peak] = np.where(weights[at_peak].real > 0.5, -others, d_own)
        return (keep_visible(d_losses * d_rows, None if counted.all() else counted),)

    columns = (column[..., None] for column in (np.full(counted.shape, d_losses), peaks, counted))
    (d_logits,) = by_rows(formula, weights, distribution, *columns)
    d_logits = gradient_like(d_logits, logits, fresh=True)
    if not soft:
        return d_logits
    log_shares, _ = by_rows(log_weights, *upcast(logits))
    scale = (1 - smoothing) * (np.ones(1) if class_weights is None else class_weights)
    d_targets = d_losses[..., None] * keep_visible(scale * -log_shares, scale > 0)
    return CrossEntropyGradients(d_logits, gradient_like(d_targets, targets))


@explained
def cross_entropy(
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    weight: npt.ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """Cross-entropy: loss = -Σ_c distribution_c weight_c log softmax(logits)_c.

    The distribution is 1 at the target and 0 elsewhere; label smoothing spreads a share ε of it evenly over
    all C classes.

    Parameters
    ----------
    logits : (..., C)
    targets : (...), whole numbers in [0, C); or (..., C), the distributions themselves, floats in [0, 1]
    weight : (C,), numbers >= 0, a weight for each class; None for 1
    ignore_index : targets of this value, also outside [0, C), are ignored, whatever their logits
    label_smoothing : ε, from 0 to 1
    reduction : "mean" over the targets not ignored, "sum", or "none", which gives 0 where ignored. As in
        PyTorch, a mean with weight divides by Σ weight_target; that of distributions by their number.

    Returns
    -------
    A number, or (...) for "none", in the dtype of logits. The mean of an empty array is 0. Derivative:
    softmax(logits) - distribution, and -log softmax(logits) with respect to distributions, whose backward
    returns both.

    Raises
    ------
    TypeError, ValueError
        For targets that are not classes or probabilities, ignore_index with distributions, weights below 0,
        smoothing outside [0, 1], or a wrong shape or dtype.

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
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )[0]
