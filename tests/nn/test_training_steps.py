"""Ten steps of training a transformer layer: Adam and AdamW by the textbook, on the layer's own gradients."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.check.faults import FAULTS
from numpy_attention.optim.trees import flatten, unflatten
from tests.support.layer_formulas import random_params

LAYER = nn.TransformerEncoderLayer(4, 2, 5, dropout=0.1)
X, TARGET = np.random.default_rng(0).standard_normal((2, 2, 3, 4))
LR, BETA1, BETA2, EPS, DECAY = 0.1, 0.8, 0.95, 1e-3, 0.3
OPTIONS = {"adam": {}, "adamw": {"weight_decay": DECAY}}


def gradients(params, step):
    """Those of the squared error, with the dropout of this step."""
    out, saved = LAYER.forward(params, X, mask=na.causal(), seed=step)
    return LAYER.backward(out - TARGET, saved)[1]


def ten_steps(rule):
    params = random_params(LAYER)
    state = getattr(na, f"{rule}_init")(params)
    for step in range(10):
        params, state = getattr(na, f"{rule}_step")(
            params, gradients(params, step), state, lr=LR, betas=(BETA1, BETA2), eps=EPS, **OPTIONS[rule]
        )
    return flatten(params)


def ten_steps_by_the_textbook(rule):
    params = flatten(random_params(LAYER))
    first, second = ({name: np.zeros_like(x) for name, x in params.items()} for _ in range(2))
    for step in range(10):
        for name, g in flatten(gradients(unflatten(params), step)).items():
            first[name] = BETA1 * first[name] + (1 - BETA1) * g
            second[name] = BETA2 * second[name] + (1 - BETA2) * g**2
            mean, square = first[name] / (1 - BETA1 ** (step + 1)), second[name] / (1 - BETA2 ** (step + 1))
            kept = params[name] * (1 - LR * OPTIONS[rule].get("weight_decay", 0))
            params[name] = kept - LR * mean / (np.sqrt(square) + EPS)
    return params


def agree(rule):
    ours, theirs = ten_steps(rule), ten_steps_by_the_textbook(rule)
    for name, x in theirs.items():
        np.testing.assert_allclose(ours[name], x, rtol=1e-10, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("rule", OPTIONS)
def test_ten_steps_are_those_of_the_textbook(rule):
    agree(rule)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.rule in OPTIONS], ids=lambda fault: fault.name)
def test_a_fault_of_the_optimizer_is_caught(fault, monkeypatch):
    monkeypatch.setattr(na, f"{fault.rule}_step", fault.pair.forward)
    with pytest.raises(AssertionError):
        agree(fault.rule)


def test_training_resumes_bit_for_bit():
    """Dropout depends on the step's seed alone: five steps and five more are ten."""
    whole, (params, state) = ten_steps("adam"), (random_params(LAYER), None)
    state = na.adam_init(params)
    for step in range(10):
        if step == 5:  # as if read from a file
            params, state = (unflatten({n: x.copy() for n, x in flatten(t).items()}) for t in (params, state))
        grads = gradients(params, step)
        params, state = na.adam_step(params, grads, state, lr=LR, betas=(BETA1, BETA2), eps=EPS)
    for name, x in flatten(params).items():
        np.testing.assert_array_equal(x, whole[name])
