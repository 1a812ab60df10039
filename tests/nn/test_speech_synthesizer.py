"""The speech synthesizer: its equations once more, lengths, and what does not fit."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.interventions import UNIFORM, attending
from numpy_attention.nn.speech_synthesizer import real_places
from numpy_attention.optim.trees import flatten
from tests.support import layer_formulas as formulas
from tests.support.layer_formulas import random_params

MODEL = nn.SpeechSynthesizer(7, 5, 6, 2, 1, 4, 3, sharpness=0.3, reach=2, activation="relu")
PARAMS = random_params(MODEL)
SYMBOLS, CONDITIONS = np.array([[1, 6, 2], [5, 3, 0]]), np.array([[0, 3], [2, 4]])


def waves(length):
    return nn.Sinusoidal(6).forward({}, np.zeros((length, 6)))[0]


def blocks(p, x, visible):
    x = formulas.encoder_layer(p["layers"]["0"], x, 2, visible, norm_first=True)
    return formulas.normed(p["norm"], x, "layer")


def test_forward_is_its_equations():
    p, count = PARAMS, 11
    rows = p["condition"]["weight"][CONDITIONS].sum(axis=1)
    memory = blocks(p["encoder"], p["embedding"]["weight"][SYMBOLS] + rows[:, None] + waves(3), True)
    durations = np.log1p(np.exp(formulas.linear(p["duration"], memory)))[..., 0]
    centres = np.array([[row[:s].sum() + row[s] / 2 for s in range(3)] for row in durations])
    likely = np.exp(-0.3 * (np.arange(count)[:, None] + 0.5 - centres[:, None]) ** 2)
    weights = likely / likely.sum(axis=-1, keepdims=True)
    near = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) <= 2
    frames = formulas.linear(p["head"], blocks(p["decoder"], weights @ memory + waves(count), near))
    spoken, saved = MODEL.forward(p, SYMBOLS, CONDITIONS, count)
    np.testing.assert_allclose(spoken.durations, durations, rtol=1e-10)
    np.testing.assert_allclose(saved.decode.weights, weights, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(spoken.frames, frames, rtol=1e-6, atol=1e-6)


def test_a_longer_neighbour_changes_nothing():
    alone, _ = MODEL.forward(PARAMS, SYMBOLS[:1, :2], CONDITIONS[:1], 5)
    both, saved = MODEL.forward(PARAMS, SYMBOLS, CONDITIONS, 9, lengths=[2, 3], counts=[5, 9])
    np.testing.assert_allclose(both.frames[0, :5], alone.frames[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(both.durations[0, :2], alone.durations[0], rtol=1e-10)
    assert both.durations[0, 2] == 0
    assert not saved.decode.weights[0, :, 2].any()
    d_frames = np.zeros(both.frames.shape)
    d_frames[0, :5] = 1
    _, d_params = MODEL.backward((d_frames, np.zeros(both.durations.shape)), saved)
    assert not d_params["embedding"]["weight"][[2, 5, 3, 0]].any()


def test_every_parameter_has_a_gradient():
    spoken, saved = MODEL.forward(PARAMS, SYMBOLS, CONDITIONS, 9)
    rng = np.random.default_rng(2)
    _, d_params = MODEL.backward(tuple(rng.standard_normal(x.shape) for x in spoken), saved)
    shapes = {name: x.shape for name, x in flatten(d_params).items()}
    assert shapes == flatten(MODEL.shapes())
    assert all(np.isfinite(x).all() and x.any() for x in flatten(d_params).values())


def test_durations_have_the_gradient_of_the_complex_step():
    rng = np.random.default_rng(3)
    memory, durations, direction = (
        rng.normal(size=(2, 3, 6)),
        rng.uniform(1, 4, (2, 3)),
        rng.normal(size=(2, 3)),
    )
    frames, saved = MODEL.decode(PARAMS, memory, durations, 7)
    d_frames = rng.normal(size=frames.shape)
    (_, d_durations), _ = MODEL.decode_backward(d_frames, saved)
    moved, _ = MODEL.decode(PARAMS, memory, durations + 1e-25j * direction, 7)
    assert (d_durations * direction).sum() == pytest.approx((moved * d_frames).sum().imag / 1e-25, rel=1e-8)


def test_real_places():
    assert real_places([2, 0], (2, 3)).tolist() == [[True, True, False], [False] * 3]
    assert real_places(None, (1, 2)).tolist() == [[True, True]]


@pytest.mark.parametrize(
    "sizes, told",
    [
        (dict(bands=0), "bands holds 0; at least 1"),
        (dict(reach=0), "reach holds 0; at least 1"),
        (dict(sharpness=0.0), "sharpness is 0.0; a positive number is expected"),
        (dict(heads=4), "heads is 4; a number that divides width, 6"),
    ],
)
def test_sizes_that_do_not_fit(sizes, told):
    given = dict(symbols=7, conditions=5, width=6, heads=2, layers=1, context=4, bands=3)
    with pytest.raises((TypeError, ValueError), match=told):
        nn.SpeechSynthesizer(**given | sizes)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (([[7]], [[0]], 3), "symbols holds 7; less than 7, the symbols of the model"),
        (([[0] * 5], [[0]], 3), "symbols has length 5; at most 4, the context"),
        (([[0]], [[5]], 3), "conditions holds 5; less than 5, the conditions of the model"),
        (([[0], [1]], [[0], [1], [2]], 3), r"do not broadcast together: symbols \(2,\), conditions \(3,\)"),
        (([[0]], [[0]], 0), "count holds 0; at least 1"),
    ],
)
def test_inputs_that_do_not_fit(arguments, told):
    with pytest.raises(ValueError, match=told):
        MODEL.forward(PARAMS, *arguments)


def test_its_attention_can_be_watched_and_made_uniform():
    watch = nn.Watch(PARAMS, {"": UNIFORM})
    _, saved = attending(MODEL, watch).forward(PARAMS, SYMBOLS, CONDITIONS, 9, lengths=[2, 3])
    np.testing.assert_allclose(saved.decode.weights[0, :, :2], 0.5)
    assert {"", "encoder.layers.0.self_attn", "decoder.layers.0.self_attn"} == set(watch.seen)
