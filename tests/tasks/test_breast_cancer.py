"""breast-cancer: the data, the held-out part, logistic regression on them, and the verdict on attention."""

from importlib import resources

import numpy as np
import pytest

from numpy_attention.nn.logistic import Logistic
from numpy_attention.tasks import load
from numpy_attention.tasks.breast_cancer import verdict
from numpy_attention.tasks.classification.evaluation import figures
from numpy_attention.tasks.classification.objective import Classifying
from numpy_attention.training.loop import train
from numpy_attention.training.settings import Settings


@pytest.fixture(scope="module")
def data():
    return load("breast-cancer")


def test_the_patients_are_those_of_the_source(data):
    x = np.concatenate([data.raw.train.x, data.raw.test.x])
    y = np.concatenate([data.raw.train.y, data.raw.test.y])
    assert x.shape == (569, 3, 10)
    assert (y == 1).sum() == 212  # malignant, as the source's own description (wdbc.names) gives it
    assert data.raw.classes == ("benign", "malignant")
    first = x[x[:, 0, 0] == 17.99]  # the first patient of the source, malignant
    np.testing.assert_array_equal(first[0, :, 0], [17.99, 1.095, 25.38])
    assert len(set(data.raw.columns)) == 30


def test_a_fifth_of_each_class_is_held_out(data):
    assert [int((data.test.y == label).sum()) for label in (0, 1)] == [71, 42]  # of 357 and 212
    other = load("breast-cancer", seed=1)
    assert not np.array_equal(other.test.x, data.test.x)


def test_each_measurement_has_its_own_statistics(data):
    assert data.normalisation.mean.shape == (3, 10)
    np.testing.assert_allclose(data.train.x.mean(axis=0), 0, atol=1e-12)


def test_the_attribution_travels_with_the_data():
    told = (resources.files("numpy_attention.tasks") / "data" / "README.md").read_text()
    assert all(word in told for word in ("Street", "Wolberg", "Mangasarian", "10.24432/C5DW2B"))


def test_the_verdict_follows_the_figures():
    flat, error = verdict(0.95, 0.94, 0.97, 113, 0.02)[0], verdict(0.95, 0.94, 0.97, 113, 0.02)[1]
    assert flat.startswith("Attention is not needed here: 0.950 with it, 0.940 with uniform weights, 0.970")
    assert "0.021" in error  # √(0.95 * 0.05 / 113)
    assert "nearly flat: its focus is 0.020" in verdict(0.95, 0.94, 0.97, 113, 0.02)[2]
    needed = verdict(0.97, 0.80, 0.75, 113, 0.6)
    assert needed[0].startswith("Attention helps here")
    assert "not flat" in needed[2]
    assert verdict(0.95, 0.94, 0.90, 113, 0.6)[0].startswith("Attention is not needed")


def test_logistic_regression_reaches_93_percent(data):
    model = Logistic(3, 10)
    *_, last = train(Classifying(model), data.train, Settings(epochs=30, lr=0.01))
    assert figures(model.forward(last.params, data.test.x)[0], data.test.y).accuracy > 0.93
