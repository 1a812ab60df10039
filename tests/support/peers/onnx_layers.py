"""Tolerances between two computations of a layer or activation in one precision of unit roundoff u.

Bounds of first order, rigorous but for O(u²): in whatever order n terms are summed, none is rounded more than
n times; exp, log, tanh and the like have errors of 2.5 units in the last place, 5u. Every bound is doubled at
the end, because neither computation is exact.
"""

import numpy as np

F32 = 2.0**-24
F64 = 2.0**-53
ELEMENTARY = 5


def softmax_bounds(x, axis, u=F32):
    """Bounds of (weights, their logarithms): shift, exp, sum, quotient and log."""
    shifted = x - x.max(axis=axis, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    weights = np.exp(logarithms)
    e_log = u * np.abs(shifted) + ELEMENTARY * u
    e_sum = (weights * e_log).sum(axis=axis, keepdims=True) + x.shape[axis] * u
    relative = e_log + e_sum + u
    return 2 * weights * relative, 2 * (relative + (ELEMENTARY + 2) * u * np.abs(logarithms))


def layer_norm_bounds(x, weight, bias, eps, u=F32):
    """Bounds of (output, mean, 1 / standard deviation), over the last axis."""
    n = x.shape[-1]
    mean = x.mean(axis=-1, keepdims=True)
    e_mean = (n + 1) * u * np.abs(x).mean(axis=-1, keepdims=True)
    centred = x - mean
    e_centred = e_mean + u * np.abs(centred)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    e_variance = (2 * np.abs(centred) * e_centred).mean(axis=-1, keepdims=True) + (n + 2) * u * variance
    rate = 1 / np.sqrt(variance + eps)
    e_rate = rate * (e_variance / (variance + eps) / 2 + 3 * u)
    e_unit = e_centred * rate + np.abs(centred) * (e_rate + u * rate)
    scaled = weight * centred * rate
    e_out = np.abs(weight) * e_unit + u * np.abs(scaled) + u * np.abs(scaled + bias)
    return 2 * e_out, 2 * e_mean, 2 * e_rate


def rms_norm_bound(x, weight, eps, u=F32):
    """Bound of the output, over the last axis: n + 1 roundings of a mean of squares, half in its root."""
    n = x.shape[-1]
    out = weight * x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    return 2 * ((n + 1) / 2 + 5) * u * np.abs(out)


def rotary_bound(x, cos, sin, u=F32):
    """Two roundings of each of two terms: two products and a sum."""
    return 2 * 2 * u * np.abs(x).max() * (np.abs(cos).max() + np.abs(sin).max())


def logistic_bound(z, e_z, u=F32):
    """Bound of σ(z) for z with error e_z: σ' = σ(z) σ(-z), and exp, a sum and a quotient."""
    share = 1 / (1 + np.exp(-z))
    return 2 * share * ((1 - share) * e_z + (ELEMENTARY + 2) * u)
