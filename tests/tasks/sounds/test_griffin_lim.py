"""Griffin-Lim: the inverse transform, magnitudes from mel frames, and phases that fit."""

import numpy as np
import pytest

from numpy_attention.tasks.sounds import griffin_lim as module
from numpy_attention.tasks.sounds.cepstral_distortion import cepstral_distortion
from numpy_attention.tasks.sounds.griffin_lim import griffin_lim, istft, magnitudes, overlapping, waveform
from numpy_attention.tasks.sounds.spectrogram import BINS, FLOOR, FRAME, STEP, log_mel, mel_filters, stft
from numpy_attention.tasks.sounds.words import read_spoken_digits


@pytest.fixture(scope="module")
def recording():
    return read_spoken_digits().clips[40]


def test_frames_overlap_where_they_begin():
    frames = np.random.default_rng(0).standard_normal((5, FRAME))
    wanted = np.zeros(4 * STEP + FRAME)
    for place, frame in enumerate(frames):
        wanted[place * STEP : place * STEP + FRAME] += frame
    np.testing.assert_allclose(overlapping(frames), wanted)


def test_istft_is_the_nearest_waveform():
    """Equation 6 of Griffin & Lim: no other waveform's transform is nearer to the spectrum."""
    rng = np.random.default_rng(1)
    spectrum = rng.standard_normal((7, BINS)) + 1j * rng.standard_normal((7, BINS))
    spectrum[:, [0, -1]] = spectrum[:, [0, -1]].real
    x = istft(spectrum)

    def distance(y):
        """Over all frequencies of the transform: those between the first and the last count twice."""
        twice = np.full(BINS, 2.0)
        twice[[0, -1]] = 1
        return (twice * np.abs(stft(y) - spectrum) ** 2).sum()

    for _ in range(5):
        assert distance(x) < distance(x + 1e-3 * rng.standard_normal(x.shape))


def test_magnitudes_give_the_mel_frames_again(recording):
    frames = log_mel(recording, 40)
    power = magnitudes(frames) ** 2
    assert (power >= 0).all()
    again = np.log(power @ mel_filters(40).T + FLOOR)
    assert np.abs(again - frames).mean() < 0.05


def test_a_recording_is_made_again_from_its_mel_frames(recording):
    frames = log_mel(recording, 40)
    y = waveform(frames)
    assert (len(y) - FRAME) // STEP + 1 == len(frames)
    assert np.abs(y).max() <= 1
    assert cepstral_distortion(log_mel(y, 40), frames) < 1.5
    np.testing.assert_array_equal(y, waveform(frames))


def test_more_iterations_fit_better_and_steps_beyond_better_still(recording, monkeypatch):
    wanted = np.abs(stft(recording))
    errors = []
    for iterations, momentum in ((0, 0.0), (32, 0.0), (32, 0.99)):
        monkeypatch.setattr(module, "ITERATIONS", iterations)
        monkeypatch.setattr(module, "MOMENTUM", momentum)
        errors.append(np.linalg.norm(np.abs(stft(griffin_lim(wanted))) - wanted) / np.linalg.norm(wanted))
    assert errors[2] < 0.9 * errors[1]
    assert errors[1] < 0.5 * errors[0]


def test_silence_has_no_magnitude():
    assert magnitudes(log_mel(np.zeros(400), 40)).max() < 1e-5


def test_loud_frames_are_brought_below_1():
    loud = waveform(np.full((9, 40), 9.0))
    assert np.abs(loud).max() == pytest.approx(1)


def test_a_recording_is_as_loud_as_it_was_and_its_ends_do_not_click(recording):
    said = waveform(log_mel(recording, 40))
    assert np.abs(said[:20]).max() + np.abs(said[-20:]).max() < 0.01 * np.abs(said).max()
    loudness, wanted = (np.sqrt((x[STEP:-STEP] ** 2).mean()) for x in (said, recording))
    assert loudness == pytest.approx(wanted, rel=0.3)
