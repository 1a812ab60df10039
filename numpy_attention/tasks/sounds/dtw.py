"""Dynamic time warping: how much two recordings differ, however fast each is spoken.

g[i, j] = min(g[i-1, j] + d[i, j],  g[i-1, j-1] + 2 d[i, j],  g[i, j-1] + d[i, j]),   g[0, 0] = 2 d[0, 0]

The distance is g of the last frames over the sum of both lengths. Sakoe & Chiba 1978, symmetric form, P = 0.
"""

from collections.abc import Sequence

import numpy as np

from ...functional.base.admission import Array


def frame_distances(one: Array, other: Array) -> Array:
    """Euclidean distances (..., M, N) between frames (..., M, B) and (N, B)."""
    squares = (one**2).sum(axis=-1)[..., None] + (other**2).sum(axis=-1) - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def accumulated(distances: Array) -> Array:
    """g (T, M, N) of frame distances d (T, M, N), one anti-diagonal i + j after the other.

    Examples
    --------
    >>> accumulated(np.array([[[1.0, 9.0], [1.0, 1.0]]]))
    array([[[ 2., 11.],
            [ 3.,  4.]]])
    """
    count, rows, columns = distances.shape
    d = np.full((rows + columns - 1, rows, count), np.inf, dtype=distances.dtype)  # by i + j, i, template
    for i, row in enumerate(distances.transpose(1, 2, 0)):
        d[i : i + columns, i] = row
    g = np.full((rows + columns + 1, rows + 1, count), np.inf, dtype=d.dtype)
    g[0, 0] = 0  # two diagonals before the first, and a row before it
    for diagonal, own in enumerate(d):
        before, last, this = g[diagonal : diagonal + 3]
        this[1:] = np.minimum(last[1:], last[:-1]) + own
        np.minimum(this[1:], before[:-1] + 2 * own, out=this[1:])
    return np.stack([g[i + 2 : i + 2 + columns, i + 1].T for i in range(rows)], axis=1)


def dtw_distances(frames: Array, templates: Sequence[Array]) -> Array:
    """The distance (T,) of frames (N, B) from each of T templates (M_t, B).

    Examples
    --------
    >>> slow, fast = np.array([[0.0], [0.0], [3.0]]), np.array([[0.0], [3.0]])
    >>> dtw_distances(fast, [slow, fast, fast + 1])
    array([0., 0., 1.])
    """
    lengths = np.array([len(template) for template in templates])
    padded = np.zeros((len(templates), lengths.max(), frames.shape[1]), dtype=frames.dtype)
    for row, template in zip(padded, templates, strict=True):
        row[: len(template)] = template
    g = accumulated(frame_distances(padded, frames))
    return np.asarray(g[np.arange(len(templates)), lengths - 1, -1] / (lengths + len(frames)))


def dtw_path(one: Array, other: Array) -> Array:
    """Pairs (P, 2) of frames of one (M, B) and other (N, B) that belong together, from the first to the last.

    Examples
    --------
    >>> dtw_path(np.array([[0.0], [3.0]]), np.array([[0.0], [0.0], [3.0]])).tolist()
    [[0, 0], [0, 1], [1, 2]]
    """
    d = frame_distances(one, other)
    g = accumulated(d[None])[0]
    i, j = len(one) - 1, len(other) - 1
    path = [(i, j)]
    while i or j:
        before = [(i - 1, j - 1, 2), (i - 1, j, 1), (i, j - 1, 1)]
        *_, (i, j) = min((g[a, b] + weight * d[i, j], (a, b)) for a, b, weight in before if a >= 0 <= b)
        path.append((i, j))
    return np.array(path[::-1])
