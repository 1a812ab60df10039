"""The textbook formulas of the steps of attention, and of what is made of them: see `formulas`.

The weights of sparsemax and entmax are max(x - τ, 0), or its square, with the τ that makes a row sum to 1.
Neither moves faster than x and τ do, so the error of τ bounds theirs, whichever keys it leaves above 0. How
it is found does not matter: Σ weights - 1, which bisection brings to 0, is a sum of as many numbers as the
closed form's, and is allowed its rounding too.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ..rounding.error_analysis import Arithmetic, Bounded
from .running import Running, beside


def _for_heads(key: Running, query: Running) -> Running:
    """Keys or values (…, G, S, D), repeated for the heads of (…, H, L, …): head h reads h // (H / G)."""
    if len(key.shape) < 3 or key.shape[-3] == query.shape[-3]:
        return key
    H, G = query.shape[-3], key.shape[-3]
    return key[..., np.arange(H) // (H // G), :, :]


def score(query: Running, key: Running, scale: object) -> Running:
    """scale * query @ keyᵀ."""
    return query @ _for_heads(key, query).transposed * scale


def softcap(scores: Running, softcap: float) -> Running:
    """softcap * tanh(scores / softcap)."""
    return (scores / softcap).tanh() * softcap


def softmax_step(masked: Running, sinks: Any = None) -> tuple[Running, Running]:
    """Softmax of [masked, sinks] without its last column, and log Σ exp."""
    columns = masked if sinks is None else beside(masked, sinks[..., None, None])
    return columns.softmax()[..., : masked.shape[-1]], columns.logsumexp()[..., 0]


def values(thinned: Running, value: Running) -> Running:
    """thinned @ value."""
    return thinned @ _for_heads(value, thinned)


def attend(
    scores: Running, value: Running, mask: Array | None = None, bias: Any = None,
    softcap: float | None = None, sinks: Any = None, dropout: Array | None = None,
) -> Running:  # fmt: skip
    """Steps 2 to 7."""
    capped = scores if softcap is None else (scores / softcap).tanh() * softcap
    biased = capped if bias is None else capped + bias
    masked = biased if mask is None else biased.masked(mask)
    weights, _ = softmax_step(masked, sinks)
    return values(weights if dropout is None else weights * dropout, value)


def _attention(query: Running, key: Running, value: Running, bias: Running) -> Running:
    return attend(score(query, key, 1 / math.sqrt(query.shape[-1])), value, bias=bias)


def alibi(query: Running, key: Running, value: Running, slopes: Running, offset: int = 0) -> Running:
    """Attention with the bias -slope * |key position - query position|."""
    distance = np.abs(np.arange(key.shape[-2]) - np.arange(query.shape[-2])[:, None] - offset)
    return _attention(query, key, value, -(slopes[..., None, None] * distance))


def relative(query: Running, key: Running, value: Running, table: Running, buckets: Array) -> Running:
    """Attention with the bias table[bucket]."""
    return _attention(query, key, value, table[..., buckets])


def merge(out_1: Running, lse_1: Running, out_2: Running, lse_2: Running) -> tuple[Running, Running]:
    """share_1 out_1 + share_2 out_2, and log Σ exp(lse); also as ring attention merges, by differences:

    out_1 - share_2 (out_1 - out_2) and lse_1 + log(1 + exp(lse_2 - lse_1)), in which 1 - share_2 stands for
    share_1. So out is the mean of this form and of (out_1 + out_2) - (share_2 out_1 + share_1 out_2).
    """
    columns = beside(lse_1[..., None], lse_2[..., None])
    a, (first, second) = columns.arithmetic, np.moveaxis(columns.of.value, -1, 0)

    def as_difference(x: Running, error: Array | float) -> Running:
        def back(d: Bounded) -> Bounded:
            size = a.safety * a.u * abs(d).sum(axis=-1, keepdims=True)
            return Bounded(np.zeros(columns.shape), np.broadcast_to(size, columns.shape))

        return Running(Bounded(x.of.value, x.of.error + error), a, ((x, lambda d: d), (columns, back)))

    apart = np.abs(first - second)[..., None]
    lse = as_difference(columns.logsumexp(), 2 * a.u * np.where(np.isfinite(apart), apart, 0.0))
    shares = as_difference(columns.softmax(), 0.0)
    share_1, share_2 = shares[..., :1], shares[..., 1:]
    out = out_1 * share_1 + out_2 * share_2 + (out_1 + out_2 - (out_1 * share_2 + out_2 * share_1))
    return out * 0.5, lse[..., 0]


# ------------------------------------------------------------------------------ onto the simplex


def _threshold(x: Array, power: int) -> Array:
    """τ with Σ max(x - τ, 0)^power = 1 in each row, whose largest entry is 0: by bisection."""
    low, high = -np.ones((*x.shape[:-1], 1)), np.zeros((*x.shape[:-1], 1))
    for _ in range(60):
        middle = (low + high) / 2
        enough = (np.maximum(x - middle, 0) ** power).sum(axis=-1, keepdims=True) >= 1
        low, high = np.where(enough, middle, low), np.where(enough, high, middle)
    return low


def _projected(x: Running, out: Bounded, slopes: Bounded) -> Running:
    """Weights and their derivative: slopes * (d - the mean of d weighted by the slopes)."""
    a = x.arithmetic

    def back(d: Bounded) -> Bounded:
        picked = a.times(d, slopes)
        mean = a.divided(a.total(picked), a.total(slopes))
        return a.minus(picked, a.times(slopes, mean))

    return Running(out, a, ((x, back),))


def _above(x: Array, tau: Array, error: Array, a: Arithmetic) -> Bounded:
    """max(x - τ, 0) for a τ with this error; the weights may be divided by their sum."""
    above = np.maximum(x - tau, 0)
    possible = x - tau > -error
    return Bounded(above, np.where(possible, error + (a.u + a.g(x.shape[-1])) * above, 0.0))


def sparsemax(masked: Running) -> Running:
    """max(x - τ, 0); of k keys above it, τ = (Σ x - 1) / k. At a kink any derivative is allowed."""
    a, x = masked.arithmetic, masked.of.value
    top = x.max(axis=-1, keepdims=True)
    tau = _threshold(x - top, 1) + top
    inside = x > tau
    sizes = np.where(inside, np.abs(x), 0.0).sum(axis=-1, keepdims=True) + 1
    error = a.g(x.shape[-1] + 1) * sizes / inside.sum(axis=-1, keepdims=True) + a.u * np.abs(tau)
    kink = (np.abs(x - tau) <= error).any(axis=-1, keepdims=True)
    slopes = Bounded(1.0 * inside, np.broadcast_to(np.where(kink, np.inf, 0.0), inside.shape))
    return _projected(masked, _above(x, tau, error, a), slopes)


def entmax(masked: Running) -> Running:
    """max(x - τ, 0)² of halves x; of k above it, τ = mean - √(1 / k - their variance).

    The row maximum is subtracted first, so that no x above τ is beyond 1; else the variance, a mean of
    squares minus the square of a mean, loses its digits. Bisection finds τ without that, to 2 u |τ|.
    """
    a, top = masked.arithmetic, masked.of.value.max(axis=-1, keepdims=True)
    x = (masked.of.value - top) / 2
    inside = x > _threshold(x, 2)
    k = inside.sum(axis=-1, keepdims=True)
    kept = Running(Bounded(np.where(inside, x, 0.0), a.u * np.where(inside, -x, 0.0)), a)
    mean = kept.sum() / k
    share = Running(Bounded(1 / k, a.g(x.shape[-1] + 1) / k), a)
    tau = mean - (share - ((kept * kept).sum() / k - mean * mean)).root()
    error = tau.of.error + a.u * (1 + 2 * np.abs(tau.of.value + top / 2))
    roots = _above(x, tau.of.value, error, a)
    return _projected(masked, a.times(roots, roots), roots)


STEP_FORMULAS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (score, softcap, softmax_step, values, attend, alibi, relative, sparsemax, entmax)
} | {
    "bias": lambda capped, bias: capped + bias,
    "mask": lambda biased, visible: biased.masked(visible),
    "dropout": lambda weights, multipliers: weights * multipliers,
    "sigmoid weights": lambda masked: masked.sigmoid(),
    "merge of attention": merge,
}
"""Formulas by the names of their rules."""
