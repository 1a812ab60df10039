"""Distorted images: exact at the pixels, interpolated between them."""

import numpy as np

from numpy_attention.tasks.distortion import distorted, read_at
from numpy_attention.tasks.images import read_digits


def places(row=0.0, column=0.0):
    """Row and column of every pixel, from the centre, shifted."""
    line = np.arange(8) - 3.5
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(1, 64, 2)
    return grid + [row, column]


def test_reading_at_the_pixels_gives_the_image_back():
    images = read_digits()[0][:3]
    np.testing.assert_allclose(read_at(images, np.repeat(places(), 3, axis=0)), images, rtol=1e-15)


def test_reading_between_pixels_interpolates():
    image = np.random.default_rng(83).uniform(size=(1, 8, 8))
    moved = read_at(image.reshape(1, 64), places(1.0, -0.25)).reshape(8, 8)
    left = np.pad(image[0], ((0, 1), (1, 0)))[1:, :-1]  # a row up, a column to the right; 0 comes in
    here = np.pad(image[0], ((0, 1), (0, 0)))[1:]
    np.testing.assert_allclose(moved, 0.75 * here + 0.25 * left, rtol=1e-12)


def test_a_quarter_turn():
    image = np.random.default_rng(89).uniform(size=(1, 64))
    turned = read_at(image, places() @ np.array([[0.0, 1.0], [-1.0, 0.0]]))
    np.testing.assert_allclose(turned.reshape(8, 8), np.rot90(image.reshape(8, 8), -1), rtol=1e-12)


def test_distortions_are_small_and_each_image_has_its_own():
    images = read_digits()[0][:100]
    one, other = (distorted(np.random.default_rng(seed), images) for seed in (0, 1))
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(images, one, strict=True)]
    assert 0.5 < min(correlation) < max(correlation) < 1
    assert (np.abs(one - other).max(axis=1) > 0).all()
    same = distorted(np.random.default_rng(0), np.repeat(images[:1], 5, axis=0))
    assert len({image.tobytes() for image in same}) == 5
