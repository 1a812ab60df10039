"""The visual answerer: its equations once more, padding, and what does not fit."""

import numpy as np
import pytest

from numpy_attention import nn
from tests.support import layer_formulas as formulas
from tests.support.layer_formulas import random_params

SIZES = dict(input_dim=5, patches=4, vocabulary=11, context=7, width=6, heads=2, layers=1, joint_layers=2)
MODEL = nn.VisualAnswerer(**SIZES, activation="relu")
PARAMS = random_params(MODEL)
RNG = np.random.default_rng(0)
X, IDS, LENGTHS = RNG.standard_normal((2, 4, 5)), np.array([[3, 1, 4], [9, 2, 0]]), np.array([3, 2])


def encoded(p, x, visible):
    for layer in p["layers"].values():
        x = formulas.encoder_layer(layer, x, 2, visible, norm_first=True)
    return formulas.normed(p["norm"], x, "layer")


def test_forward_is_its_equations():
    p, table = PARAMS, PARAMS["embedding"]["weight"]
    placed = formulas.linear(p["embed"], X) + p["positions"]["weight"]
    seen = encoded(p["encoder"], placed, True)
    real = np.arange(3) < LENGTHS[:, None]
    asked = table[IDS]
    odds = np.exp(seen @ table.T)
    described = odds / odds.sum(axis=-1, keepdims=True) @ table
    query, key, value = (asked @ w.T if place else described @ w.T for place, w in enumerate(naming(p)))
    odds = np.where(real[:, None], np.exp(query @ key.swapaxes(1, 2)), 0)
    weights = odds / (odds.sum(axis=-1, keepdims=True) + np.exp(p["naming"]["sinks"][0]))
    named = weights @ value @ p["naming"]["out_proj"]["weight"].T
    clear = formulas.normed(p["norm"], described, "layer")
    memory = clear + named + p["memory_positions"]["weight"]
    both = np.concatenate([memory, asked + p["word_positions"]["weight"][:3]], axis=1)
    visible = np.concatenate([np.ones((2, 4), bool), real], axis=1)
    each = [encoded(p["joint"], one[None], seen_by) for one, seen_by in zip(both, visible, strict=True)]
    mixed = np.concatenate(each)
    mean = (mixed * visible[..., None]).sum(axis=1) / visible.sum(axis=1, keepdims=True)
    out, saved = MODEL.forward(p, X, IDS, lengths=LENGTHS)
    np.testing.assert_allclose(out.readings, seen @ table.T, rtol=1e-9)
    np.testing.assert_allclose(out.logits, mean @ table.T, rtol=1e-9)
    assert saved.weights.shape == (2, 2, 2, 7, 7)
    assert nn.VisualAnswerer(**SIZES, attention="blockwise").forward(p, X, IDS)[1].weights is None
    np.testing.assert_allclose(saved.weights.sum(axis=-1), 1, rtol=1e-12)


def naming(p):
    return np.split(p["naming"]["in_proj_weight"], 3)


def test_what_stands_behind_a_question_has_no_influence():
    one, _ = MODEL.forward(PARAMS, X, IDS, lengths=LENGTHS)
    other, saved = MODEL.forward(PARAMS, X, np.array([[3, 1, 4, 5], [9, 2, 7, 7]]), lengths=LENGTHS)
    np.testing.assert_allclose(one.logits, other.logits, rtol=1e-12)
    _, d_params = MODEL.backward(other, saved)
    assert not d_params["word_positions"]["weight"][3:].any()


def test_a_patch_attends_at_first_to_the_word_that_it_is_called():
    params = MODEL.init(np.random.default_rng(0))
    query, key, _ = naming(params)
    np.testing.assert_array_equal(query, np.eye(6))
    np.testing.assert_array_equal(key, np.eye(6))


@pytest.mark.parametrize(
    "sizes, told",
    [
        (dict(patches=0), "patches holds 0; at least 1"),
        (dict(joint_layers=0), "joint_layers holds 0; at least 1"),
        (dict(heads=4), "heads is 4; a number that divides width, 6"),
    ],
)
def test_sizes_that_do_not_fit(sizes, told):
    with pytest.raises((TypeError, ValueError), match=told):
        nn.VisualAnswerer(**SIZES | sizes)


@pytest.mark.parametrize(
    "given, told",
    [
        (dict(x=np.ones((2, 3, 5))), r"x has shape \(2, 3, 5\); \(\.\.\., 4, 5\) is expected"),
        (dict(ids=[[11], [0]]), "ids holds 11; less than 11, the vocabulary"),
        (dict(ids=[[1], [2], [3]]), "ids"),
        (dict(lengths=[3, 4]), "lengths"),
    ],
)
def test_inputs_that_do_not_fit(given, told):
    with pytest.raises(ValueError, match=told):
        MODEL.forward(PARAMS, **dict(x=X, ids=IDS) | given)
