"""Mistakes in cross-entropy, and in the forms of GELU."""

from typing import Any

import numpy as np

from ....functional.base.admission import Array
from ....functional.base.arrays import Pair, gradient_like
from ....functional.layers.activations import ActivationSaved, sigmoid
from ....functional.layers.gelu import (
    gelu_backward,
    gelu_forward,
    gelu_tanh_backward,
    gelu_tanh_forward,
    normal_cdf,
)
from ....functional.losses.losses import CrossEntropySaved, cross_entropy_backward, cross_entropy_forward
from ..conditions import Call
from ..fault import FINE, FaultFamily

CROSS_ENTROPY = FaultFamily(
    "cross-entropy", "cross_entropy", Pair(cross_entropy_forward, cross_entropy_backward)
)
GELU = FaultFamily("gelu", "gelu", Pair(gelu_forward, gelu_backward))
GELU_TANH = FaultFamily("gelu", "gelu_tanh", Pair(gelu_tanh_forward, gelu_tanh_backward))


def _rows(call: Call) -> int:
    return int(np.size(call["targets"]))


def _ignored(call: Call) -> int:
    ignore = call.get("ignore_index")
    return 0 if ignore is None else int((np.asarray(call["targets"]) == ignore).sum())


def _has_classes(call: Call) -> bool:
    """Where there are several classes, and a target that counts."""
    return _rows(call) > _ignored(call) and np.shape(call["logits"])[-1] > 1


def _some_ignored(call: Call) -> bool:
    """Where a target is ignored, and another is not."""
    return _has_classes(call) and _ignored(call) > 0


def _averages(call: Call) -> bool:
    """Where the loss is a mean."""
    return _has_classes(call) and call.get("reduction", "mean") == "mean"


def _averages_some(call: Call) -> bool:
    """Where the loss is a mean, and a target is ignored."""
    return _averages(call) and _ignored(call) > 0


def _averages_several(call: Call) -> bool:
    """Where the loss is the mean of several."""
    return _averages(call) and _rows(call) - _ignored(call) > 1


def _smoothed(call: Call) -> bool:
    """Where labels are smoothed."""
    return _has_classes(call) and call.get("label_smoothing", 0.0) > 0


@CROSS_ENTROPY.pair(active=_averages_some)
def ignored_targets_counted() -> Pair:
    """The mean is taken over all targets, those that are ignored included."""

    def share(saved: CrossEntropySaved) -> float:
        """How many of the targets count."""
        return float(saved.counted.mean()) if saved.reduction == "mean" and saved.counted.size else 1.0

    def forward(logits: Any, targets: Any, **options: Any) -> tuple[Any, CrossEntropySaved]:
        out, saved = cross_entropy_forward(logits, targets, **options)
        return np.asarray(out * share(saved), dtype=np.asarray(out).dtype)[()], saved

    def backward(d_out: Any, saved: CrossEntropySaved) -> Any:
        return gradient_like(np.asarray(cross_entropy_backward(d_out, saved) * share(saved)), saved.logits)

    return Pair(forward, backward)


@CROSS_ENTROPY.backward(active=_some_ignored)
def ignored_targets_with_gradient(d_out: Any, saved: CrossEntropySaved) -> Any:
    """Ignored targets are left out of the loss and not of its gradient: their rows are softmax(logits)."""
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
    """The target's 1 is not taken off: d_logits = softmax(logits) for softmax(logits) - distribution."""
    return cross_entropy_backward(d_out, saved._replace(distribution=0 * saved.distribution))


@CROSS_ENTROPY.backward(active=_smoothed)
def label_smoothing_forgotten(d_out: Any, saved: CrossEntropySaved) -> Any:
    """Backward does not know of the smoothing: the target's class is taken for certain."""
    certain = (np.arange(saved.weights.shape[-1]) == saved.targets[..., None]).astype(saved.weights.dtype)
    return cross_entropy_backward(d_out, saved._replace(distribution=certain))


# ------------------------------------------------------------------------------------------------ gelu


def _anything(call: Call) -> bool:
    """Where an entry is not 0, and not far out."""
    x = np.asarray(call["x"])
    return bool(((x != 0) & (np.abs(x) < 5)).any())


@GELU.pair(active=_anything, dtypes=FINE)
def gelu_tanh_for_exact() -> Pair:
    """The tanh form is computed where the exact one is asked for: up to 5e-4 off."""
    return Pair(gelu_tanh_forward, gelu_tanh_backward)


@GELU.backward(active=_anything)
def gelu_without_density(d_out: Any, saved: ActivationSaved) -> Any:
    """The derivative lacks x φ(x): d_x = d_out * Φ(x), as if Φ were a constant."""
    return gradient_like(
        np.asarray(d_out * normal_cdf(saved.x.astype(np.result_type(saved.x, np.float64)))), saved.x
    )


@GELU.forward(active=_anything)
def gelu_of_sigmoid(x: Array) -> tuple[Any, ActivationSaved]:
    """x σ(1.702 x), the quick form, stands for the exact one: up to 2e-2 off."""
    out, saved = gelu_forward(x)
    return np.asarray(x * sigmoid(1.702 * np.asarray(x)), dtype=np.asarray(out).dtype)[()], saved


@GELU_TANH.backward(active=_anything, dtypes=FINE)
def gelu_tanh_with_exact_derivative(d_out: Any, saved: ActivationSaved) -> Any:
    """Forward is the tanh form, backward the derivative of the exact one."""
    return gelu_backward(d_out, saved)


@GELU_TANH.backward(active=_anything)
def gelu_tanh_without_three(d_out: Any, saved: ActivationSaved) -> Any:
    """The derivative of x³ is taken for x²: (2u)' = 2 √(2/π) (1 + 0.044715 x²)."""
    right = gelu_tanh_backward(d_out, saved)
    x = saved.x
    u = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    too_much = 0.5 * x * (1 - np.tanh(u) ** 2) * np.sqrt(2 / np.pi) * 2 * 0.044715 * x * x
    return gradient_like(np.asarray(right - d_out * too_much), x)
