"""Interpolated n-grams: a hand example, and the definition written once more, symbol by symbol."""

from collections import Counter

import numpy as np
import pytest

from numpy_attention.tasks.words.ngrams import ngram_figures, ngram_probabilities
from numpy_attention.tasks.words.text import ALICE, read_text
from numpy_attention.tasks.words.vocabulary import Vocabulary


def test_a_hand_example():
    """After "abac": P_1(a) = (2 + 3/3) / (4 + 3), P_2(b | a) = (1 + 2 P_1(b)) / (2 + 2); "c" came last."""
    p_1, p_2 = ngram_probabilities(np.array([0, 1, 0, 2]), np.array([0, 1]), 3, 2)
    np.testing.assert_allclose(p_1, [3 / 7, 2 / 7])
    np.testing.assert_allclose(p_2, [3 / 7, (1 + 2 * 2 / 7) / 4])  # nothing came after "c"


def textbook(train, history, symbol, symbols):
    """P of a symbol by the definition, with dicts."""
    n = len(history)
    lower = 1 / symbols if n == 0 else None
    if lower is None:
        lower = textbook(train, history[1:], symbol, symbols)
    after = Counter(train[i] for i in range(n, len(train)) if tuple(train[i - n : i]) == history)
    total = sum(after.values()) + len(after)
    return (after[symbol] + len(after) * lower) / total if total else lower


def test_the_definition_once_more():
    ids = np.random.default_rng(0).integers(5, size=211)
    train, test = ids[:173], ids[173:]
    for n, found in enumerate(ngram_probabilities(train, test, 5, 4), 1):
        expected = [
            textbook(train.tolist(), tuple(ids[i - n + 1 : i].tolist()), ids[i], 5) for i in range(173, 211)
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 3])
def test_the_probabilities_of_all_symbols_add_up_to_one(order):
    train = np.random.default_rng(1).integers(7, size=97)
    each = [ngram_probabilities(train, np.array([symbol]), 7, order)[-1] for symbol in range(7)]
    np.testing.assert_allclose(sum(each), 1)


def test_the_known_figures_of_alice():
    text = read_text(ALICE)
    ids, end = Vocabulary.of_characters(text).encode(text), len(text) * 9 // 10
    figures = ngram_figures(ids[:end], ids[end:], len(set(text)), (3, 4, 5))
    losses = {name: round(one.loss, 2) for name, one in figures.items()}
    assert losses == {"3-gram": 1.87, "4-gram": 1.58, "5-gram": 1.53}
