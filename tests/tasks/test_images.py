"""The digits that ship with the package, images of files, windows."""

import numpy as np
import pytest

from numpy_attention.files import write_npz
from numpy_attention.tasks import with_defaults
from numpy_attention.tasks.images import (
    SIDE,
    TRAINING_DIGITS,
    image_parts,
    nearest,
    read_digits,
    read_images,
    windows,
)


def test_the_digits_are_those_of_the_source():
    images, labels = read_digits()
    assert images.shape == (1797, 64)
    assert (images.min(), images.max()) == (0, 16)
    np.testing.assert_array_equal(images, images.round())
    # Counts of the classes 0-9 as the source's own description (optdigits.names) gives them.
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    np.testing.assert_array_equal(np.bincount(labels.astype(int)), counts)


def test_both_parts_have_half_of_the_images():
    assert (TRAINING_DIGITS, len(read_digits()[0]) - TRAINING_DIGITS) == (898, 899)
    assert read_digits()[0].shape[1] == SIDE**2


def written(tmp_path, **arrays):
    given = {"x": np.ones((4, 5, 5)), "y": np.arange(4) % 2} | arrays
    write_npz(tmp_path / "a.npz", {name: array for name, array in given.items() if array is not None})
    return tmp_path / "a.npz"


def test_images_of_a_file_with_their_labels_and_classes(tmp_path):
    images, y, classes = read_images(written(tmp_path, y=np.array(["b", "a", "b", "b"])))
    assert images.shape == (4, 5, 5)
    assert (y.tolist(), classes) == ([1, 0, 1, 1], ("a", "b"))


@pytest.mark.parametrize(
    "arrays, told",
    [
        (
            dict(x=np.ones((4, 5, 6))),
            "x has images of 5 x 6; square ones, their side from 2 to 64, are expected",
        ),
        (dict(x=np.ones((4, 65, 65))), "x has images of 65 x 65; square ones"),
        (dict(x=-np.ones((4, 5, 5))), "x holds -1; grey values from 0, the background, are expected"),
        (dict(x=np.full((4, 5, 5), np.nan)), r"x\[0, 0, 0\] is missing"),
        (dict(lengths=np.ones(4, int)), "has an array 'lengths'; x and y are expected"),
        (dict(y=np.zeros(4)), "every y is 0; two classes or more are expected"),
        (dict(y=None), "has no array 'y'"),
    ],
)
def test_what_is_no_file_of_images_is_refused(tmp_path, arrays, told):
    with pytest.raises(ValueError, match=told):
        read_images(written(tmp_path, **arrays))


@pytest.mark.parametrize("largest", [255.0, 1e-300, 1e300])
def test_the_largest_grey_value_to_train_on_is_one(tmp_path, largest):
    file = written(tmp_path, x=np.linspace(0, 1, 100).reshape(4, 5, 5) * largest)
    train, test, _ = image_parts(with_defaults({"task": "draw-digit", "npz": str(file)}), 5)
    assert (train.x.max(), test.x.max() <= 1) == (1, True)
    both = np.concatenate([train.x, test.x])
    assert len(np.unique(both)) > 25


def test_blank_images_stay_blank(tmp_path):
    settings = with_defaults({"task": "draw-digit", "npz": str(written(tmp_path, x=np.zeros((4, 5, 5))))})
    assert not image_parts(settings, 5)[0].x.any()


def test_the_nearest_image_and_its_distance():
    places, distances = nearest(np.array([[[0, 0]], [[5, 4]]]), np.array([[[9, 9]], [[2, 0]]]))
    assert places.tolist() == [1, 1]
    np.testing.assert_allclose(distances, [2, 5])


def test_a_window_is_four_by_four_pixels_and_four_around_them():
    canvas = np.arange(32.0 * 32).reshape(1, 32, 32)
    cut = windows(canvas, 12, 4)[0].reshape(8, 8, 12, 12)
    np.testing.assert_array_equal(cut[2, 5], canvas[0, 4:16, 16:28])
    np.testing.assert_array_equal(cut[0, 0, 4:, 4:], canvas[0, :8, :8])
    assert not cut[0, 0, :4].any()
