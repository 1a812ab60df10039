"""The vision transformer: patches as a convolution cuts them, a class token, a mean."""

import numpy as np
import pytest

from numpy_attention import nn
from tests.support import layer_formulas as formulas
from tests.support.layer_formulas import random_params

IMAGES = np.random.default_rng(0).standard_normal((3, 2, 4, 6))


def model_of(**options):
    model = nn.VisionTransformer((4, 6), 2, 6, 2, 2, **{"classes": 5, "channels": 2} | options)
    return model, random_params(model)


def convolved(params, images):
    """Each patch times each filter (width, channels, p, p), one sum at a time; row by row."""
    filters = params["weight"].reshape(6, 2, 2, 2)
    tokens = [
        [(image[:, y : y + 2, x : x + 2] * one).sum() for one in filters]
        for image in images
        for y in (0, 2)
        for x in (0, 2, 4)
    ]
    return np.reshape(tokens, (len(images), 6, 6)) + params["bias"]


def encoded(p, x):
    for place in "01":
        x = formulas.encoder_layer(p["layers"][place], x, 2, True, norm_first=True)
    return formulas.normed(p["norm"], x, "layer")


def test_forward_is_its_equations():
    model, p = model_of(activation="relu", eps=1e-5)
    tokens = np.concatenate([np.tile(p["class_token"], (3, 1, 1)), convolved(p["patches"], IMAGES)], axis=1)
    x = encoded(p, tokens + p["positions"]["weight"])
    logits, saved = model.forward(p, IMAGES)
    np.testing.assert_allclose(saved.hidden, x, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(logits, formulas.linear(p["classifier"], x[:, 0]), rtol=1e-10, atol=1e-10)


def test_a_mean_of_the_patches():
    model, p = model_of(activation="relu", eps=1e-5, pooling="mean", classes=None)
    x = encoded(p, convolved(p["patches"], IMAGES) + p["positions"]["weight"])
    np.testing.assert_allclose(model.forward(p, IMAGES)[0], x.mean(axis=1), rtol=1e-10, atol=1e-10)
    assert [*p] == ["patches", "positions", "layers", "norm"]


def test_patches_are_a_reshape_and_back():
    model, _ = model_of()
    patches = model.patches_of(IMAGES)
    assert patches.shape == (3, 6, 8)
    np.testing.assert_array_equal(patches[1, 4].reshape(2, 2, 2), IMAGES[1, :, 2:, 2:4])
    np.testing.assert_array_equal(model.images_of(patches), IMAGES)


def test_positions_tell_patches_apart():
    model, params = model_of(positions=None)
    swapped = IMAGES[:, :, [2, 3, 0, 1]]
    out = model.forward(params, IMAGES)[0]
    np.testing.assert_allclose(model.forward(params, swapped)[0], out, rtol=1e-11, atol=1e-11)
    model, params = model_of()
    assert not np.isclose(model.forward(params, swapped)[0], model.forward(params, IMAGES)[0]).any()


def test_dropout_by_seed():
    model, params = model_of(dropout=0.4)
    first, again, still = (model.forward(params, IMAGES, seed=seed)[0] for seed in (1, 1, None))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, still).any()


def test_what_does_not_fit_is_one_sentence():
    model, params = model_of()
    with pytest.raises(
        ValueError, match=r"^VisionTransformer: images has shape .*; \(B, 2, 4, 6\) is expected"
    ):
        model.forward(params, IMAGES.swapaxes(-1, -2))
    with pytest.raises(ValueError, match=r"^VisionTransformer: image is \(4, 5\); multiples of patch, 2"):
        nn.VisionTransformer((4, 5), 2, 6, 2, 2)
    with pytest.raises(ValueError, match=r"^VisionTransformer: image is \(4,\); \(height, width\)"):
        nn.VisionTransformer((4,), 2, 6, 2, 2)
    with pytest.raises(ValueError, match=r"^VisionTransformer: pooling is 'max'"):
        model_of(pooling="max")
