"""Pooled words: the equations once more, gradients by differences, padding, uniform weights."""

from dataclasses import replace

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.nn import PooledWords
from numpy_attention.optim.trees import flatten

MODEL = PooledWords(vocabulary=11, width=5, heads=2, classes=3)
IDS, LENGTHS = np.array([[1, 2, 3, 7], [4, 5, 0, 0]]), np.array([4, 2])
MASK = na.padding(LENGTHS)


def drawn_params(model=MODEL):
    rng = np.random.default_rng(0)
    params = model.init(rng)
    params["embedding"]["weight"] = rng.normal(size=(11, 5))
    return params


def test_logits_are_those_of_the_equations():
    params = drawn_params()
    logits, saved = MODEL.forward(params, IDS, mask=MASK)
    for row, ids in enumerate((IDS[0], IDS[1, :2])):
        x = params["embedding"]["weight"][ids]
        weights = np.exp(x @ params["score"]["weight"].T)
        weights /= weights.sum(axis=0)
        np.testing.assert_allclose(saved.weights[row, :, : len(ids)], weights.T, rtol=1e-12)
        expected = params["classifier"]["weight"] @ (weights.T @ x).ravel() + params["classifier"]["bias"]
        np.testing.assert_allclose(logits[row], expected, rtol=1e-12)


@pytest.mark.parametrize("uniform", [False, True])
def test_gradients_are_those_of_the_complex_step(uniform):
    model = replace(MODEL, uniform=uniform, dropout=0.3)
    params, rng = drawn_params(), np.random.default_rng(1)
    d_logits = rng.normal(size=(2, 3))
    logits, saved = model.forward(params, IDS, mask=MASK, seed=3)
    assert not np.allclose(logits, model.forward(params, IDS, mask=MASK)[0])
    _, d_params = model.backward(d_logits, saved)
    for name, x in flatten(params).items():
        part, leaf = name.split(".")
        way = rng.normal(size=x.shape)
        moved = {**params, part: {**params[part], leaf: x + 1e-20j * way}}
        expected = (model.forward(moved, IDS, mask=MASK, seed=3)[0] * d_logits).sum().imag / 1e-20
        assert (flatten(d_params)[name] * way).sum() == pytest.approx(expected, rel=1e-10, abs=1e-12), name


def test_uniform_weights_are_those_of_a_mean():
    _, saved = replace(MODEL, uniform=True).forward(drawn_params(), IDS, mask=MASK)
    np.testing.assert_allclose(saved.weights[:, 0], [[0.25] * 4, [0.5, 0.5, 0, 0]])


def test_ids_of_another_shape_or_beyond_the_vocabulary_are_refused():
    with pytest.raises(ValueError, match=r"PooledWords: ids has shape \(3,\); \(B, T\) is expected"):
        MODEL.forward(drawn_params(), [1, 2, 3])
    with pytest.raises(ValueError, match="PooledWords: ids holds 11; less than 11, the vocabulary"):
        MODEL.forward(drawn_params(), [[1, 11]])
