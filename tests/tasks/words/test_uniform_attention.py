"""Uniform attention beside a translation: equal weights on the source before and after training."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import TASKS, with_defaults
from numpy_attention.tasks.words.examples import Pairs
from numpy_attention.tasks.words.translation import cross_attention
from numpy_attention.tasks.words.uniform_attention import UNIFORM, UniformTranslating
from numpy_attention.tasks.words.vocabulary import Vocabulary
from numpy_attention.tasks.words.word_task import WordFacts
from numpy_attention.training.loop import train
from numpy_attention.training.settings import Settings

MODEL = nn.Seq2Seq(7, 6, 3, 2, 6, target_vocabulary=5, positions="learned", dropout=0.1)
PAIRS = Pairs(
    np.array([[3, 4, 5], [4, 6, 0], [5, 0, 0], [6, 3, 3]]),
    np.array([3, 2, 1, 3]),
    np.array([[1, 3, 4, 2], [1, 4, 2, 0], [1, 3, 3, 2], [1, 2, 0, 0]]),
    np.array([4, 3, 4, 2]),
)


def test_weights_are_uniform_before_and_after_training():
    objective = UniformTranslating(MODEL)
    start = objective.init(np.random.default_rng(3))
    settings = Settings(epochs=2, batch_size=2, lr=0.02, optimizer="adamw", weight_decay=0.1)
    *_, last = train(objective, PAIRS, settings)
    for params in (start, last.params):
        weights = cross_attention(MODEL, params, PAIRS)
        real = np.arange(3) < PAIRS.source_lengths[:, None]
        expected = np.broadcast_to((real / real.sum(axis=1, keepdims=True))[:, None], weights.shape)
        np.testing.assert_allclose(weights, expected, rtol=1e-6)
    moved = [np.any(x != flatten(start)[name]) for name, x in flatten(last.params).items()]
    assert all(moved)


@pytest.mark.parametrize("name", ["dates", "numbers"])
def test_it_is_trained_beside_translations_and_is_otherwise_the_same_model(name):
    letters = Vocabulary.of_characters("abc", special=True)
    objectives = TASKS[name].objectives(with_defaults({"task": name}), WordFacts(letters, letters, None))
    assert [*objectives] == ["learned", UNIFORM]
    assert objectives[UNIFORM].model == objectives["learned"].model
