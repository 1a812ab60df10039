"""Noise in the place of the spoken digits, so that a run of say-digits takes a second."""

import numpy as np

from numpy_attention.tasks.sounds import say_digits, synthesis
from numpy_attention.tasks.sounds.words import SpokenWords


def use_small_speech(monkeypatch):
    """Two takes of ten digits by ada, bob, and rms, who is held out; the recogniser hears nothing."""
    digit, rng = np.tile(np.repeat(np.arange(10), 2), 3), np.random.default_rng(0)
    clips = tuple(rng.uniform(-0.5, 0.5, 800 + 80 * int(each)).astype(np.float32) for each in digit)
    speaker, take = np.repeat([0, 1, 2], 20), np.tile([0, 1], 30)
    spoken = SpokenWords(clips, digit, speaker, take, ("ada", "rms", "bob"))
    monkeypatch.setattr(say_digits, "read_spoken_digits", lambda: spoken)
    monkeypatch.setattr(synthesis, "heard_digits", lambda waveforms: [[] for _ in waveforms])
