"""Template matching: where does a window of the canvas resemble a digit most? Without attention or training.

    score = Σ (window - its mean) (template - its mean) / (their norms)      normalised cross-correlation

A template is the mean of alike training images, eight of each class by k-means, at every side and place that
a digit may have. A class has the score and the ink's box of its best window. Lewis 1995.
"""

from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .canvas import CANVAS, GRID, SIDES, enlarged, ink_box
from .detection import Found, without_doubles

OF_CLASS, ROUNDS = 8, 10
"""Templates of each class, and rounds of k-means."""
LEAST_NORM = 1.0
"""Norm below which a window counts as empty, in full ink of one pixel."""
BATCH = 25
"""Canvases at once."""


class Templates(NamedTuple):
    """Images to look for."""

    images: Array
    """(M, H, W)"""
    y: Array
    """(M,) their classes"""


def centres(rng: np.random.Generator, rows: Array, count: int) -> Array:
    """The means (count, D) of the groups that k-means finds among rows (N, D), fewer for fewer rows."""
    means = rows[rng.permutation(len(rows))[:count]]
    for _ in range(ROUNDS):
        squares = (means**2).sum(axis=1) - 2 * rows @ means.T
        own = squares.argmin(axis=1)
        means = np.stack(
            [rows[own == k].mean(axis=0) if (own == k).any() else means[k] for k in range(len(means))]
        )
    return means


def templates_of(images: Array, y: Array, classes: int) -> Templates:
    """The templates of images (N, H, W) with their classes y (N,)."""
    rng, rows = np.random.default_rng(0), images.reshape(len(images), -1)
    found = [centres(rng, rows[y == label], OF_CLASS) for label in range(classes)]
    labels = np.repeat(np.arange(classes), [len(one) for one in found])
    return Templates(np.concatenate(found).reshape(-1, *images.shape[1:]), labels)


def best_windows(canvases: Array, templates: Templates, classes: int) -> Found:
    """The largest correlation (N, K) of each class on canvases (N, 32, 32), and its box."""
    scores, boxes = np.full((len(canvases), classes), -np.inf), np.zeros((len(canvases), classes, 4))
    rows = np.arange(len(canvases))
    for side in SIDES:
        drawn = [enlarged(image, side) for image in templates.images]
        flat = np.array(drawn).reshape(len(drawn), -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)  # 0 for an even template
        cut = np.lib.stride_tricks.sliding_window_view(canvases, (side, side), axis=(1, 2))[:, ::GRID, ::GRID]
        across = cut.shape[2]
        windows = cut.reshape(len(canvases), -1, side * side)
        norms = np.sqrt(side * side) * windows.std(axis=-1)
        found = windows @ flat.T / np.maximum(norms, LEAST_NORM)[..., None]  # (N, places, M)
        best, place = found.max(axis=1), found.argmax(axis=1)
        for template, label in enumerate(templates.y):
            better = best[:, template] > scores[:, label]
            down, right = GRID * np.stack(np.divmod(place[:, template], across))
            box = np.stack([right, down, right, down], axis=-1) + np.array(ink_box(drawn[template]))
            scores[:, label] = np.where(better, best[:, template], scores[:, label])
            boxes[rows[better], label] = box[better] / CANVAS
    return Found(scores, boxes)


def matched(images: Array, templates: Templates, classes: int) -> Found:
    """What template matching finds on canvases (N, 32, 32)."""
    parts = [
        best_windows(images[first : first + BATCH].astype(np.float32), templates, classes)
        for first in range(0, len(images), BATCH)
    ]
    return without_doubles(Found(*(np.concatenate(both) for both in zip(*parts, strict=True))))
