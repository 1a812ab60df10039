"""Each score against its formula, written out head by head and token by token."""

import numpy as np
import pytest

from numpy_attention.nn.token_scores import EVERY_SCORE, SCORES, UNIFORM

B, H, T, C = 2, 3, 5, 7


def formula(name, p, head, x):
    """The score of one token x (C,) by one head."""
    if name == "location":
        return p["weight"][head] @ x
    query = p["query"][head, 0]
    return {
        "dot": lambda: query @ x / np.sqrt(C),
        "general": lambda: query @ p["weight"][head] @ x,
        "additive": lambda: (
            p["vector"][head]
            @ np.tanh(p["weight_query"][head] @ query + p["weight_key"][head] @ x + p["bias"][head])
        ),
        "concat": lambda: np.tanh(p["weight"][head] @ np.concatenate([query, x])),
        "cosine": lambda: p["sharpness"] * (query @ x) / np.sqrt((query @ query) * (x @ x)),
    }[name]()


def problem(name):
    rng = np.random.default_rng(11)
    score = SCORES[name](H, C)
    params = {each: rng.normal(size=shape) for each, shape in score.shapes.items()}
    return score, params, rng.normal(size=(B, T, C))


def test_the_names():
    assert set(SCORES) == {"location", "additive", "dot", "general", "concat", "cosine"}
    assert set(EVERY_SCORE) == {*SCORES, UNIFORM}


@pytest.mark.parametrize("name", SCORES)
def test_scores_are_their_formula(name):
    score, params, features = problem(name)
    scores, _ = score.forward(params, features)
    assert scores.shape == (B, H, 1, T)
    expected = [[[[formula(name, params, h, x) for x in bag]] for h in range(H)] for bag in features]
    np.testing.assert_allclose(scores, expected, rtol=1e-13)


@pytest.mark.parametrize("name", SCORES)
def test_gradients_are_those_of_the_formula(name):
    score, params, features = problem(name)
    _, saved = score.forward(params, features)
    d_scores = np.random.default_rng(13).normal(size=(B, H, 1, T))
    d_features, d_params = score.backward(d_scores, saved)
    assert set(d_params) == set(params)
    arguments = {"features": features, **params}
    for argument, gradient in {"features": d_features, **d_params}.items():
        assert np.shape(gradient) == arguments[argument].shape
        for index in np.ndindex(arguments[argument].shape):
            moved = {name: array.astype(complex) for name, array in arguments.items()}
            moved[argument][index] += 1e-100j
            x = moved.pop("features")
            change = sum(
                d_scores[b, h, 0, t] * formula(name, moved, h, x[b, t])
                for b in range(B)
                for h in range(H)
                for t in range(T)
            )
            np.testing.assert_allclose(np.asarray(gradient)[index], change.imag / 1e-100, rtol=1e-11)


def test_uniform_scores_and_their_gradients_are_0():
    features = np.random.default_rng(17).normal(size=(B, T, C))
    uniform = EVERY_SCORE[UNIFORM](H, C)
    scores, saved = uniform.forward({}, features)
    np.testing.assert_array_equal(scores, np.zeros((B, H, 1, T)))
    d_features, d_params = uniform.backward(np.ones_like(scores), saved)
    assert d_features.shape == features.shape
    assert not d_features.any()
    assert d_params == {}
