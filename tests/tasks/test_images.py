"""The digits that ship with the package."""

import numpy as np

from numpy_attention.tasks.images import SIDE, TRAINING_DIGITS, read_digits


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
