"""The protocols of models, and that every task's model and its baselines have them."""

import numpy as np
import pytest

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import TASKS
from numpy_attention.tasks.classification.classification import Classification
from numpy_attention.tasks.classification.comparison import models_to_train
from numpy_attention.tasks.classification.models import DataSizes
from numpy_attention.training.settings import Settings

SIZES = DataSizes(tokens=3, input_dim=5, outputs=2)


@pytest.mark.parametrize("task", [name for name, task in TASKS.items() if isinstance(task, Classification)])
def test_every_model_has_the_protocol(task):
    settings = Settings(task=task, heads=2, hidden_dim=4)
    x = np.random.default_rng(0).normal(size=(7, SIZES.tokens, SIZES.input_dim))
    for model in models_to_train(TASKS[task], settings, SIZES).values():
        params = model.init(np.random.default_rng(0))
        logits, saved = model.forward(params, x, np.full(7, SIZES.tokens))
        assert logits.shape == (7, SIZES.outputs)
        d_x, d_params = model.backward(np.ones_like(logits), saved)
        assert d_x.shape == x.shape
        none, same = model.backward(np.ones_like(logits), saved, needs_d_x=False)
        assert none is None
        assert all(map(np.array_equal, flatten(same).values(), flatten(d_params).values()))
        assert {name: array.shape for name, array in flatten(d_params).items()} == flatten(model.shapes())
    learned = TASKS[task].model(settings, SIZES)
    assert list(learned.steps(5)) == ["extract features", "allocate attention", "predict"]
    assert learned.with_uniform_weights().name == "uniform weights"
