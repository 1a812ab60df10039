"""Mistakes in cross-entropy: ignored targets, the mean, label smoothing."""

from typing import Any

import numpy as np

from ....functional.base.arrays import Pair, gradient_like
from ....functional.losses.losses import (
    CrossEntropySaved,
    cross_entropy_backward,
    cross_entropy_forward,
    reduce_losses_backward,
)
from ..conditions import Arguments
from ..fault import FaultFamily

CROSS_ENTROPY = FaultFamily(
    "cross-entropy", "cross_entropy", Pair(cross_entropy_forward, cross_entropy_backward)
)


def _rows(call: Arguments) -> int:
    return int(np.size(call["targets"]))


def _ignored(call: Arguments) -> int:
    ignore = call.get("ignore_index")
    return 0 if ignore is None else int((np.asarray(call["targets"]) == ignore).sum())


def _has_classes(call: Arguments) -> bool:
    """Where there are several classes, and a target that is not ignored."""
    return _rows(call) > _ignored(call) and np.shape(call["logits"])[-1] > 1


def _some_ignored(call: Arguments) -> bool:
    """Where some targets are ignored, not all."""
    return _has_classes(call) and _ignored(call) > 0


def _averages(call: Arguments) -> bool:
    """Where the loss is a mean."""
    return _has_classes(call) and call.get("reduction", "mean") == "mean"


def _averages_some(call: Arguments) -> bool:
    """Where the loss is a mean, and a target is ignored."""
    return _averages(call) and _ignored(call) > 0


def _averages_several(call: Arguments) -> bool:
    """Where the loss is the mean over several targets."""
    return _averages(call) and _rows(call) - _ignored(call) > 1


def _smoothed(call: Arguments) -> bool:
    """Where label_smoothing is not 0."""
    return _has_classes(call) and call.get("label_smoothing", 0.0) > 0


@CROSS_ENTROPY.pair(active=_averages_some)
def ignored_targets_counted() -> Pair:
    """The mean is taken over all targets, ignored ones included."""

    def share(saved: CrossEntropySaved) -> float:
        """The fraction of the targets that count."""
        return float(saved.counted.mean()) if saved.reduction == "mean" and saved.counted.size else 1.0

    def forward(logits: Any, targets: Any, **options: Any) -> tuple[Any, CrossEntropySaved]:
        out, saved = cross_entropy_forward(logits, targets, **options)
        return np.asarray(out * share(saved), dtype=np.asarray(out).dtype)[()], saved

    def backward(d_out: Any, saved: CrossEntropySaved) -> Any:
        return gradient_like(np.asarray(cross_entropy_backward(d_out, saved) * share(saved)), saved.logits)

    return Pair(forward, backward)


@CROSS_ENTROPY.backward(active=_some_ignored)
def ignored_targets_with_gradient(d_out: Any, saved: CrossEntropySaved) -> Any:
    """Ignored targets are left out of the loss, but not of its gradient: their rows are softmax(logits)."""
    right = cross_entropy_backward(d_out, saved)
    weights = saved.weights.astype(right.dtype)
    return np.where(saved.counted[..., None], right, weights / max(int(saved.counted.sum()), 1))


@CROSS_ENTROPY.backward(active=_averages_several)
def cross_entropy_not_averaged(d_out: Any, saved: CrossEntropySaved) -> Any:
    """The gradient is that of the sum, though the loss is the mean."""
    several = max(int(saved.counted.sum()), 1) if saved.reduction == "mean" else 1
    return gradient_like(np.asarray(cross_entropy_backward(d_out, saved) * several), saved.logits)


@CROSS_ENTROPY.backward(active=_has_classes)
def cross_entropy_target_kept(d_out: Any, saved: CrossEntropySaved) -> Any:
    """The target's 1 is not subtracted: d_logits = softmax(logits) for softmax(logits) - distribution."""
    right, counted = cross_entropy_backward(d_out, saved), saved.counted
    d_loss = reduce_losses_backward(d_out, counted.shape, saved.divisor, saved.reduction, saved.logits)
    kept = np.where(counted, d_loss, 0)[..., None] * saved.distribution
    return gradient_like(np.asarray(right + kept), saved.logits)


@CROSS_ENTROPY.backward(active=_smoothed)
def label_smoothing_forgotten(d_out: Any, saved: CrossEntropySaved) -> Any:
    """Backward ignores label smoothing: the target's class has probability 1."""
    return cross_entropy_backward(d_out, saved._replace(label_smoothing=0.0, class_weights=None))
