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
)
from ..base.arrays import (
    backward_of,
    cast_optional,
    cotangent,
    gradient_like,
    keep_visible,
    promote,
    round_to,
    shape_repr,
)
from ..base.row_blocks import admit_threads, by_rows
from ..base.workers import Buffers
from ..layers.softmax import log_weights, weights_from_peak
from .targets import (
    admit_class_weights,
    admit_classes,
    admit_distributions,
    is_distribution,
    target_distribution,
    target_entries,
)


@shape_repr
class CrossEntropySaved(NamedTuple):
    """The arguments, and weights = softmax(logits).

    counted (...) is False where the target is ignored; divisor is what a mean divides by.
    """

    logits: Array
    targets: Array
    weights: Array
    counted: Array
    reduction: str
    class_weights: Array | None
    label_smoothing: float
    divisor: float
    threads: int

    @property
    def distribution(self) -> Array:
        """The target distribution times class weights (..., C), made when it is asked for."""
        soft = is_distribution(self.targets, self.logits.shape)
        targets = self.targets if soft else self.targets[..., None]
        options = self.label_smoothing, self.class_weights
        return target_distribution(self.weights, targets, self.counted[..., None], *options)


@shape_repr
class CrossEntropyGradients(NamedTuple):
    """In the forward's order, for targets that are distributions."""

    d_logits: Any
    d_targets: Any


# ----------------------------------------------------------------------------------- all losses


REDUCTIONS = ("mean", "sum", "none")


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


@quiet
def cross_entropy_forward(
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    weight: npt.ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    threads: int | None = None,
) -> tuple[Any, CrossEntropySaved]:
    """Cross-entropy, with what its backward needs: see `cross_entropy`."""
    logits = admit("logits", logits, 1)
    given = as_array("targets", np.asarray(targets) if isinstance(targets, int) else targets)
    soft = is_distribution(given, logits.shape)
    admit_them = admit_distributions if soft else admit_classes
    given, counted = admit_them(given, logits, ignore_index)
    smoothing = real_number("label_smoothing", label_smoothing)
    if not 0 <= smoothing <= 1:
        raise ValueError(f"label_smoothing is {smoothing}; a number in [0, 1] is expected")
    reduction = one_of("reduction", reduction, REDUCTIONS)
    class_weights = admit_class_weights(weight, logits)
    threads = admit_threads(threads)
    by_class = not soft and not smoothing and class_weights is None

    def formula(rows: Array, targets: Array, counted: Array, weights: Array, losses: Array, _: Any) -> None:
        losses[...] = 0
        failed: Any = slice(None)
        if by_class and rows.dtype.kind == "f" and rows.size:
            peak, others, failed = weights_from_peak(rows, weights)
            own = rows[target_entries(targets, counted)] - rows[peak][counted[:, 0]]
            losses[counted] = np.log1p(others[counted]) - own
            if not failed.size:
                return
        log_shares, weights[failed] = log_weights(rows[failed])
        targets, counted = targets[failed], counted[failed]
        if by_class:
            of_failed = losses[failed]
            of_failed[counted] = 0 - log_shares[target_entries(targets, counted)]  # 0 - 0 is not -0
            losses[failed] = of_failed
            return
        distribution = target_distribution(rows, targets, counted, smoothing, class_weights)
        terms = keep_visible(distribution * -log_shares, distribution != 0)
        losses[counted] = terms.sum(axis=-1)[counted[:, 0]]

    columns = cast_optional(given, logits) if soft else given[..., None]
    arrays = [logits, columns, counted[..., None]]
    weights, losses = by_rows(formula, arrays, [logits.shape[-1], 1], threads)
    counts = counted if soft or class_weights is None else class_weights[given[counted]]
    divisor = float(counts.sum(dtype=np.float64))
    out = reduce_losses(losses[..., 0], divisor, reduction)
    return round_to(out, logits), CrossEntropySaved(
        logits, given, weights, counted, reduction, class_weights, smoothing, divisor, threads
    )


@backward_of(CrossEntropySaved)
def cross_entropy_backward(d_out: npt.ArrayLike, saved: CrossEntropySaved) -> Any:
    """Undo loss = Σ distribution * -log_shares:

    d_logits = d_loss * (weights * Σ distribution - distribution)
    d_targets = d_loss * (1 - label_smoothing) * class_weights * -log_shares, of distributions only

    A row of d_logits sums to 0. Where the target's (or the largest) weight is near 1 the subtraction would
    cancel, so that entry is minus the sum of the others.
    """
    logits, targets, weights, counted, reduction, class_weights, smoothing, divisor, threads = saved
    soft = is_distribution(targets, logits.shape)
    arguments = (logits, targets) if soft else (logits,)
    d_losses = reduce_losses_backward(d_out, counted.shape, divisor, reduction, *arguments)
    peaks = (weights.real.argmax(axis=-1) if weights.size else counted.astype(int)) if soft else targets
    by_class = not soft and not smoothing and class_weights is None

    def formula(weights: Array, targets: Array, *columns: Any) -> None:
        d_losses, peaks, counted, d_rows, _ = columns
        at_peak = target_entries(peaks, counted)
        if by_class:
            own = weights[at_peak] - 1
            near = own.real > -0.5
            rest = weights[at_peak[0][near]]
            rest[np.arange(len(rest)), at_peak[1][near]] = 0
            own[near] = -rest.sum(axis=-1)
            np.multiply(weights, d_losses, out=d_rows)
            d_rows[at_peak] = own * d_losses[counted]
        else:
            distribution = target_distribution(weights, targets, counted, smoothing, class_weights)
            total = 1 if not soft and class_weights is None else distribution.sum(axis=-1, keepdims=True)
            np.subtract(weights * total, distribution, out=d_rows)
            own, d_rows[at_peak] = d_rows[at_peak], 0
            others = d_rows.sum(axis=-1)[at_peak[0]]
            d_rows[at_peak] = np.where(weights[at_peak].real > 0.5, -others, own)
            d_rows *= d_losses
        d_rows[~counted[:, 0]] = 0

    columns = [column[..., None] for column in (np.full(counted.shape, d_losses), peaks, counted)]
    given = cast_optional(targets, logits) if soft else columns[1]
    (d_logits,) = by_rows(formula, [weights, given, *columns], logits.shape[-1:], threads)
    d_logits = gradient_like(d_logits, logits, fresh=True)
    if not soft:
        return d_logits

    def logarithms(rows: Array, out: Array, _: Buffers) -> None:
        out[...] = log_weights(rows)[0]

    (log_shares,) = by_rows(logarithms, [logits], logits.shape[-1:], threads)
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
    threads: int | None = None,
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
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

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
        threads=threads,
    )[0]
