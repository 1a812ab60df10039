"""The detector: its equations once more, and what does not fit."""

import re

import numpy as np
import pytest

from numpy_attention import nn
from tests.support import layer_formulas as formulas
from tests.support.layer_formulas import random_params

MODEL = nn.Detector(5, (2, 3), 6, 2, 2, 3, activation="relu")
PARAMS = random_params(MODEL)
X = np.random.default_rng(0).standard_normal((2, 6, 5))


def test_forward_is_its_equations():
    p = PARAMS
    x = formulas.linear(p["embed"], X) + p["positions"]["weight"]
    for place in "01":
        x = formulas.encoder_layer(p["encoder"]["layers"][place], x, 2, True, norm_first=True)
    memory = formulas.normed(p["encoder"]["norm"], x, "layer")
    scores = np.einsum("kc,btc->bkt", p["queries"]["weight"], memory) + p["queries"]["bias"][:, None]
    odds, sharp = np.exp(scores), np.exp(3 * scores)
    weights = sharp / sharp.sum(axis=-1, keepdims=True)
    raw = formulas.linear(p["box_head"], np.einsum("bkt,btc->bkc", weights, memory))
    found, saved = MODEL.forward(p, X)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-10)
    np.testing.assert_allclose(found.logits, np.log(odds.sum(axis=-1)), rtol=1e-10)
    centres = np.array([[column + 0.5, row + 0.5] for row in range(2) for column in range(3)]) / [3, 2]
    np.testing.assert_allclose(
        found.boxes[..., :2], weights @ centres + raw[..., :2] / [3, 2], rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(found.boxes[..., 2:], 1 / (1 + np.exp(-raw[..., 2:])), rtol=1e-10)
    np.testing.assert_allclose(saved.weights, weights, rtol=1e-10)


@pytest.mark.parametrize(
    "sizes, told",
    [
        (dict(queries=0), "queries holds 0; at least 1"),
        (dict(sharpness=0.0), "sharpness is 0.0; a positive number is expected"),
        (dict(heads=4), "heads is 4; a number that divides width, 6"),
        (dict(grid=(2, 0)), "grid holds 0"),
        (dict(grid=6), r"grid is 6; \(rows, columns\) is expected"),
    ],
)
def test_sizes_that_do_not_fit(sizes, told):
    given = dict(input_dim=5, grid=(2, 3), width=6, heads=2, layers=1, queries=3)
    with pytest.raises((TypeError, ValueError), match=told):
        nn.Detector(**given | sizes)


def test_tokens_that_do_not_fit():
    for shape in ((2, 6, 4), (2, 7, 5), (2, 1, 5)):
        with pytest.raises(ValueError, match=re.escape(f"x has shape {shape}; (..., 6, 5) is expected")):
            MODEL.forward(PARAMS, np.ones(shape))
