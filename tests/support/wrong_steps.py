"""Mistakes in the steps of attention and what is made of them, beside those that are planted as faults.

Each changes the forward or the backward of a right candidate. Beside it stand the words that its diagnosis
must have, "" where none is known.
"""

import numpy as np

from tests.support import right_steps as right
from tests.support.right_steps import BOTH, alibi_with, merge_with, pair, relative_with, softmax


def forward(rule, function, named=""):
    return pair(function, BOTH[rule][1]), named


def backward(rule, change, named=""):
    """The gradients changed by name: a factor, or a function of (gradient, cotangent, *arguments)."""

    def back(d, *args, **arguments):
        found = BOTH[rule][1](d, *args, **arguments)
        for name, new in change.items():
            found[name] = new(found[name], d, **arguments) if callable(new) else new * found[name]
        return found

    return pair(BOTH[rule][0], back), named


SCORE = {
    "no scale": forward("score", lambda query, key, scale: right.score(query, key, 1.0)),
    "key negated": backward("score", {"d_key": -1}, "d_key is -1 times"),
    "no d_query": backward("score", {"d_query": 0}, "d_query is 0"),
}
SOFTCAP = {
    "clipped": forward("softcap", lambda scores, softcap: np.clip(scores, -softcap, softcap)),
    "not divided": forward("softcap", lambda scores, softcap: softcap * np.tanh(scores)),
    "of the size": forward("softcap", lambda scores, softcap: softcap * np.tanh(np.abs(scores) / softcap)),
    "ignored": forward("softcap", lambda scores, softcap: scores, ""),
    "twice": backward("softcap", {"d_scores": 2}, "d_scores is 2 times"),
    "tanh": backward("softcap", {"d_scores": lambda g, d, scores, softcap: d * np.tanh(scores / softcap)}),
}
BIAS = {
    "subtracted": forward("bias", lambda capped, bias: capped - bias),
    "doubled": forward("bias", lambda capped, bias: capped + 2 * bias),
    "ignored": forward("bias", lambda capped, bias: capped + 0 * np.where(np.isfinite(bias), bias, 0)),
    "negated": backward("bias", {"d_bias": -1}, "d_bias is -1 times"),
    "no d_capped": backward("bias", {"d_capped": 0}, "d_capped is 0"),
    "half": backward("bias", {"d_capped": 0.5}, "d_capped is 0.5 times"),
}
MASK = {
    "a large number": forward("mask", lambda biased, visible: np.where(visible, biased, -1e9)),
    "zero": forward("mask", lambda biased, visible: biased * visible),
    "added": forward("mask", lambda biased, visible: biased - 1e4 * ~visible),
    "infinity": forward("mask", lambda biased, visible: np.where(visible, biased, np.inf)),
    "let through": backward("mask", {"d_biased": lambda g, d, biased, visible: d}),
    "of the hidden": backward("mask", {"d_biased": lambda g, d, biased, visible: d * ~visible}),
}
DROPOUT = {
    "not applied": forward("dropout", lambda weights, multipliers: weights),
    "inverted": forward("dropout", lambda weights, multipliers: weights * (multipliers == 0)),
    "divided": forward("dropout", lambda weights, multipliers: weights / np.maximum(multipliers, 1)),
    "scaled twice": forward("dropout", lambda weights, multipliers: weights * multipliers**2),
    "whole rows": forward(
        "dropout", lambda weights, multipliers: weights * np.broadcast_to(multipliers, weights.shape)[..., :1]
    ),
    "renormalised": forward(
        "dropout",
        lambda weights, multipliers: weights * multipliers / (1e-9 + (multipliers > 0).mean()),
    ),
    "negated": backward("dropout", {"d_weights": -1}, "d_weights is -1 times"),
    "half": backward("dropout", {"d_weights": 0.5}, "d_weights is 0.5 times"),
    "twice": backward("dropout", {"d_weights": lambda g, d, weights, multipliers: g * multipliers}),
    "of the inverse": backward("dropout", {"d_weights": lambda g, d, weights, multipliers: d - g}),
}
VALUES = {
    "no d_value": backward("values", {"d_value": 0}, "d_value is 0"),
    "negated": backward("values", {"d_thinned": -1}, "d_thinned is -1 times"),
    "mean": forward("values", lambda thinned, value: right.values(thinned, value) / value.shape[-2]),
    "absolute weights": forward("values", lambda thinned, value: right.values(np.abs(thinned), value)),
}
SOFTMAX = {
    "lse forgotten": forward(
        "softmax_step", lambda masked, sinks=None: (right.softmax_step(masked, sinks)[0], 0 * masked[..., 0])
    ),
    "sinks kept in the mean": forward(
        "softmax_step", lambda masked, sinks=None: (softmax(masked), right.softmax_step(masked, sinks)[1])
    ),
}

