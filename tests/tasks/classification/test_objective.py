"""Classification as an objective: the outcome of a batch is that of its parts."""

import numpy as np
import pytest

from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.classification.evaluation import figures
from numpy_attention.tasks.classification.mixing import mix
from numpy_attention.tasks.classification.objective import Classifying

OBJECTIVE = Classifying(AttentionClassifier(3, 4, outputs=3))
PARAMS = OBJECTIVE.init(np.random.default_rng(0))


def examples():
    rng = np.random.default_rng(1)
    return Examples(rng.normal(size=(11, 5, 3)), rng.integers(3, size=11).astype(float))


def test_loss_and_accuracy_are_those_of_its_figures():
    outcome = OBJECTIVE.loss_and_gradients(PARAMS, examples())
    loss, accuracy = OBJECTIVE.figures(PARAMS, examples())
    assert (outcome.loss, outcome.targets) == (pytest.approx(loss), 11)
    assert outcome.right / 11 == accuracy
    logits, _ = OBJECTIVE.model.forward(PARAMS, examples().x)
    assert figures(logits, examples().y) == (pytest.approx(loss), accuracy)


@pytest.mark.parametrize("mixed", [False, True])
def test_the_gradient_is_the_slope_of_the_loss(mixed):
    batch = mix(np.random.default_rng(2), examples(), 0.4) if mixed else examples()
    _, d_params, _, _ = OBJECTIVE.loss_and_gradients(PARAMS, batch)
    weight = PARAMS["features"]["weight"]
    step = np.zeros_like(weight)
    step[2, 1] = 1e-6
    ends = [
        OBJECTIVE.loss_and_gradients({**PARAMS, "features": {**PARAMS["features"], "weight": x}}, batch).loss
        for x in (weight + step, weight - step)
    ]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(d_params["features"]["weight"][2, 1], rel=1e-7)
