"""The perfect reasoner: exact where the recogniser is, and no better than it."""

from itertools import permutations

import numpy as np

from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.modalities.reasoner import BATCH, likeliest, reasoned, recognised
from numpy_attention.tasks.modalities.visual_questions import drawn_visual_questions

IMAGES = Examples(np.random.default_rng(1).uniform(0, 1, (30, 8, 8)), np.arange(30) % 10)
ASKED = drawn_visual_questions(np.random.default_rng(0), IMAGES, 60)


def test_a_reasoner_over_true_digits_answers_every_question():
    np.testing.assert_array_equal(reasoned(ASKED, ASKED.digits), ASKED.labels)
    wrong = (ASKED.digits + 1) % 10
    assert 0 < (reasoned(ASKED, wrong) == ASKED.labels).mean() < 0.6


def test_digits_are_read_by_the_nearest_image():
    np.testing.assert_array_equal(recognised(ASKED, IMAGES), ASKED.digits)
    shifted = Examples(IMAGES.x, (IMAGES.y + 3) % 10)
    np.testing.assert_array_equal(recognised(ASKED, shifted), (ASKED.digits + 3) % 10)


def test_what_is_least_is_the_sum_of_squares():
    """Images of one grey value each, where least distances would choose others."""
    rng = np.random.default_rng(2)
    shown, known = (Examples(rng.uniform(0, 1, (30, 1, 1)) * np.ones((8, 8)), IMAGES.y) for _ in range(2))
    questions = drawn_visual_questions(rng, shown, 60)
    squares = ((questions.cut_out[:, :, None] - known.x) ** 2).sum(axis=(-1, -2))
    costs = np.stack([squares[..., known.y == digit].min(axis=-1) for digit in range(10)], axis=-1)
    orders = np.array(list(permutations(range(10), 4)))
    wanted, other = (orders[x[:, range(4), orders].sum(axis=-1).argmin(axis=1)] for x in (costs, costs**0.5))
    assert (wanted != other).any()
    np.testing.assert_array_equal(recognised(questions, known), wanted)


def test_the_four_digits_differ_and_cost_least():
    costs = np.random.default_rng(0).uniform(size=(BATCH + 3, 4, 10))
    digits = likeliest(costs)
    assert all(len(set(row)) == 4 for row in digits.tolist())
    sums = [costs[2, range(4), row].sum() for row in permutations(range(10), 4)]
    assert costs[2, range(4), digits[2]].sum() == min(sums)
    assert len(digits) == BATCH + 3
