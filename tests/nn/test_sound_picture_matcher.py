"""The matcher of sounds and pictures: its equations once more, padding, and what does not fit."""

import re

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from tests.support import layer_formulas as formulas
from tests.support.layer_formulas import random_params

SIZES = dict(sound_dim=5, context=7, picture_dim=3, patches=4, width=6, heads=2, layers=2)
MODEL = nn.SoundPictureMatcher(**SIZES, activation="relu")
PARAMS = random_params(MODEL)
RNG = np.random.default_rng(0)
SOUNDS, PICTURES = RNG.standard_normal((2, 7, 5)), RNG.standard_normal((2, 3, 4, 3))


def encoded(kind, x):
    x = formulas.linear(PARAMS[f"{kind}_embed"], x) + PARAMS[f"{kind}_positions"]["weight"][: x.shape[-2]]
    for place in "01":
        x = formulas.encoder_layer(PARAMS[kind]["layers"][place], x, 2, True, norm_first=True)
    return formulas.normed(PARAMS[kind]["norm"], x, "layer")


def test_forward_is_its_equations():
    frames, pooling = encoded("sound", SOUNDS), nn.AttentionPooling(6, 2)
    word, _ = pooling.forward(PARAMS["pooling"], frames)
    patches = np.stack([encoded("picture", PICTURES[:, k]) for k in range(3)], axis=1)
    scores = np.einsum("bc,bkpc->bkp", word, patches) / np.sqrt(6)
    logits, saved = MODEL.forward(PARAMS, SOUNDS, PICTURES)
    np.testing.assert_allclose(saved.scores, scores, rtol=1e-10)
    np.testing.assert_allclose(logits, np.log(np.exp(scores).sum(axis=-1)), rtol=1e-10)


def test_a_pictures_probability_is_its_share_of_the_attention():
    logits, saved = MODEL.forward(PARAMS, SOUNDS, PICTURES)
    np.testing.assert_allclose(saved.weights.sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(saved.weights.sum(axis=-1), na.softmax(logits))


def test_frames_of_padding_change_nothing():
    longer = np.concatenate([SOUNDS[:, :5], np.full((2, 2, 5), 1e4)], axis=1)
    padded, _ = MODEL.forward(PARAMS, longer, PICTURES, mask=na.padding([5, 5]))
    np.testing.assert_allclose(padded, MODEL.forward(PARAMS, SOUNDS[:, :5], PICTURES)[0], rtol=1e-12)


def test_pictures_in_another_order_give_logits_in_that_order():
    logits, _ = MODEL.forward(PARAMS, SOUNDS, PICTURES)
    turned, _ = MODEL.forward(PARAMS, SOUNDS, PICTURES[:, [2, 0, 1]])
    np.testing.assert_allclose(turned, logits[:, [2, 0, 1]], rtol=1e-12)


@pytest.mark.parametrize(
    "sizes, told",
    [
        (dict(patches=0), "patches holds 0; at least 1"),
        (dict(context=0), "context holds 0; at least 1"),
        (dict(heads=4), "heads is 4; a number that divides width, 6"),
    ],
)
def test_sizes_that_do_not_fit(sizes, told):
    with pytest.raises((TypeError, ValueError), match=told):
        nn.SoundPictureMatcher(**SIZES | sizes)


@pytest.mark.parametrize("shape", [(3, 3, 4, 3), (2, 3, 5, 3), (2, 3, 4, 2)])
def test_pictures_that_do_not_fit(shape):
    told = f"pictures has shape {shape}; (2, pictures, 4, 3) beside sounds of shape (2, 7, 5) is expected"
    with pytest.raises(ValueError, match=re.escape(told)):
        MODEL.forward(PARAMS, SOUNDS, np.ones(shape))
