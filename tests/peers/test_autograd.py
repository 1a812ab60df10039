"""softmax, log_softmax, logsumexp and the losses beside autograd: values and gradients in float64."""

import numpy as np
import pytest

from numpy_attention.check.pairs.rules import RULES
from tests.support.peers.compare import Results, larger, lines_against, spoiled

LEFT_OUT = {
    "entries of -inf, and a row of them": "NaN in autograd",
    "no entry": "no maximum of an empty array",
    "all ignored": "0 / 0",
    "no row": "0 / 0, where the rows are averaged",
    "nothing": "0 / 0",
    "floored": "autograd has no floor",
}

TERMS = {"one 36 ahead": 36, "confident": 80, "mean": 25, "sum": 25, "none": 25}
"""The largest logit: its exponential loses that many u, or it is subtracted from a loss."""

NAMES = (
    *("softmax", "log_softmax", "logsumexp", "cross_entropy", "mean_squared_error"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits"),
)


def formulas(autograd):
    """Formulas by rule name; autograd differentiates with respect to the first argument."""
    anp, logsumexp = autograd.numpy, autograd.scipy.special.logsumexp

    def reduced(losses, reduction, count=None):
        return {"mean": anp.sum(losses) / (count or losses.size), "sum": anp.sum(losses), "none": losses}[
            reduction
        ]

    def cross_entropy(logits, targets, weight=1.0, ignore_index=None, label_smoothing=0.0, reduction="mean"):
        counted = targets != ignore_index
        own = np.arange(logits.shape[-1]) == np.where(counted, targets, 0)[..., None]
        wanted = weight * ((1 - label_smoothing) * own + label_smoothing / logits.shape[-1])
        losses = anp.sum(wanted * (logsumexp(logits, axis=-1, keepdims=True) - logits), axis=-1) * counted
        return reduced(losses, reduction, ((weight * own).sum(axis=-1) * counted).sum())

    def binary_cross_entropy(p, t, reduction="mean"):
        return reduced(-(t * anp.log(p) + (1 - t) * anp.log1p(-p)), reduction)

    def binary_cross_entropy_with_logits(z, t, pos_weight=1.0, reduction="mean"):
        losses = (1 - t) * anp.logaddexp(0.0, z) + pos_weight * t * anp.logaddexp(0.0, -z)
        return reduced(losses, reduction)

    return {
        "softmax": lambda x, axis=-1: anp.exp(x - logsumexp(x, axis=axis, keepdims=True)),
        "log_softmax": lambda x, axis=-1: x - logsumexp(x, axis=axis, keepdims=True),
        "logsumexp": lambda x, axis=-1: logsumexp(x, axis=axis),
        "cross_entropy": cross_entropy,
        "binary_cross_entropy": binary_cross_entropy,
        "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
        "mean_squared_error": lambda x, t, reduction="mean": reduced((x - t) ** 2, reduction),
    }


def autograds(autograd, draw, formula):
    """Values and gradients of a draw."""
    arguments = dict(draw.call.arguments)
    x, *data = (arguments.pop(name) for name in draw.call.positional)
    if data and np.asarray(data[0]).dtype == bool:
        data[0] = data[0].astype(float)
    vjp, out = autograd.make_vjp(lambda x: formula(x, *data, **arguments))(x)
    return Results((np.asarray(out),), (vjp(draw.cotangents),), (), ())


@pytest.fixture
def autograd(peer):
    peer("autograd.numpy")
    peer("autograd.scipy.special")
    return peer("autograd")


@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients(name, autograd):
    (rule,) = [rule for rule in RULES if rule.name == name]
    formula = formulas(autograd)[name]

    def lines(rule):
        return lines_against(rule, lambda draw: autograds(autograd, draw, formula), LEFT_OUT, TERMS)

    assert not lines(rule), "\n".join(lines(rule))
    assert lines(spoiled(rule, forward=larger))
    assert lines(spoiled(rule, backward=larger))
