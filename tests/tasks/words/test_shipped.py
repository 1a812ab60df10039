"""The model that ships: its files, its size, its digest, and its loss."""

import hashlib
from pathlib import Path

import numpy as np

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.words import shipped


def test_the_shipped_model_is_small_and_whole():
    model, params, vocabulary = shipped.shipped_model()
    arrays = flatten(params)
    assert {x.dtype for x in arrays.values()} == {np.dtype(np.float32)}
    assert sum(x.size for x in arrays.values()) <= 480_000
    assert sum(Path(file).stat().st_size for file in (shipped.WEIGHTS, shipped.FACTS)) < 1_000_000
    assert hashlib.sha256(shipped.WEIGHTS.read_bytes()).hexdigest() == shipped.DIGEST
    assert model.vocabulary == vocabulary.size
