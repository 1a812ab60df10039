"""The model that ships: its files, its size, its digest, and its loss."""

import hashlib
from pathlib import Path

import numpy as np

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.words import shipped
from numpy_attention.tasks.words.objectives import NextToken
from numpy_attention.tasks.words.word_task import WordFacts


def test_the_shipped_model_is_small_and_whole():
    model, params, vocabulary = shipped.shipped_model()
    arrays = flatten(params)
    assert {x.dtype for x in arrays.values()} == {np.dtype(np.float32)}
    assert sum(x.size for x in arrays.values()) <= 480_000
    assert sum(Path(file).stat().st_size for file in (shipped.WEIGHTS, shipped.FACTS)) < 1_000_000
    assert hashlib.sha256(shipped.WEIGHTS.read_bytes()).hexdigest() == shipped.DIGEST
    assert model.vocabulary == vocabulary.size


def test_the_shipped_model_has_its_loss_on_the_held_out_tenth():
    model, params, vocabulary = shipped.shipped_model()
    test = load(with_defaults({"task": "text"}), facts=WordFacts(vocabulary, None, None)).test
    figures = NextToken(model, vocabulary.lengths).figures(params, test.some(slice(0, None, 4)))
    assert round(figures.loss, 3) == 1.361  # 1.384 of all windows
