"""Initial parameters, and the check of their names and shapes."""

import importlib
import pkgutil
import re

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.parameters import (
    SHARPNESS,
    check_params,
    count_parameters,
    glorot,
    init_params,
    parameter_count,
)

SHAPES = {"layer": {"weight": (3, 2), "bias": (3,)}, "norm": {"weight": (2,)}, "sharpness": ()}


def test_glorot_fills_its_range():
    weights = glorot(np.random.default_rng(43), (401, 199))
    assert 0.0999 < np.abs(weights).max() <= 0.1  # sqrt(6 / 600)
    assert glorot(np.random.default_rng(43), (2,)).shape == (2,)


def test_biases_start_at_0_norms_at_1_and_weights_are_drawn_in_order():
    params = init_params(np.random.default_rng(0), SHAPES | {"log_temperature": (5,)})
    assert params["layer"]["bias"].tolist() == [0, 0, 0]
    assert params["norm"]["weight"].tolist() == [1, 1]
    assert params["log_temperature"].tolist() == [0] * 5
    assert params["sharpness"] == SHARPNESS
    np.testing.assert_array_equal(params["layer"]["weight"], glorot(np.random.default_rng(0), (3, 2)))


def test_entries_are_counted():
    assert parameter_count(SHAPES) == 6 + 3 + 2 + 1
    assert count_parameters(init_params(np.random.default_rng(0), SHAPES)) == 12
    with pytest.raises(TypeError, match=r"^params is list; a dict of arrays"):
        count_parameters([1])


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"norm": {}}, ValueError, r"^params\['norm'\]\['weight'\] is missing; an array \(2,\) is expected"),
        ({"sharpness": np.ones(3)}, ValueError, r"^params\['sharpness'\] has shape \(3,\); \(\) is expected"),
        (
            {"layer": {"weight": (np.ones(2), np.ones(2))}},
            TypeError,
            r"^params\['layer'\]\['weight'\] is tuple; an",
        ),
        ({"sharpness": np.array(5)}, TypeError, r"^params\['sharpness'\] has dtype int64; float16, float32,"),
        ({"extra": 1.0}, ValueError, r"^params\['extra'\] is unknown; one of layer.weight, "),
    ],
)
def test_params_of_another_form_are_refused(change, error, message):
    params = init_params(np.random.default_rng(0), SHAPES)
    check_params(params, SHAPES)
    with pytest.raises(error, match=message):
        check_params(params | change, SHAPES)
    with pytest.raises(TypeError, match=r"^params is list; a dict of arrays, as init returns it,"):
        check_params([], SHAPES)


@pytest.mark.parametrize("rng", [0, None, np.random])
def test_initial_values_need_a_generator(rng):
    with pytest.raises(TypeError, match=r"^rng is \w+; a Generator .* np.random.default_rng\(seed\)$"):
        init_params(rng, SHAPES)


LAYERS = [
    cls
    for module in pkgutil.iter_modules(nn.__path__)
    for cls in vars(importlib.import_module(f"numpy_attention.nn.{module.name}")).values()
    if hasattr(cls, "backward")
    and hasattr(cls, "init")
    and cls.__module__ == f"numpy_attention.nn.{module.name}"
]


@pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)
def test_every_layer_names_itself_and_an_unknown_keyword(cls):
    assert {"MultiHeadAttention", "AttentionClassifier"} <= {each.__name__ for each in LAYERS}
    for method in (None, cls.init, cls.forward, cls.backward):
        name = method.__qualname__ if method else cls.__name__
        with pytest.raises(TypeError, match=rf"^{re.escape(name)}\(\) has no unheard_of; its arguments are "):
            (method or cls)(*[None] * bool(method), unheard_of=1)
