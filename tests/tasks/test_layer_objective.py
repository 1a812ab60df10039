"""What objectives over a layer share: parameters in float32."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.layer_objective import LayerObjective, penalised
from numpy_attention.training.objective import Outcome


def test_initial_parameters_are_those_of_the_layer_in_float32():
    layer = nn.Linear(5, 3)
    objective = LayerObjective(layer)
    ours = flatten(objective.init(np.random.default_rng(7)))
    theirs = flatten(layer.init(np.random.default_rng(7)))
    assert {x.dtype for x in ours.values()} == {np.dtype(objective.dtype)} == {np.dtype(np.float32)}
    assert {name: x.shape for name, x in ours.items()} == flatten(objective.shapes())
    for name, x in theirs.items():
        np.testing.assert_array_equal(ours[name], x.astype(np.float32))


def test_a_penalty_on_spans_is_added_to_the_loss_and_to_their_gradients_alone():
    params = {"w": np.ones(3), "a": {"span_logit": np.array([0.0, 2.0])}}
    outcome = Outcome(1.5, {"w": np.full(3, 0.5), "a": {"span_logit": np.array([0.1, 0.2])}}, 7, 5)
    share = 1 / (1 + np.exp(-np.array([0.0, 2.0])))
    found = penalised(outcome, params, 0.3)
    assert found.loss == pytest.approx(1.5 + 0.3 * share.mean())
    np.testing.assert_array_equal(found.d_params["w"], 0.5)
    expected = np.array([0.1, 0.2]) + 0.15 * share * (1 - share)
    np.testing.assert_allclose(found.d_params["a"]["span_logit"], expected, rtol=1e-13)
    assert found[2:] == (7, 5)
    assert penalised(outcome, params, 0.0) is outcome
