"""A call of a candidate: its forms, its arguments, and what it must not change."""

import pytest

import numpy_attention as na
from numpy_attention.check.candidate.frameworks import get_framework
from numpy_attention.check.candidate.returned import ReturnError
from numpy_attention.check.outside.calling import RuleCandidate, frameworks_of
from numpy_attention.check.outside.cases import draw_cases
from numpy_attention.check.outside.expected import call_for
from numpy_attention.check.pairs.rules import RULES
from numpy_attention.check.rounding.formats import FORMATS

FLOAT32 = FORMATS["float32"]


def called(candidate, name="layer_norm"):
    rule = next(rule for rule in RULES if rule.name == name)
    case = draw_cases(name, FLOAT32)[0]
    return RuleCandidate(candidate, rule, {}).call(
        call_for(rule, case.arguments, FLOAT32, 0), get_framework("numpy")
    )


def with_gradients(form):
    def layer_norm(x, weight, bias, eps, d_out):
        out, saved = na.layer_norm_forward(x, weight, bias, eps)
        return out, form(na.layer_norm_backward(d_out, saved))

    return layer_norm


FORMS = {
    "pair": (na.layer_norm_forward, na.layer_norm_backward),
    "named tuple": with_gradients(lambda grads: grads),
    "tuple": with_gradients(tuple),
    "dict": with_gradients(lambda grads: {"dx": grads[0], "dgamma": grads[1], "dbeta": grads[2]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_results(form):
    results, right = called(FORMS[form]), called(FORMS["pair"])
    assert {*results.tensors} == {"out", "d_x", "d_weight", "d_bias"}
    assert results.tensors["d_bias"].numbers.tolist() == right.tensors["d_bias"].numbers.tolist()


def test_a_function_alone_gives_its_output_and_a_loss_may_give_gradients():
    assert {*called(na.layer_norm).tensors} == {"out"}

    def loss(logits, targets):
        out, saved = na.cross_entropy_forward(logits, targets)
        return out, na.cross_entropy_backward(1.0, saved)

    assert {*called(loss, "cross_entropy").tensors} == {"out", "d_logits"}


@pytest.mark.parametrize(
    "candidate, sentence",
    [
        (with_gradients(lambda grads: grads[:2]), "returns 2 gradients; d_x, d_weight, d_bias are expected"),
        (with_gradients(lambda grads: {"d_x": grads[0], "other": 0}), "'other', the gradient of no argument"),
        (lambda x, weight, bias, d_out: x, r"returns ndarray; \(out, gradients\) is expected"),
        (lambda x, weight, bias: (x, (x,)), "takes no d_out: add the parameter d_out"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_and_never_dropped(candidate, sentence):
    with pytest.raises(ReturnError, match=sentence):
        called(candidate)


def test_a_class_is_refused_and_a_changed_argument_noticed():
    with pytest.raises(TypeError, match="is a class, dict; a function is expected"):
        called(dict)

    def changes(x, weight, bias):
        x += 1
        return x

    assert called(changes).changed == ("x",)


def test_numpy_is_tried_with_the_frameworks_loaded():
    assert "numpy" in frameworks_of(na.softmax, "float32")
    assert "emulated" in frameworks_of(na.softmax, "bfloat16")
