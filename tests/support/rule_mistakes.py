"""Mistakes in softmax, layer norm, cross-entropy, gelu, Adam and AdamW, as a learner would write them.

Each is a candidate of `check_rule`, with the words that its diagnosis must have ("" where none is known).
"""

import math

import numpy as np

import numpy_attention as na
from numpy_attention.functional.layers.gelu import normal_cdf

# ------------------------------------------------------------------------------------------- softmax


def powers_of(x):
    return np.exp(x - x.max(axis=-1, keepdims=True))


def normalised(powers, eps=0):
    return powers / (powers.sum(axis=-1, keepdims=True) + eps)


def weights_of(x):
    return normalised(powers_of(x))


def row_sum(w, d):
    return (w * d).sum(axis=-1, keepdims=True)


def softmax_with(forward=weights_of, backward=lambda w, d: w * (d - row_sum(w, d))):
    def softmax(x, d_out):
        with np.errstate(all="ignore"):
            weights = forward(x)
            return weights.astype(x.dtype), (backward(weights, d_out).astype(x.dtype),)

    return softmax


def from_zero(x):
    return normalised(np.exp(x - np.maximum(x.max(axis=-1, keepdims=True), 0)))


SOFTMAX = {
    "no maximum": (softmax_with(lambda x: normalised(np.exp(x))), "no-maximum"),
    "maximum from 0": (softmax_with(from_zero), "maximum-from-zero"),
    "one maximum for all": (softmax_with(lambda x: normalised(np.exp(x - x.max()))), ""),
    "epsilon in the sum": (softmax_with(lambda x: normalised(powers_of(x), 1e-3)), ""),
    "no row sum": (softmax_with(backward=lambda w, d: w * d), "no-row-sum"),
    "diagonal": (softmax_with(backward=lambda w, d: w * (1 - w) * d), "diagonal-only"),
    "mean": (softmax_with(backward=lambda w, d: w * (d - row_sum(w, d) / w.shape[-1])), "row-mean"),
    "plain sum": (softmax_with(backward=lambda w, d: w * (d - d.sum(-1, keepdims=True))), "plain-sum"),
    "whole sum": (softmax_with(backward=lambda w, d: w * (d - (w * d).sum())), "sum-over-the-whole-array"),
    "sign": (softmax_with(backward=lambda w, d: w * (row_sum(w, d) - d)), "softmax-gradient-negated"),
    "half": (softmax_with(backward=lambda w, d: 0.5 * w * (d - row_sum(w, d))), "d_x is 0.5 times"),
    "zero": (softmax_with(backward=lambda w, d: 0 * w), "d_x is 0"),
}  # fmt: skip

# ----------------------------------------------------------------------------------------- layer norm


def layer_norm_with(change):
    """The right pair, `change` applied to (out, d_x, d_weight, d_bias) in float64."""

    def layer_norm(x, weight, bias, eps, d_out):
        out, saved = na.layer_norm_forward(x, weight, bias, eps)
        results = [np.array(r, float) for r in (out, *na.layer_norm_backward(d_out, saved))]
        call = (x.astype(float), weight.astype(float), bias.astype(float), d_out.astype(float), eps)
        out, *grads = (r.astype(x.dtype) for r in change(*results, *call))
        return out, grads

    return layer_norm


LAYER_NORM = {
    "half": (layer_norm_with(lambda o, x, w, b, *c: (o, x, w / 2, b)), "d_weight is 0.5 times"),
    "bias before the weight": (layer_norm_with(lambda o, x, w, b, *c: (o - c[2] + c[1] * c[2], x, w, b)), ""),
}  # fmt: skip

# -------------------------------------------------------------------------------------- cross-entropy


def cross_entropy_with(logs_of=na.log_softmax, slope=lambda w, hot: w - hot, factor=1.0):
    def cross_entropy(logits, targets):
        rows, flat = logits.reshape(-1, logits.shape[-1]), targets.ravel()
        with np.errstate(all="ignore"):
            logs = logs_of(rows)
            hot = np.arange(rows.shape[-1]) == flat[:, None]
            d_rows = slope(np.exp(logs), hot) / len(rows)
        out = np.asarray(-factor * logs[hot].mean(), logits.dtype)
        return out, (d_rows.reshape(logits.shape).astype(logits.dtype),)

    return cross_entropy


CROSS_ENTROPY = {
    "base two": (cross_entropy_with(factor=1 / math.log(2)), "out is 1.4427 times"),
    "no maximum": (cross_entropy_with(lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True))), ""),
    "sign": (cross_entropy_with(slope=lambda w, hot: hot - w), "d_logits is -1 times"),
    "no target": (cross_entropy_with(slope=lambda w, hot: w), "cross-entropy-target-kept"),
    "only the target": (cross_entropy_with(slope=lambda w, hot: (w - 1) * hot), ""),
    "squared": (cross_entropy_with(slope=lambda w, hot: (w - hot) * w), ""),
}

# ---------------------------------------------------------------------------------------------- gelu


def density(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_with(forward=lambda x: x * normal_cdf(x), backward=lambda x: normal_cdf(x) + x * density(x)):
    def gelu(x, d_out):
        wide = x.astype(float)
        return forward(wide).astype(x.dtype), ((d_out * backward(wide)).astype(x.dtype),)

    return gelu


GELU = {
    "without the half": (gelu_with(lambda x: 2 * x * normal_cdf(x)), "out is 2 times"),
    "without √2": (gelu_with(lambda x: x * normal_cdf(math.sqrt(2) * x)), ""),
    "relu": (gelu_with(lambda x: np.maximum(x, 0)), ""),
    "derivative of relu": (gelu_with(backward=lambda x: (x > 0).astype(float)), ""),
    "no density": (gelu_with(backward=normal_cdf), "gelu-without-density"),
    "density times 2.5": (gelu_with(backward=lambda x: normal_cdf(x) + 2.5 * x * density(x)), ""),
    "sign": (gelu_with(backward=lambda x: normal_cdf(x) - x * density(x)), ""),
    "quick form": (gelu_with(lambda x: x * na.sigmoid(1.702 * x)), "gelu-of-sigmoid"),
}  # fmt: skip

# ---------------------------------------------------------------------------------------------- Adam


def adam_with(direction, decay=False):
    def adam(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        t, m, v = state or (0, 0.0, 0.0)
        t, m, v = t + 1, beta1 * m + (1 - beta1) * grads, beta2 * v + (1 - beta2) * grads**2
        with np.errstate(all="ignore"):
            step = direction(m / (1 - beta1**t), v / (1 - beta2**t), eps)
        kept = params * (1 - lr * weight_decay) if decay else params
        return (kept - lr * step).astype(params.dtype), (t, m, v)

    return adam


ADAM = {"no epsilon": (adam_with(lambda m, v, eps: np.where(m == 0, 0, m / np.sqrt(v))), "")}
ADAMW = {"no epsilon": (adam_with(lambda m, v, eps: np.where(m == 0, 0, m / np.sqrt(v)), decay=True), "")}

MISTAKES = {
    "softmax": SOFTMAX, "layer_norm": LAYER_NORM, "cross_entropy": CROSS_ENTROPY, "gelu": GELU, "adam": ADAM,
    "adamw": ADAMW,
}  # fmt: skip
"""By rule and name: the candidate, and the words of its diagnosis."""
