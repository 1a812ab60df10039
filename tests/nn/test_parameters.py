"""Initial parameters, and the check of their names and shapes."""

import numpy as np
import pytest

from numpy_attention.nn.parameters import SHARPNESS, check_params, glorot, init_params, parameter_count

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


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"norm": {}}, ValueError, r"^params\['norm'\]\['weight'\] is missing; an array \(2,\) is expected"),
        ({"sharpness": np.ones(3)}, ValueError, r"^params\['sharpness'\] has shape \(3,\); \(\) is expected"),
        ({"extra": 1.0}, ValueError, r"^params\['extra'\] is unknown; the parameters are layer.weight, "),
    ],
)
def test_params_of_another_form_are_refused(change, error, message):
    params = init_params(np.random.default_rng(0), SHAPES)
    check_params(params, SHAPES)
    with pytest.raises(error, match=message):
        check_params(params | change, SHAPES)
    with pytest.raises(TypeError, match=r"^params is list; a dict of arrays is expected"):
        check_params([], SHAPES)
