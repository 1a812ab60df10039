"""Definitions of activations, rows and losses in Decimals: each forward and, by hand, its derivative."""

from decimal import Decimal
from functools import lru_cache

import numpy as np

from numpy_attention.check.rounding.decimals import PI, erfc, exact, log1p, sech, tanh

# --------------------------------------------------------------- one number in, one number out


def sigmoid(x):
    return 1 / (1 + (-x).exp())


@lru_cache
def normal_cdf(x):
    return erfc(-x / Decimal(2).sqrt()) / 2


def normal_density(x):
    return (-x * x / 2).exp() / (2 * PI).sqrt()


def gelu_argument(x):
    """2u for gelu_tanh = x (1 + tanh u) / 2 = x σ(2u), and its derivative."""
    a, b = 2 * (2 / PI).sqrt(), Decimal("0.044715")
    return a * (x + b * x**3), a * (1 + 3 * b * x * x)


def gelu_tanh_slope(x):
    u, du = gelu_argument(x)
    return sigmoid(u), x * sigmoid(u) * sigmoid(-u) * du


ACTIVATIONS = {
    "tanh": (tanh, lambda x: (sech(x) ** 2,)),
    "sigmoid": (sigmoid, lambda x: (sigmoid(x) * sigmoid(-x),)),
    "relu": (lambda x: max(x, Decimal(0)), lambda x: (Decimal(x > 0),)),
    "leaky_relu": (
        lambda x: x if x > 0 else x * Decimal(0.01),  # noqa: RUF032 the float that the default is
        lambda x: (Decimal(1) if x > 0 else Decimal(0.01),),  # noqa: RUF032
    ),
    "softplus": (lambda x: max(x, Decimal(0)) + log1p((-abs(x)).exp()), lambda x: (sigmoid(x),)),
    "silu": (lambda x: x * sigmoid(x), lambda x: (sigmoid(x), x * sigmoid(x) * sigmoid(-x))),
    "gelu": (lambda x: x * normal_cdf(x), lambda x: (normal_cdf(x), x * normal_density(x))),
    "gelu_tanh": (lambda x: x * sigmoid(gelu_argument(x)[0]), gelu_tanh_slope),
}
"""By name: the function, and the terms of its derivative."""


# ------------------------------------------------------------------------------------------ rows


def each(function, x):
    """Element by element."""
    return np.frompyfunc(function, 1, 1)(x)


def softmax(x):
    """Weights, lse and log weights of one row; entries of -inf are hidden."""
    seen = [n for n, entry in enumerate(x) if entry.is_finite()]
    weights, logs = np.full(len(x), Decimal(0)), np.full(len(x), Decimal("-Infinity"))
    if not seen:
        return weights, Decimal("-Infinity"), logs
    top = max(seen, key=lambda n: x[n])
    others = sum(((x[n] - x[top]).exp() for n in seen if n != top), Decimal(0))
    for n in seen:
        weights[n] = (x[n] - x[top]).exp() / (1 + others)
        logs[n] = x[n] - x[top] - log1p(others)
    return weights, x[top] + log1p(others), logs


def softmax_back(weights, d):
    """Σ_t d_t ∂weight_t / ∂x_s = weight_s Σ_t weight_t (d_s - d_t)."""
    return np.array([w * sum(weights * (d[s] - d)) for s, w in enumerate(weights)], dtype=object)


def log_softmax_back(weights, d, seen):
    """d_s - weight_s Σ d = Σ_t (weight_t d_s - weight_s d_t), over the visible entries."""
    d = np.where(seen, d, Decimal(0))
    return np.array([sum(weights * d[s] - w * d) if seen[s] else Decimal(0) for s, w in enumerate(weights)])


def cross_entropy(x, target, smoothing):
    """Loss of one row and its derivative. The weights and the distribution both sum to 1, so that
    weight_s - share_s = Σ_t (weight_s share_t - share_s weight_t), which has all its digits."""
    share = Decimal(smoothing) / len(x)
    distribution = np.array([share + (1 - Decimal(smoothing)) * (n == target) for n in range(len(x))])
    weights, _, logs = softmax(x)
    slope = [sum(weights[s] * distribution - distribution[s] * weights) for s in range(len(x))]
    return -sum(distribution * logs), np.array(slope, dtype=object)


def binary_cross_entropy(p, t):
    floor = Decimal(-100)
    yes, no = p.ln() if p else floor, log1p(-p) if p < 1 else floor
    slope = (0 if yes < floor or not t else -t / p) + (0 if no < floor or t == 1 else (1 - t) / (1 - p))
    return -(t * max(yes, floor) + (1 - t) * max(no, floor)), slope


def binary_cross_entropy_with_logits(z, t):
    softplus, _ = ACTIVATIONS["softplus"]
    loss = (1 - t) * softplus(z) + t * softplus(-z)
    return loss, (1 - t) * sigmoid(z) - t * sigmoid(-z)


def mean_squared_error(p, t):
    return (p - t) ** 2, 2 * (p - t)


def mean_absolute_error(p, t):
    return abs(p - t), (1 if p > t else -1)


def norm(x, weight, bias, eps, d_out, centre):
    """layer_norm (centre) or rms_norm of one row, and d_x, d_weight, d_bias."""
    n = len(x)
    centred = x - sum(x) / n if centre else x
    rate = 1 / (sum(centred * centred) / n + exact(eps)[()]).sqrt()
    unit = centred * rate
    out = weight * unit + (bias if centre else 0)
    d_unit = weight * d_out
    mean = sum(d_unit) / n if centre else Decimal(0)
    return out, rate * (d_unit - mean - unit * (sum(unit * d_unit) / n)), d_out * unit, d_out


def alpha_entmax(x, alpha):
    """Weights [1 + (alpha - 1) (x - c)]^(1 / (alpha - 1)) of one row; c by Newton, from the left."""
    order, seen = alpha - 1, [n for n, entry in enumerate(x) if entry.is_finite()]
    weights = np.full(len(x), Decimal(0))
    if not seen or not order:
        return softmax(x)[0]
    top, c, step = max(x[n] for n in seen), Decimal(0), Decimal(1)
    while abs(step) > Decimal("1e-45"):
        bases = {n: 1 + order * (x[n] - top - c) for n in seen}
        powers = {n: (base.ln() / order).exp() for n, base in bases.items() if base > 0}
        step = (sum(powers.values()) - 1) / sum(power / bases[n] for n, power in powers.items())
        c += step
    for n, power in powers.items():
        weights[n] = power
    return weights
