"""softmax, log_softmax, logsumexp and the losses beside MyGrad: values and gradients in float64."""

import numpy as np
import pytest

from numpy_attention.check.pairs.rules import RULES
from tests.support.peers.compare import Results, larger, lines_against, spoiled

LEFT_OUT = {
    "entries of -inf, and a row of them": "NaN in MyGrad",
    "no entry": "ones in MyGrad",
    "all ignored": "0 / 0",
    "no row": "0 / 0, where the rows are averaged",
    "nothing": "0 / 0",
    "floored": "MyGrad has no floor",
}

TERMS = {"one 36 ahead": 36, "confident": 80, "mean": 25, "sum": 25, "none": 25}
"""The largest logit: its exponential loses that many u, or it is subtracted from a loss."""

NAMES = (
    *("softmax", "log_softmax", "logsumexp", "cross_entropy", "mean_squared_error"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits"),
)


def formulas(mygrad, nnet):
    """Formulas by rule name. MyGrad has softmax, logsoftmax and softmax_crossentropy (a mean)."""

    def reduced(losses, reduction, count=None):
        total = losses.sum()
        return {"mean": total / (count or losses.size), "sum": total, "none": losses}[reduction]

    def logsumexp(x, axis=-1):
        return mygrad.log(mygrad.exp(x).sum(axis=axis))

    def cross_entropy(logits, targets, weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean"):
        if weight is None and (ignore_index, label_smoothing, reduction) == (None, 0.0, "mean"):
            return nnet.losses.softmax_crossentropy(logits, targets)
        counted = targets != ignore_index
        own = np.arange(logits.shape[-1]) == np.where(counted, targets, 0)[..., None]
        weight = 1.0 if weight is None else weight
        wanted = weight * ((1 - label_smoothing) * own + label_smoothing / logits.shape[-1])
        losses = -(wanted * nnet.activations.logsoftmax(logits)).sum(axis=-1) * counted
        return reduced(losses, reduction, ((weight * own).sum(axis=-1) * counted).sum())

    def binary_cross_entropy(p, t, reduction="mean"):
        return reduced(-(t * mygrad.log(p) + (1 - t) * mygrad.log1p(-p)), reduction)

    def binary_cross_entropy_with_logits(z, t, pos_weight=1.0, reduction="mean"):
        losses = (1 - t) * mygrad.logaddexp(0.0, z) + pos_weight * t * mygrad.logaddexp(0.0, -z)
        return reduced(losses, reduction)

    return {
        "softmax": nnet.activations.softmax,
        "log_softmax": nnet.activations.logsoftmax,
        "logsumexp": logsumexp,
        "cross_entropy": cross_entropy,
        "binary_cross_entropy": binary_cross_entropy,
        "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
        "mean_squared_error": lambda x, t, reduction="mean": reduced((x - t) ** 2, reduction),
    }


def mygrads(mygrad, draw, formula):
    """Values and gradients of a draw; an overflowing exponential leads to the correct 0."""
    arguments = dict(draw.call.arguments)
    x, *data = (arguments.pop(name) for name in draw.call.positional)
    if data and np.asarray(data[0]).dtype == bool:
        data[0] = data[0].astype(float)
    leaf = mygrad.tensor(np.array(x))
    with np.errstate(over="ignore"):
        out = formula(leaf, *data, **arguments)
        (out * draw.cotangents).sum().backward()
    return Results((np.array(out.data),), (np.array(leaf.grad),), (), ())


@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients(name, peer):
    mygrad, nnet = peer("mygrad"), peer("mygrad.nnet")
    (rule,) = [rule for rule in RULES if rule.name == name]
    formula = formulas(mygrad, nnet)[name]

    def lines(rule):
        return lines_against(rule, lambda draw: mygrads(mygrad, draw, formula), LEFT_OUT, TERMS)

    assert not lines(rule), "\n".join(lines(rule))
    assert lines(spoiled(rule, forward=larger))
    assert lines(spoiled(rule, backward=larger))
