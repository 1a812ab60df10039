"""The patch classifier: it is the vision transformer of whole images; backward, uniform weights, rollout."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.patch_classifier import PatchClassifier
from numpy_attention.nn.rollout import rollout
from numpy_attention.optim.trees import flatten
from tests.nn.test_classifier import complex_steps_agree, nested

B, T, WIDTH, C, H, LAYERS, K = 2, 6, 4, 4, 2, 2, 3


def problem(outputs=K, uniform=False):
    rng = np.random.default_rng(67)
    model = PatchClassifier(WIDTH, T, C, H, LAYERS, outputs, uniform)
    shapes = model.shapes()
    params = nested({name: rng.normal(size=shape) for name, shape in flatten(shapes).items()}, shapes)
    return model, params, rng.normal(size=(B, T, WIDTH)), rng.normal(size=(B, outputs)[: 1 + (outputs > 1)])


@pytest.mark.parametrize("outputs, uniform", [(K, False), pytest.param(1, True, marks=pytest.mark.slow)])
def test_backward_is_the_complex_step_of_forward(outputs, uniform):
    complex_steps_agree(*problem(outputs, uniform))


def test_it_is_the_vision_transformer_of_the_images_that_the_patches_were_cut_from():
    model, params, x, _ = problem()
    transformer = nn.VisionTransformer((4, 6), 2, C, H, LAYERS, K, channels=1, pooling="mean", hidden=2 * C)
    images = transformer.images_of(x)
    expected, saved = transformer.forward(params, images)
    np.testing.assert_allclose(model.forward(params, x)[0], expected, rtol=1e-12)


def test_uniform_weights_are_one_over_the_tokens_in_every_layer():
    model, params, x, _ = problem()
    for weights in model.with_uniform_weights().forward(params, x)[1].maps.values():
        np.testing.assert_allclose(weights, 1 / T, rtol=1e-15)


def test_weights_are_the_rollout_to_the_mean_of_all_tokens():
    model, params, x, _ = problem()
    saved = model.forward(params, x)[1]
    assert list(saved.maps) == ["layer 1", "layer 2"]
    rows = rollout([saved.maps["layer 1"], saved.maps["layer 2"]])
    np.testing.assert_allclose(saved.weights[:, 0], rows.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(saved.weights.sum(axis=-1), 1, rtol=1e-12)


def test_in_float32_it_is_the_same_in_short():
    model, params, x, d_logits = problem()
    short = nested(
        {name: array.astype(np.float32) for name, array in flatten(params).items()}, model.shapes()
    )
    (logits, saved), (expected, exact) = model.forward(short, x), model.forward(params, x)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)
    grads, exactly = (flatten(model.backward(d_logits, one)[1]) for one in (saved, exact))
    for name, array in grads.items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(
            array, exactly[name], atol=2e-3 * np.abs(exactly[name]).max(), err_msg=name
        )


def test_a_report_counts_heads_and_layers():
    one, model = PatchClassifier(WIDTH, T), problem()[0]
    assert "1 head in 1 layer:" in one.steps(T)["allocate attention"]
    assert "2 heads in 2 layers:" in model.steps(T)["allocate attention"]


def test_lengths_are_refused():
    model, params, x, _ = problem()
    with pytest.raises(ValueError, match="lengths holds 3; 6 is expected: every image"):
        model.forward(params, x, np.array([3, 6]))
