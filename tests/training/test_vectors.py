"""Parameters in one vector for each dtype, and that no bit of a step depends on it."""

import numpy as np
import pytest

from numpy_attention.optim.trees import flatten
from numpy_attention.training.optimizers import OPTIMIZERS
from numpy_attention.training.vectors import Vectors


def tree(seed):
    rng = np.random.default_rng(seed)
    inner = {"weight": rng.standard_normal((2, 3)), "bias": rng.standard_normal(5).astype(np.float32)}
    return {"layer": inner, "none": {}, "scalar": np.array(rng.standard_normal()), "empty": np.zeros((0, 7))}


def same(one, other):
    one, other = flatten(one), flatten(other)
    assert list(one) == list(other)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name, strict=True)


def test_views_of_the_joined_arrays_are_the_arrays():
    params = tree(0)
    vectors = Vectors(params)
    joined = vectors.joined(params)
    assert {dtype: vector.shape for dtype, vector in joined.items()} == {"float64": (7,), "float32": (5,)}
    views = vectors.views(joined)
    same(views, params)
    assert views["none"] == {}
    joined["float32"][:] = 11
    assert (views["layer"]["bias"] == 11).all()
    assert not (params["layer"]["bias"] == 11).any()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_of_the_vectors_are_the_steps_of_the_arrays(name):
    optimizer, params = OPTIMIZERS[name], tree(0)
    vectors, state = Vectors(params), OPTIMIZERS[name].init(params)
    joined, joined_state = vectors.joined(params), vectors.joined_state(state)
    for seed in (1, 2, 3):
        params, state = optimizer.step(params, tree(seed), state, lr=0.1)
        joined, joined_state = optimizer.step(joined, vectors.joined(tree(seed)), joined_state, lr=0.1)
    same(vectors.views(joined), params)
    same(vectors.state_views(joined_state), state)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"scalar": np.zeros(2)}, r"grads\['scalar'\] has shape \(2,\)"),
        ({"other": np.zeros(2)}, r"grads\['other'\] is unknown"),
        ({"layer": {}}, r"grads\['layer'\]\['weight'\] is missing"),
    ],
)
def test_gradients_nested_otherwise_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        Vectors(tree(0)).joined(tree(1) | changes)
