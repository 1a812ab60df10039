"""Parameters are matched by name, by alias, by the map, or refused with what to write."""

import inspect

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.outside.names import gradient_named, match, parameters_of

WANTED = [*inspect.signature(na.layer_norm_forward).parameters.values()]


def names_of(function, **stated):
    return match("layer_norm", WANTED, function, stated).names


def test_own_names_common_names_and_the_first_parameter():
    assert names_of(lambda x, weight, bias, eps: 0) == {n: n for n in ("x", "weight", "bias", "eps")}
    found = names_of(lambda hidden, gamma, beta, epsilon=1e-6: 0)
    assert found == {"x": "hidden", "weight": "gamma", "bias": "beta", "eps": "epsilon"}
    assert names_of(lambda x, a, b: 0, a="weight")["weight"] == "a"


def test_what_follows_from_the_arguments_is_passed():
    found = match("layer_norm", WANTED, lambda input, normalized_shape, weight=None, bias=None: 0, {})
    _, named = found.arguments({"x": 1}, {"x": np.zeros((2, 5))})
    assert named == {"input": 1, "normalized_shape": (5,)}


@pytest.mark.parametrize(
    "function, stated, sentence",
    [
        (lambda x, foo: 0, {}, "requires 'foo', and the arguments of layer_norm are x, weight"),
        (lambda x: 0, {"x": "wait"}, "x=wait: the arguments of layer_norm are x, weight, bias, eps"),
    ],
)  # fmt: skip
def test_unknown_names_are_refused(function, stated, sentence):
    with pytest.raises(ValueError, match=sentence):
        match("layer_norm", WANTED, function, stated)


def test_a_missing_argument_is_refused_unless_it_has_a_neutral_value():
    assert match("layer_norm", WANTED, lambda x: 0, {}).absent == ("weight", "bias", "eps")
    wanted = [*inspect.signature(na.cross_entropy_forward).parameters.values()]
    with pytest.raises(ValueError, match=r"takes no targets: .* its own are logits; add --map NAME=targets"):
        match("cross_entropy", wanted, lambda logits: 0, {})


def test_parameters_of_a_compiled_function_come_from_its_docstring():
    parameters, by_place = parameters_of(np.tanh)
    assert [p.name for p in parameters][:1] == ["x"]
    assert by_place == ("x",)


@pytest.mark.parametrize("name", ["d_weight", "dweight", "grad_weight", "weight_grad", "weight", "dgamma"])
def test_gradients_are_known_by_common_names(name):
    assert gradient_named(name, ["x", "weight"]) == "weight"
    assert gradient_named("extra", ["x", "weight"]) is None
