"""Small random rotations, stretches, slants and shifts, one of each per image.

    pixel p of the new image = the old image at A (p - centre) + centre + shift, interpolated linearly
    A = (1 + stretch) * rotation(angle) + slant

Used to augment the training images of digits.
"""

import math

import numpy as np

from ..functional.base.admission import Array

ANGLE, STRETCH, SLANT, SHIFT = 12.0, 0.1, 0.1, 0.5
"""Limits: degrees, shares, and pixels along each axis."""
EDGE = 2
"""Zero pixels added around an image."""


def distorted(rng: np.random.Generator, images: Array) -> Array:
    """images (N, side²), each with a random distortion of its own."""
    size, side = len(images), math.isqrt(images.shape[1])
    angle = np.deg2rad(rng.uniform(-ANGLE, ANGLE, size))
    stretch, slant = rng.uniform(-STRETCH, STRETCH, size), rng.uniform(-SLANT, SLANT, size)
    shift = rng.uniform(-SHIFT, SHIFT, (size, 1, 2))
    cos, sin = (1 + stretch) * np.cos(angle), (1 + stretch) * np.sin(angle)
    maps = np.stack([cos, slant - sin, sin, cos], axis=-1).reshape(size, 2, 2)
    return read_at(images, _around_the_centre(side) @ maps.swapaxes(1, 2) + shift)


def read_at(images: Array, places: Array) -> Array:
    """images (N, side²) at places (N, M, 2), row and column from the centre, interpolated linearly.

    Examples
    --------
    >>> image = np.arange(64.0)[None]
    >>> read_at(image, _around_the_centre(8)[None] + [0.0, 0.25])[0, :4]
    array([0.25, 1.25, 2.25, 3.25])
    """
    side = math.isqrt(images.shape[1])
    framed = np.pad(images.reshape(-1, side, side), ((0, 0), (EDGE, EDGE), (EDGE, EDGE)))
    at = np.clip(places + (side - 1) / 2 + EDGE, 0, side + 2 * EDGE - 1.001)
    low = np.floor(at).astype(int)
    row, column = np.moveaxis(low, -1, 0)
    down, right = np.moveaxis(at - low, -1, 0)
    image = np.arange(len(images))[:, None]
    above = (1 - right) * framed[image, row, column] + right * framed[image, row, column + 1]
    below = (1 - right) * framed[image, row + 1, column] + right * framed[image, row + 1, column + 1]
    return np.asarray((1 - down) * above + down * below)


def _around_the_centre(side: int) -> Array:
    """Row and column of every pixel, from the centre, (side², 2)."""
    line = np.arange(side) - (side - 1) / 2
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
