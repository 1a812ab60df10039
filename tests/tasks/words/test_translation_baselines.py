"""Translation without attention, on examples that a hand can follow."""

import numpy as np
import pytest

from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.words.examples import Pairs
from numpy_attention.tasks.words.translation_baselines import (
    baselines,
    exact_share,
    naive_bayes,
    nearest,
    trigrams,
)


def pairs(sources, targets):
    source, target = np.array(sources), np.array(targets)
    return Pairs(source, (source > 0).sum(axis=1), target, (target > 0).sum(axis=1))


KNOWN = pairs([[3, 4, 5], [6, 4, 0], [3, 3, 0]], [[1, 7, 2, 0], [1, 8, 9, 2], [1, 9, 2, 0]])


def test_a_source_is_the_set_of_its_trigrams():
    assert trigrams(KNOWN).sum(axis=1).tolist() == [5.0, 4.0, 4.0]
    assert trigrams(KNOWN)[1:].sum() == trigrams(KNOWN.some([1, 2])).sum()


def test_a_long_example_is_not_near_for_its_length():
    train, test = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], dtype=float), np.array([[1, 1, 0, 0]], dtype=float)
    assert nearest(train, test).tolist() == [1]


def test_the_nearest_example_shares_most():
    asked = pairs([[3, 4, 6], [6, 4, 4]], [[1, 2], [1, 2]])
    assert nearest(trigrams(KNOWN), trigrams(asked)).tolist() == [0, 1]


def test_naive_bayes_follows_the_trigram_that_decides():
    source = np.array([[3, 5], [3, 6], [4, 5], [4, 6]] * 4)
    targets = np.array([[7, 5, 2], [7, 6, 2], [8, 5, 2], [8, 6, 2]] * 4)
    known = trigrams(pairs(source, targets))
    np.testing.assert_array_equal(naive_bayes(known, targets, known, 3), targets)


def test_exact_share_counts_whole_targets():
    wanted = np.array([[7, 2, 0], [8, 9, 2]])
    assert exact_share(np.array([[7, 2, 5], [8, 9, 2]]), wanted) == 1.0
    assert exact_share(np.array([[7, 2, 5], [8, 9, 3]]), wanted) == 0.5


@pytest.mark.slow
def test_the_baselines_of_dates_have_their_known_accuracy():
    rows = baselines(with_defaults({"task": "dates"}), load("dates"))
    assert rows["nearest example"].accuracy == 0.0  # no held-out day is trained on
    assert 0.58 < rows["naive Bayes"].accuracy < 0.66
