"""The textbook formula of each rule on `Running` arrays: its rounding errors bound those of a candidate.

A formula takes the arguments of the rule's forward by name, differentiable ones as `Running`, and returns
out. Its numbers are not the truth, which is the rule's own pair in float64: its bounds are what counts.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ..rounding.error_analysis import Bounded
from .running import Running, stacked

# --------------------------------------------------------------------------------------- scores


def dot_scores(query: Running, key: Running, scale: Any = None) -> Running:
    """scale * query @ keyᵀ."""
    return query @ key.transposed * (1 / math.sqrt(query.shape[-1] or 1) if scale is None else scale)


def general_scores(query: Running, key: Running, weight: Running) -> Running:
    """query @ weight @ keyᵀ."""
    return query @ weight @ key.transposed


def additive_scores(
    query: Running, key: Running, weight_query: Running, weight_key: Running, bias: Running, vector: Running
) -> Running:
    """tanh(query @ weight_queryᵀ + key @ weight_keyᵀ + bias) @ vector."""
    queries = (query @ weight_query.transposed)[..., :, None, :]
    keys = (key @ weight_key.transposed)[..., None, :, :]
    inner = (queries + keys + bias[..., None, None, :]).tanh()
    return (inner @ vector[..., None, :, None])[..., 0]


def concat_scores(query: Running, key: Running, weight: Running, activation: str = "tanh") -> Running:
    """activation(weight · [query; key])."""
    width = query.shape[-1]
    queries, keys = query @ weight[..., :width, None], key @ weight[..., width:, None]
    inner = queries + keys.transposed
    if activation == "relu":
        return inner.bent(0.0)
    if activation == "leaky_relu":
        return inner.bent(0.01)
    return inner if activation == "identity" else getattr(inner, activation)()


def cosine_scores(query: Running, key: Running, sharpness: Running) -> Running:
    """sharpness * query · key / (|query| |key|)."""
    rates = [(x * x).sum().inverse_root() for x in (query, key)]
    return query * rates[0] @ (key * rates[1]).transposed * sharpness


def location_scores(x: Running, weight: Running, bias: Any = None) -> Running:
    """x · weight + bias."""
    scores = (x @ weight[..., :, None])[..., 0]
    return scores if bias is None else scores + bias


# --------------------------------------------------------------------------- rows and elements


def softmax(x: Running, axis: int = -1) -> Running:
    """exp(x) / Σ exp(x)."""
    return x.moved(axis, -1).softmax().moved(-1, axis)


def log_softmax(x: Running, axis: int = -1) -> Running:
    """x - log Σ exp(x)."""
    rows = x.moved(axis, -1)
    return (rows - rows.logsumexp()).moved(-1, axis)


def logsumexp(x: Running, axis: int = -1) -> Running:
    """log Σ exp(x)."""
    return x.moved(axis, -1).logsumexp()[..., 0]


def gelu(x: Running) -> Running:
    """x (1 + erf(x / √2)) / 2."""
    return x * 0.5 * ((x * math.sqrt(0.5)).erf() + 1.0)


def gelu_tanh(x: Running) -> Running:
    """x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2."""
    inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
    return x * 0.5 * (inner.tanh() + 1.0)


def silu(x: Running) -> Running:
    """x σ(x)."""
    return x * x.sigmoid()


# -------------------------------------------------------------------------------------- layers


def linear(x: Running, weight: Running, bias: Any = None) -> Running:
    """x @ weightᵀ + bias."""
    out = (x[..., None, :] @ weight.transposed)[..., 0, :]
    return out if bias is None else out + bias


def layer_norm(x: Running, weight: Running, bias: Running, eps: float = 1e-5) -> Running:
    """weight * (x - mean) / √(variance + eps) + bias."""
    centred = x - x.mean()
    return centred * (centred * centred).mean().inverse_root(eps) * weight + bias


def rms_norm(x: Running, weight: Running, eps: float = 1e-5) -> Running:
    """weight * x / √(mean of x² + eps)."""
    return x * (x * x).mean().inverse_root(eps) * weight


def embedding(indices: Array, weight: Running) -> Running:
    """The rows of weight."""
    return weight[indices]


def rotary(
    x: Running, positions: Any, layout: str = "interleaved", width: int | None = None, base: float = 10000.0
) -> Running:
    """Each pair (a, b) becomes (a cos - b sin, a sin + b cos)."""
    width = x.shape[-1] if width is None else width
    half, index = width // 2, np.arange(x.shape[-1])
    pair = index % max(half, 1) if layout == "halves" else index // 2
    first = index < half if layout == "halves" else index % 2 == 0
    distance = half if layout == "halves" else 1
    rotated = index < width
    partner = np.where(rotated, np.where(first, index + distance, index - distance), index)
    exponents = x.constant(np.where(rotated, -2.0 * pair * math.log(base) / max(width, 1), 0.0))
    angles = exponents.exp() * np.where(rotated, np.asarray(positions)[..., None], 0)
    a, (angle, error) = x.arithmetic, angles.of
    cos, sin = (
        Running(a.rounded(wave, error + a.safety * a.u * np.abs(wave)), a)
        for wave in (np.cos(angle), np.sin(angle) * np.where(first, -1, 1))
    )
    return x * cos + x[..., partner] * sin


# -------------------------------------------------------------------------------------- losses


def reduced(losses: Running, divisor: float, reduction: str) -> Running:
    """The losses, their sum, or their sum over the divisor."""
    if reduction == "none":
        return losses
    return losses.sum_all() / (divisor or 1.0) if reduction == "mean" else losses.sum_all()


def cross_entropy(
    logits: Running, targets: Any, weight: Any = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, reduction: str = "mean",
) -> Running:  # fmt: skip
    """-Σ distribution * log softmax(logits)."""
    classes = logits.shape[-1]
    class_weights = np.ones(classes) if weight is None else np.asarray(weight)
    counted: Any = np.ones(logits.shape[:-1])
    shares: Any = targets
    if not isinstance(targets, Running):
        kept = targets != ignore_index if ignore_index is not None else np.ones(targets.shape, dtype=bool)
        shares = (np.arange(classes) == targets[..., None]) * kept[..., None]
        counted = class_weights[np.where(kept, targets, 0)] * kept
        class_weights = class_weights * kept[..., None]
    distribution = (shares * (1 - label_smoothing) + label_smoothing / max(classes, 1)) * class_weights
    logs = logits - logits.logsumexp()
    losses = -(logs * distribution).sum()[..., 0]
    return reduced(losses, float(np.sum(counted)), reduction)


def binary_cross_entropy(probabilities: Running, targets: Any, reduction: str = "mean") -> Running:
    """-t log p - (1 - t) log(1 - p), both logarithms at least -100."""
    yes, no = (p.log().floored(-100.0) for p in (probabilities, 1 - probabilities))
    targets = np.asarray(targets, dtype=float)
    return reduced(-(yes * targets + no * (1 - targets)), targets.size, reduction)


def binary_cross_entropy_with_logits(
    logits: Running, targets: Any, pos_weight: Any = None, reduction: str = "mean"
) -> Running:
    """(1 - t) z + (1 + (pos_weight - 1) t) log(1 + exp(-z)); its derivative as σ(z) - t."""
    targets = np.asarray(targets, dtype=float)
    factor = 1.0 if pos_weight is None else 1 + (np.asarray(pos_weight) - 1) * targets
    losses = logits * (1 - targets) + (-logits).softplus(slope_by_difference=True) * factor
    return reduced(losses, targets.size, reduction)


def mean_absolute_error(predictions: Running, targets: Any, reduction: str = "mean") -> Running:
    """|prediction - target|."""
    return reduced((predictions - targets).bent(-1.0), np.size(targets), reduction)


def mean_squared_error(predictions: Running, targets: Any, reduction: str = "mean") -> Running:
    """(prediction - target)²."""
    errors = predictions - targets
    return reduced(errors * errors, np.size(targets), reduction)


# ------------------------------------------------------------------------------------ optimizers


def _share(beta: float, step: int, like: Running) -> Running:
    """1 - beta^step, whose power may be rounded at every step."""
    a, power = like.arithmetic, np.asarray(beta**step)
    return 1 - Running(Bounded(power, a.u * (step + a.safety) * power), a)


def adam(
    params: Running, grads: Running, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8, weight_decay: float = 0.0,
) -> Running:  # fmt: skip
    """param ← (1 - lr * weight_decay) * param - lr * first_hat / (√second_hat + eps), at each step."""
    first = second = params * 0.0
    rows = []
    for n in range(grads.shape[0]):
        first = first * betas[0] + grads[n] * (1 - betas[0])
        second = second * betas[1] + grads[n] * grads[n] * (1 - betas[1])
        root = (second / _share(betas[1], n + 1, params)).root() + eps
        direction = first / _share(betas[0], n + 1, params) / root
        params = params * (1 - lr * weight_decay) - direction * lr
        rows.append(params)
    return stacked(rows)


def sgd(params: Running, grads: Running, lr: float = 1e-3, momentum: float = 0.0) -> Running:
    """velocity ← momentum * velocity + grad;  param ← param - lr * velocity, at each step."""
    velocity, rows = params * 0.0, []
    for n in range(grads.shape[0]):
        velocity = velocity * momentum + grads[n]
        params = params - velocity * lr
        rows.append(params)
    return stacked(rows)


FORMULAS: dict[str, Callable[..., Running]] = {
    function.__name__: function
    for function in (
        dot_scores, general_scores, additive_scores, concat_scores, cosine_scores, location_scores,
        softmax, log_softmax, logsumexp, gelu, gelu_tanh, silu, linear, layer_norm, rms_norm, embedding,
        rotary, cross_entropy, binary_cross_entropy, binary_cross_entropy_with_logits, mean_squared_error,
        mean_absolute_error, adam, sgd,
    )
} | {
    "adamw": partial(adam, weight_decay=0.01),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "softplus": lambda x: x.softplus(),
    "relu": lambda x: x.bent(0.0),
    "leaky_relu": lambda x, slope=0.01: x.bent(slope),
}  # fmt: skip
"""Formulas by the names of their rules."""
