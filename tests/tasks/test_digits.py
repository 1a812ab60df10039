"""digits: patches, shifts, baselines, and what the report shows."""

import numpy as np
import pytest

from numpy_attention.files import write_npz
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.digits import DIGITS, baselines, confusions, patches, whole
from numpy_attention.tasks.images import read_digits
from numpy_attention.tasks.run_data import from_sequences
from numpy_attention.training.run import run_epochs, start_run


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
    assert confusions(np.array([8, 8, 3, 3, 8, 1, 7]), y, "0123456789") == [
        "Most often wrong: 3 read as 8 (2), 1 read as 7 (1), 8 read as 3 (1)"
    ]
    assert confusions(y, y, "0123456789") == ["Most often wrong: nothing"]


@pytest.fixture
def own(tmp_path):
    """own(side): settings of a small run of images with that side, of classes a, b and c."""

    def own(side=6, classes=("a", "b", "c")):
        y = np.array(classes)[np.arange(30) % len(classes)]
        x = np.random.default_rng(3).integers(0, 256, (30, side, side)).astype(np.uint8)
        write_npz(tmp_path / "own.npz", {"x": x, "y": y})
        sizes = dict(epochs=1, hidden_dim=4, heads=2, batch_size=8)
        return with_defaults({"task": "digits", "npz": str(tmp_path / "own.npz"), **sizes})

    return own


def test_images_of_your_own_are_cut_split_and_shown(own):
    settings = own()
    data = load(settings)
    assert data.train.x.shape == (24, 9, 4)
    assert data.raw.classes == ("a", "b", "c")
    *_, run = run_epochs(start_run(DIGITS, settings, data), data)
    rows = DIGITS.held_out(run, data)
    assert list(rows)[:2] == ["vision transformer", "uniform weights"]
    lines = DIGITS.held_out_lines(run, data, rows)
    assert sum("reaches the mean" in line for line in lines) == 1
    sheet = DIGITS.sheet(run, data)
    assert sheet.images.shape == (6, 6, 6)
    np.testing.assert_array_equal(sheet.images[0], whole(data.raw.test.x)[data.test.y == 0][0].reshape(6, 6))
    np.testing.assert_allclose(sheet.heat.sum(axis=(1, 2)), 1)
    assert "own.npz, patches of 2 x 2; which is it of a, b, c?" in DIGITS.step_lines(run, data)[0]


def test_two_classes_have_one_logit_and_are_mixed_too(own):
    settings = own(classes=("cat", "dog"))
    data = load(settings)
    *_, run = run_epochs(start_run(DIGITS, settings, data), data)
    assert "linear: 4 -> one logit" in " ".join(DIGITS.step_lines(run, data))
    assert DIGITS.held_out_lines(run, data, DIGITS.held_out(run, data))[-1].startswith("Most often wrong: ")


def test_new_images_have_the_size_of_the_run(own, tmp_path):
    settings = own()
    run = start_run(DIGITS, settings, load(settings))
    write_npz(tmp_path / "new.npz", {"x": np.arange(72.0).reshape(2, 6, 6)})
    new = from_sequences(run, tmp_path / "new.npz", labelled=False)
    np.testing.assert_array_equal(whole(new.x).ravel(), np.arange(72))
    write_npz(tmp_path / "new.npz", {"x": -np.arange(72.0).reshape(2, 6, 6)})
    with pytest.raises(ValueError, match="x holds -71; grey values from 0, the background, are expected"):
        from_sequences(run, tmp_path / "new.npz", labelled=False)
    write_npz(tmp_path / "new.npz", {"x": np.ones((2, 9, 4))})
    with pytest.raises(
        ValueError, match="x has images of 9 x 4; images of 6 x 6, as the run has, are expected"
    ):
        from_sequences(run, tmp_path / "new.npz", labelled=False)


@pytest.mark.parametrize(
    "side, classes, told",
    [
        (7, ("a", "b"), "x has images of 7 x 7; square ones, their side a multiple of 2, at most 64, are"),
        (6, ("a",), "every y is a; two classes or more are expected"),
    ],
)
def test_other_images_are_refused(own, side, classes, told):
    with pytest.raises(ValueError, match=told):
        load(own(side, classes))
