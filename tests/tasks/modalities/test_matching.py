"""Matches of sounds and pictures: what is drawn, the loss of the choice, and the choice in two steps."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.functional.layers.softmax import log_softmax
from numpy_attention.optim.trees import flatten, unflatten
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.modalities.matching import (
    FASTEST,
    PICTURES,
    Matching,
    drawn_classes,
    drawn_matches,
    two_steps,
)
from numpy_attention.tasks.sounds.utterances import BANDS, tokens
from numpy_attention.tasks.sounds.words import SpokenWords

RNG = np.random.default_rng(0)
TONES = 400 + 500 * np.arange(5)


def word(label, size):
    """A tone for each word and then the same for all, longer or shorter."""
    pitch = np.where(np.arange(size) < size // 2, TONES[label], 3300)
    return np.sin(2 * np.pi * pitch * np.arange(size) / 8000).astype(np.float32)


LABELS = np.repeat(np.arange(5), 3)
CLIPS = tuple(word(label, size) for label, size in zip(LABELS, [1900, 2300, 3100] * 5, strict=True))
WORDS = SpokenWords(CLIPS, LABELS, np.zeros(15, int), np.tile(np.arange(3), 5), ("ann",), tuple("abcde"))
PATTERNS = RNG.random((5, 8, 8))
DIGITS = Examples(
    np.clip(PATTERNS[LABELS] + RNG.normal(scale=0.02, size=(15, 8, 8)), 0, 1), LABELS.astype(float)
)
DRAWN = drawn_matches(np.random.default_rng(1), WORDS, DIGITS, 31)


def shown(examples):
    """The class of every picture."""
    distances = ((examples.images[:, :, None] - PATTERNS) ** 2).sum(axis=(-1, -2))
    return distances.argmin(axis=-1)


def test_four_different_classes_with_the_word_at_any_place():
    words = RNG.integers(5, size=501)
    classes = drawn_classes(np.random.default_rng(2), words, 5)
    assert classes.shape == (501, PICTURES)
    assert all(len(set(row)) == PICTURES for row in classes.tolist())
    places = (classes == words[:, None]).argmax(axis=1)
    assert (classes == words[:, None]).sum() == 501
    assert np.bincount(places).min() > 90
    others = np.bincount(classes[classes != words[:, None]])
    assert others.min() > 250


def test_the_answer_is_the_picture_of_the_word():
    assert (DRAWN.images.shape, DRAWN.size) == ((31, PICTURES, 8, 8), 31)
    labels = shown(DRAWN)
    np.testing.assert_array_equal(labels[np.arange(31), DRAWN.answers], WORDS.digit[DRAWN.clips])
    assert np.bincount(DRAWN.clips).tolist().count(2) == 14
    first = tokens(WORDS.clips[DRAWN.clips[0]])
    np.testing.assert_array_equal(DRAWN.sounds[0, : DRAWN.lengths[0]], first)
    assert not DRAWN.sounds[0, DRAWN.lengths[0] :].any()


def test_examples_of_training_are_changed():
    one, other = (
        drawn_matches(np.random.default_rng(seed), WORDS, DIGITS, 31, changed=True) for seed in (1, 3)
    )
    labels = shown(one)
    right = labels[np.arange(31), one.answers] == WORDS.digit[one.clips]
    assert right.mean() > 0.9  # distorted, but still the class
    assert not np.array_equal(one.images, other.images)
    images = {image.tobytes() for image in DIGITS.x}
    assert np.mean([image.tobytes() in images for image in one.images.reshape(-1, 64)]) < 0.2
    blank = ~one.sounds.reshape(31, -1, BANDS).any(axis=1)
    assert 0.1 < blank.mean() < 0.3
    longest = max(map(len, CLIPS)) * FASTEST / 320
    assert max(map(len, CLIPS)) / 320 < one.lengths.max() <= longest


def test_the_choice_in_two_steps():
    assert (two_steps(DRAWN, WORDS.clips, WORDS, DIGITS) == DRAWN.answers).all()
    said = [word((label + 1) % 5, 2000) for label in WORDS.digit]  # the next word instead
    choice = two_steps(DRAWN, tuple(said), WORDS, DIGITS)
    labels, wanted = shown(DRAWN), (WORDS.digit[DRAWN.clips] + 1) % 5
    there = (labels == wanted[:, None]).any(axis=1)
    assert 0 < there.sum() < 31
    np.testing.assert_array_equal(labels[np.arange(31), choice][there], wanted[there])


@pytest.fixture
def objective():
    return Matching(nn.SoundPictureMatcher(96, 13, 16, 16, 6, 2, 1, hidden=5))


def test_grey_values_become_numbers_around_the_mean(objective):
    images = np.stack([np.zeros((1, PICTURES, 8, 8)), np.ones((1, PICTURES, 8, 8))])
    black, white = (objective.patches_of(image)[0, 0, 5] for image in images)
    assert (set(black), set(white)) == ({-0.5}, {1.5})


def test_the_loss_and_its_gradient(objective):
    params = objective.init(np.random.default_rng(0))
    logits, _ = objective.forward(params, DRAWN)
    own = log_softmax(logits.astype(np.float64))[np.arange(31), DRAWN.answers]
    figures, outcome = objective.figures(params, DRAWN), objective.loss_and_gradients(params, DRAWN, 0)
    assert figures.loss == pytest.approx(-own.mean(), rel=1e-5)
    assert outcome.loss == pytest.approx(-own.mean(), rel=1e-5)
    assert figures.accuracy == outcome.right / outcome.targets == (logits.argmax(1) == DRAWN.answers).mean()
    assert set(flatten(outcome.d_params)) == set(flatten(params))
    step = {name: x - 1e-2 * flatten(outcome.d_params)[name] for name, x in flatten(params).items()}
    lower = sum(float((d**2).sum()) for d in flatten(outcome.d_params).values())
    after = objective.figures(unflatten(step), DRAWN).loss
    assert figures.loss - after == pytest.approx(1e-2 * lower, rel=0.2)
