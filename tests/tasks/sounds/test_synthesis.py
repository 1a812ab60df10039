"""The loss of speech synthesis and its gradient, what is said without a recording, and how it is judged."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten, mapped, unflatten
from numpy_attention.tasks.sounds import synthesis
from numpy_attention.tasks.sounds.synthesis import Synthesizing, judged, on_the_word
from numpy_attention.tasks.sounds.synthesis_data import (
    BANDS,
    SILENCE,
    STATES,
    Utterances,
    batch_of,
    symbol_count,
)

RNG = np.random.default_rng(0)
MODEL = nn.SpeechSynthesizer(symbol_count(3), 5, 6, 2, 1, 40, BANDS, hidden=5)
OBJECTIVE = Synthesizing(MODEL, tuple(np.linspace(-3.0, 1.0, BANDS)), 2.5, 1.5)
PARAMS = OBJECTIVE.init(np.random.default_rng(1))
UTTERANCES = Utterances(
    ((2, 0), (1,)),
    np.array([1, 0]),
    np.array([2, 0]),
    tuple(RNG.standard_normal((size, BANDS)).astype(np.float32) for size in (29, 17)),
    ((12, 4, 13), (17,)),
)


def test_initial_symbols_last_as_long_as_on_average():
    assert {x.dtype for x in flatten(PARAMS).values()} == {np.dtype(np.float32)}
    durations = MODEL.encode(PARAMS, [[1, 2, 3]], [[0, 3]])[0][1]
    np.testing.assert_allclose(durations, np.log1p(np.exp(1.5)), rtol=0.2)
    assert 0.3 < PARAMS["embedding"]["weight"].std() < 0.7


def test_takes_stand_behind_voices():
    rows = OBJECTIVE.conditions(np.array([1, 0]), np.array([2, 0]))
    assert rows.tolist() == [[1, 2], [0, 4]]


def test_the_loss_is_that_of_frames_and_of_words():
    batch = batch_of(UTTERANCES)
    conditions = OBJECTIVE.conditions(UTTERANCES.voice, UTTERANCES.take)
    (frames, durations), _ = MODEL.forward(
        PARAMS, batch.symbols, conditions, 29, lengths=batch.lengths, counts=batch.counts
    )
    wanted = [(each - OBJECTIVE.mean) / 2.5 for each in UTTERANCES.frames]
    errors = np.concatenate([frames[0] - wanted[0], frames[1, :17] - wanted[1]])
    pieces = np.split(durations[0], [STATES, STATES + 1])
    lasting = (np.array([*map(np.sum, pieces), durations[1].sum()]) - [12, 4, 13, 17]) / 10
    outcome = OBJECTIVE.loss_and_gradients(PARAMS, UTTERANCES, 0)
    assert outcome.loss == pytest.approx((errors**2).mean() + (lasting**2).mean(), rel=1e-5)
    assert outcome.targets == 29 + 17
    assert 0 < outcome.right <= 46


def test_the_gradient_is_the_slope_of_the_loss():
    params = flatten(mapped(lambda x: x.astype(np.float64), PARAMS))
    d_params = flatten(OBJECTIVE.loss_and_gradients(unflatten(params), UTTERANCES, 0).d_params)
    for name, x in params.items():
        step = 1e-6 * RNG.standard_normal(x.shape)
        up, down = (
            OBJECTIVE.loss_and_gradients(unflatten(params | {name: x + sign * step}), UTTERANCES, 0).loss
            for sign in (1, -1)
        )
        np.testing.assert_allclose((up - down) / 2, (step * d_params[name]).sum(), rtol=1e-3, atol=1e-10)


def test_frames_on_the_word():
    batch = batch_of(UTTERANCES)
    right = np.zeros((2, 29, 2 * STATES + 1))
    right[0, :12, 3], right[0, 12:16, STATES], right[0, 16:, -1], right[1, :, 5] = 1, 1, 1, 1
    real = np.arange(29) < batch.counts[:, None]
    assert on_the_word(batch, right)[real].all()
    assert on_the_word(batch, right[:, ::-1])[real].sum() < 20 + 17


def test_what_is_said_is_as_long_as_its_durations_and_a_batch_changes_nothing():
    words, voice, take = [(2, 0), (1,), (0, 1, 2)], np.array([1, 0, 1]), np.array([2, 0, 1])
    together = list(OBJECTIVE.said(PARAMS, words, voice, take))
    for place, (frames, weights) in enumerate(together):
        symbols = len(words[place]) * (STATES + 1) - 1
        ((alone, _),) = OBJECTIVE.said(PARAMS, words[place : place + 1], voice[[place]], take[[place]])
        np.testing.assert_allclose(frames, alone, rtol=1e-4, atol=1e-4)
        assert weights.shape == (len(frames), symbols)
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        assert abs(len(frames) - symbols * np.log1p(np.exp(1.5))) < 0.2 * len(frames)
        assert frames.min() >= SILENCE
    _, weights = together[2]
    assert (np.diff(weights.argmax(axis=-1)) >= 0).all()
    quiet = Synthesizing(MODEL, (3 * SILENCE,) * BANDS, 0.1, 1.5)
    ((frames, _),) = quiet.said(PARAMS, words[:1], voice[:1], take[:1])
    assert (frames == SILENCE).all()
    short = {**PARAMS, "duration": {**PARAMS["duration"], "bias": np.full(1, -50, np.float32)}}
    ((frames, _),) = OBJECTIVE.said(short, words[:1], voice[:1], take[:1])
    assert frames.shape == (1, BANDS)


def test_recordings_have_no_distortion_and_words_are_counted(monkeypatch):
    monkeypatch.setattr(synthesis, "heard_digits", lambda waveforms: [[2, 0], [1, 1]])
    figures = judged(UTTERANCES.frames, UTTERANCES)
    assert figures.loss == pytest.approx(0, abs=1e-6)
    assert figures.accuracy == pytest.approx(2 / 3)
    arguments = UTTERANCES.words, UTTERANCES.voice, UTTERANCES.take
    said = [frames for frames, _ in OBJECTIVE.said(PARAMS, *arguments)]
    assert OBJECTIVE.figures(PARAMS, UTTERANCES) == judged(said, UTTERANCES)
    assert judged(said, UTTERANCES).loss > 0.5
