"""Optimizers in each form pass; the forms that cannot be run are refused."""

import numpy as np
import pytest

import numpy_attention as na


def adam(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """One array, and any state that starts as None."""
    t, m, v = state or (0, 0, 0)
    t, m, v = t + 1, beta1 * m + (1 - beta1) * grads, beta2 * v + (1 - beta2) * grads**2
    step = lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return (params - step).astype(params.dtype), (t, m, v)


def in_place(params, grads, state, *, lr):
    for name, grad in grads.items():
        params[name] -= (lr * grad).astype(grad.dtype)


class Chain:
    """As optax has them: init and update, the update added to the parameters."""

    def __init__(self, learning_rate, momentum=0.0):
        self.lr, self.momentum = learning_rate, momentum

    def init(self, params):
        return {name: 0 * x for name, x in params.items()}

    def update(self, grads, state, params=None):
        state = {name: (self.momentum * state[name] + g).astype(g.dtype) for name, g in grads.items()}
        return {name: (-self.lr * v).astype(v.dtype) for name, v in state.items()}, state


def chain(learning_rate, momentum=0.0):
    return Chain(learning_rate, momentum)


CANDIDATES = {
    "a dict, with its own state": ("adam", na.adam_step),
    "init and step": ("adamw", (na.adamw_init, na.adamw_step)),
    "one array": ("adam", adam),
    "in place": ("sgd", in_place),
    "in place, with its own state": ("adamw", (na.adamw_init, na.adamw_update)),
    "a factory": ("sgd", chain),
    "init and update": ("sgd", Chain(1e-3)),
}


@pytest.mark.parametrize("form", CANDIDATES)
def test_each_form_passes(form):
    rule, candidate = CANDIDATES[form]
    report = na.check_rule(candidate, rule)
    assert report.ok, str(report)


def test_options_that_are_not_taken_are_named_with_the_value_assumed():
    assert na.check_rule(in_place, "sgd").left_out == {"momentum": "not taken, 0.0 assumed"}


@pytest.mark.parametrize(
    "candidate, sentence",
    [
        (dict, "is a class, dict, but no torch.optim.Optimizer"),
        (3, "is int; a function or a class is expected"),
        (lambda params, grads, state, foo: 0, "requires 'foo', and the arguments of adam"),
    ],
)  # fmt: skip
def test_other_forms_are_refused(candidate, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        na.check_rule(candidate, "adam")


def test_a_wrong_return_is_reported():
    report = na.check_rule(lambda params, grads, state, lr: params, "sgd")
    assert report.outcome == "FAIL"
    assert "(params, state) is expected" in report.reason