# ---------------------------------------------------------------------------------- normalisers


def row_sum(x):
    return x.sum(axis=-1, keepdims=True)


def less_log(masked):
    return right.sigmoid(masked - np.log(2 + masked.shape[-1]))


def over_all_keys(masked):
    return np.maximum(masked - (row_sum(masked) - 1) / masked.shape[-1], 0)


def squared(masked):
    return right.sparsemax(masked) ** 2 / row_sum(right.sparsemax(masked) ** 2)


SIGMOID = {
    "tanh": forward("sigmoid weights", lambda masked: np.tanh(masked)),
    "negated": forward("sigmoid weights", lambda masked: right.sigmoid(-masked)),
    "minus log S": forward("sigmoid weights", less_log),
    "normalised": forward(
        "sigmoid weights", lambda masked: right.sigmoid(masked) / right.sigmoid(masked).sum(-1, keepdims=True)
    ),
    "softmax": forward("sigmoid weights", lambda masked: softmax(masked)),
    "hard": forward("sigmoid weights", lambda masked: np.clip(masked / 6 + 0.5, 0, 1)),
    "centred": forward("sigmoid weights", lambda masked: right.sigmoid(masked) - 0.5),
    "no slope": backward("sigmoid weights", {"d_masked": lambda g, d, masked: d}),
    "without d": backward("sigmoid weights", {"d_masked": lambda g, d, masked: g / d}),
    "the output": backward("sigmoid weights", {"d_masked": lambda g, d, masked: d * right.sigmoid(masked)}),
    "negated slope": backward("sigmoid weights", {"d_masked": -1}, "d_masked is -1 times"),
    "half": backward("sigmoid weights", {"d_masked": 0.5}, "d_masked is 0.5 times"),
}


def weighted(rule, slopes):
    """The mean is weighted by these slopes, the rest right."""
    return pair(BOTH[rule][0], right.normaliser_back(BOTH[rule][0], slopes)), ""


def with_mean(rule, mean, outer):
    """outer * (d - mean)."""

    def back(d, masked):
        weights = BOTH[rule][0](masked)
        return {"d_masked": outer(weights) * (d - mean(weights, d))}

    return pair(BOTH[rule][0], back), ""


def inside(weights):
    return 1.0 * (weights > 0)


def clipped(masked):
    """Scores clipped at 0, divided by their sum."""
    above = np.maximum(masked - masked.max(axis=-1, keepdims=True) + 1, 0)
    return above / row_sum(above)


SPARSEMAX = {
    "softmax": forward("sparsemax", lambda masked: softmax(masked)),
    "entmax": forward("sparsemax", right.entmax),
    "clipped": forward("sparsemax", clipped),
    "all keys": forward("sparsemax", over_all_keys),
    "half": forward("sparsemax", lambda masked: right.sparsemax(masked / 2)),
    "only the largest": forward("sparsemax", lambda masked: 1.0 * (masked == masked.max(-1, keepdims=True))),
    "no mean": with_mean("sparsemax", lambda p, d: 0, inside),
    "mean of all": with_mean("sparsemax", lambda p, d: d.mean(axis=-1, keepdims=True), inside),
    "mean by weights": with_mean("sparsemax", lambda p, d: row_sum(p * d), inside),
    "of softmax": weighted("sparsemax", lambda p: p),
    "everywhere": weighted("sparsemax", np.ones_like),
    "negated": backward("sparsemax", {"d_masked": -1}, "d_masked is -1 times"),
}
ENTMAX = {
    "softmax": forward("entmax", lambda masked: softmax(masked)),
    "sparsemax": forward("entmax", right.sparsemax),
    "not halved": forward("entmax", lambda masked: right.project(masked, power=2)),
    "not squared": forward("entmax", lambda masked: right.sparsemax(masked / 2)),
    "cubed": forward("entmax", lambda masked: right.project(masked / 2, power=3)),
    "squares of sparsemax": forward("entmax", squared),
    "no mean": with_mean("entmax", lambda p, d: 0, np.sqrt),
    "plain mean": with_mean("entmax", lambda p, d: row_sum(inside(p) * d) / row_sum(inside(p)), np.sqrt),
    "of softmax": weighted("entmax", lambda p: p),
    "of sparsemax": weighted("entmax", inside),
    "twice": backward("entmax", {"d_masked": 2}, "d_masked is 2 times"),
    "negated": backward("entmax", {"d_masked": -1}, "d_masked is -1 times"),
}

# --------------------------------------------------------------------- merge, and attention with a bias

