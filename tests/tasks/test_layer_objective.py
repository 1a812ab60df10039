"""What objectives over a layer share: parameters in float32."""

import numpy as np

from numpy_attention import nn
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.layer_objective import LayerObjective


def test_initial_parameters_are_those_of_the_layer_in_float32():
    layer = nn.Linear(5, 3)
    objective = LayerObjective(layer)
    ours = flatten(objective.init(np.random.default_rng(7)))
    theirs = flatten(layer.init(np.random.default_rng(7)))
    assert {x.dtype for x in ours.values()} == {np.dtype(objective.dtype)} == {np.dtype(np.float32)}
    assert {name: x.shape for name, x in ours.items()} == flatten(objective.shapes())
    for name, x in theirs.items():
        np.testing.assert_array_equal(ours[name], x.astype(np.float32))
