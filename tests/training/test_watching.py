"""Watching: every example once, in batches, with the weights of the model itself."""

import numpy as np

from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.classification.objective import Classifying
from numpy_attention.training import watching


def test_batches_have_the_weights_of_the_first_examples(monkeypatch):
    monkeypatch.setattr(watching, "EXAMPLES", 10)
    monkeypatch.setattr(watching, "BATCH", 5)
    rng, model = np.random.default_rng(67), AttentionClassifier(3, 5, 2)
    params, x = model.init(rng), rng.normal(size=(13, 7, 3))
    batches = list(watching.watched_batches(Classifying(model), params, Examples(x, np.zeros(13))))
    assert [[*batch] for batch in batches] == [[""]] * 2
    weights = np.concatenate([batch[""].weights[:, :, 0] for batch in batches])
    np.testing.assert_allclose(weights, model.forward(params, x)[1].maps["pooling"][:10, :, 0])