MERGE = {
    "plain mean": (merge_with(shares=lambda a, b: (0 * a + 0.5, 0 * b + 0.5)), ""),
    "shares of lse": (merge_with(shares=lambda a, b: (a / (a + b), b / (a + b))), ""),
    "no maximum": (
        merge_with(shares=lambda a, b: tuple(np.exp(x) / (np.exp(a) + np.exp(b)) for x in (a, b))), ""),
    "swapped": (merge_with(shares=lambda a, b: (right.sigmoid(b - a), right.sigmoid(a - b))), ""),
    "base two": (
        merge_with(shares=lambda a, b: (right.sigmoid(0.7 * (a - b)), right.sigmoid(0.7 * (b - a)))), ""),
    "the larger alone": (merge_with(shares=lambda a, b: (1.0 * (a > b), 1.0 * (a <= b))), ""),
    "not divided": (merge_with(shares=lambda a, b: tuple(np.exp(x - np.maximum(a, b)) for x in (a, b))), ""),
    "lse of the larger": (merge_with(lse=np.maximum), ""),
    "lse added": (merge_with(lse=np.add), ""),
    "lse in base two": (merge_with(lse=np.logaddexp2), ""),
    "d_lse forgotten": (merge_with(slope=lambda p, mean, d_lse: p - mean), ""),
    "no mean": (merge_with(slope=lambda p, mean, d_lse: p + d_lse), ""),
    "negated": (merge_with(slope=lambda p, mean, d_lse: mean - p - d_lse), "is -1 times"),
    "d_out whole": (merge_with(d_part=lambda share, d: d), ""),
}  # fmt: skip
ALIBI = {
    "added": (alibi_with(slope=lambda m: m), ""),
    "signed": (alibi_with(distance=lambda x: x), ""),
    "backwards alone": (alibi_with(distance=lambda x: np.maximum(-x, 0)), ""),
    "squared": (alibi_with(distance=np.square), ""),
    "of one head": (alibi_with(slope=lambda m: -np.broadcast_to(m.ravel()[:1], m.shape)), ""),
    "reversed heads": (alibi_with(slope=lambda m: -m[::-1] if m.ndim else -2 * m), ""),
    "by the root": (alibi_with(distance=lambda x: np.sqrt(np.abs(x))), ""),
    "offset ignored": (alibi_with(shift=0), "right with offset=0"),
    "offset of the wrong sign": (alibi_with(shift=-1), ""),
    "no scale": (alibi_with(scale=1.0), ""),
    "negated": (alibi_with(gradient=lambda d, L: -d), "d_slopes is -1 times"),
    "none": (alibi_with(gradient=lambda d, L: 0 * d), "d_slopes is 0"),
    "averaged": (alibi_with(gradient=lambda d, L: d / L), ""),
}


def last_wins(d_bias, table, buckets):
    d_table = np.zeros(table.shape)
    d_table[..., buckets] = right.to_shape(d_bias, (*table.shape[:-1], *buckets.shape))
    return d_table


def averaged(d_bias, table, buckets):
    return right.scattered(d_bias, table, buckets) / np.maximum(np.bincount(buckets.ravel(), minlength=6), 1)


def shared(d_bias, table, buckets):
    heads = tuple(range(table.ndim - 1))
    return right.scattered(d_bias, table, buckets).sum(axis=heads, keepdims=True) + 0 * table


RELATIVE = {
    "transposed": (relative_with(read=lambda t, buckets: t[..., buckets.T]), ""),
    "one bucket on": (relative_with(read=lambda t, buckets: t[..., (buckets + 1) % 6]), ""),
    "of one head": (relative_with(read=lambda t, buckets: (t[:1] + 0 * t)[..., buckets]), ""),
    "reversed heads": (relative_with(read=lambda t, buckets: t[::-1][..., buckets]), ""),
    "scaled": (relative_with(factor=lambda D: D**-0.5), ""),
    "subtracted": (relative_with(factor=lambda D: -1.0), ""),
    "doubled": (relative_with(factor=lambda D: 2.0), ""),
    "ignored": (relative_with(factor=lambda D: 0.0), ""),
    "last wins": (relative_with(gradient=last_wins), ""),
    "averaged": (relative_with(gradient=averaged), ""),
    "of all heads": (relative_with(gradient=shared), ""),
    "negated": (relative_with(gradient=lambda *d: -right.scattered(*d)), "d_table is -1 times"),
    "none": (relative_with(gradient=lambda *d: 0 * right.scattered(*d)), "d_table is 0"),
}  # fmt: skip

WRONG = {
    "score": SCORE, "softcap": SOFTCAP, "bias": BIAS, "mask": MASK, "softmax_step": SOFTMAX,
    "dropout": DROPOUT, "values": VALUES, "sigmoid weights": SIGMOID, "sparsemax": SPARSEMAX,
    "entmax": ENTMAX, "merge of attention": MERGE, "alibi": ALIBI, "relative": RELATIVE,
}  # fmt: skip
"""By rule and name: the candidate, and the words of its diagnosis."""
