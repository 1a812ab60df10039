"""Popularity and Markov chains by counting, beside the n-grams of texts."""

import numpy as np
import pytest

from numpy_attention.tasks.sessions.counts import counting_scores
from numpy_attention.tasks.sessions.ranking import Sessions
from numpy_attention.tasks.words.ngrams import ngram_probabilities


def test_probabilities_sum_to_one_where_nothing_is_known_too():
    train = Sessions(np.array([[0, 1, 2, 0]]), np.full((1, 3), True))
    unseen = Sessions(np.array([[4, 3, 4]]), np.full((1, 2), True))
    for order in (0, 1, 2):
        probabilities = np.exp(counting_scores(train, 5, order)(unseen))
        assert probabilities.shape == (2, 5)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        np.testing.assert_allclose(probabilities[0], [1.6 / 6, 1.6 / 6, 1.6 / 6, 0.6 / 6, 0.6 / 6])


@pytest.mark.parametrize("order", [0, 1, 2])
def test_they_are_the_interpolated_ngrams(order):
    rng = np.random.default_rng(order)
    ids, next_ids = rng.integers(5, size=211), rng.integers(5, size=13)
    judged = np.full((1, 210), True)
    judged[0, :1] = False  # so that every count has two items before it
    train = Sessions(ids[None], judged)
    rows = np.concatenate([ids[-2:], next_ids])
    test = Sessions(rows[None], np.arange(14)[None] >= 1)
    ours = counting_scores(train, 5, order)(test)[np.arange(13), next_ids]
    if order == 2:
        theirs = ngram_probabilities(ids, next_ids, 5, 3)[2]
        np.testing.assert_allclose(np.exp(ours), theirs, rtol=0.03)  # those count the first two items too
    before = [tuple(rows[place + 2 - order : place + 2]) for place in range(13)]
    places = range(2, 211)
    for context, item, value in zip(before, next_ids, np.exp(ours), strict=True):
        p = 1 / 5
        for n in range(order + 1):
            tail = context[order - n :]
            after = [ids[t] for t in places if tuple(ids[t - n : t]) == tail]
            if after:
                p = (after.count(item) + len(set(after)) * p) / (len(after) + len(set(after)))
        assert value == pytest.approx(p)
