"""digits: patches, shifts, baselines, and what the report shows."""

import numpy as np
import pytest

from numpy_attention.tasks import load
from numpy_attention.tasks.digits import baselines, confusions, patches, whole
from numpy_attention.tasks.images import read_digits


@pytest.fixture(scope="module")
def data():
    return load("digits")


def test_the_first_898_train_and_the_rest_is_held_out(data):
    images, labels = read_digits()
    np.testing.assert_array_equal(whole(data.raw.train.x), images[:898])
    np.testing.assert_array_equal(whole(data.raw.test.x), images[898:])
    np.testing.assert_array_equal(np.concatenate([data.train.y, data.test.y]), labels)
    assert data.train.x.shape == (898, 16, 4)


def test_a_patch_is_two_by_two_pixels():
    image = np.arange(64.0).reshape(1, 64)
    tiles = patches(image)[0].reshape(4, 4, 2, 2)
    for row in range(8):
        for column in range(8):
            assert tiles[row // 2, column // 2, row % 2, column % 2] == 8 * row + column


def test_the_baselines_have_their_known_accuracy(data):
    rows = baselines(data.raw)
    assert rows["nearest neighbour"].accuracy == pytest.approx(0.961, abs=5e-4)
    assert rows["nearest centroid"].accuracy == pytest.approx(0.875, abs=5e-4)


def test_the_nearest_neighbour_is_that_of_the_definition(data):
    train, test = whole(data.raw.train.x), whole(data.raw.test.x)[:50]
    nearest = [np.argmin([((one - other) ** 2).sum() for other in train]) for one in test]
    some = data.raw._replace(test=data.raw.test.some(slice(50)))
    expected = (data.train.y[nearest] == data.test.y[:50]).mean()
    assert baselines(some)["nearest neighbour"].accuracy == expected


def test_confusions_are_counted():
    y = np.array([3, 3, 3, 8, 8, 1, 1])
    assert confusions(np.array([8, 8, 3, 3, 8, 1, 7]), y) == [
        "Most often wrong: 3 read as 8 (2), 1 read as 7 (1), 8 read as 3 (1)"
    ]
    assert confusions(y, y) == ["Most often wrong: nothing"]
