"""Images without attention: how often each grey value was seen, at a place or beside its neighbours.

    histogram    p(v | class, place)                  shorter contexts: place; nothing
    neighbours   p(v | above, left, above left)       above, left; above; nothing

A context is trusted by how seldom something new followed it (Witten and Bell 1991):
p = (count(v) + new * p of the shorter context) / (count + new), new the number of values that followed it.
"""

from collections.abc import Callable

import numpy as np

from ...functional.base.admission import Array

Contexts = tuple[Array, ...]
"""What is known of every pixel, whole numbers (N, H, W) each; contexts grow from the first to all of them."""


def histogram_contexts(grey: Array, y: Array) -> Contexts:
    """The place of every pixel, and the class of its image."""
    places = np.arange(grey[0].size).reshape(grey.shape[1:])
    return np.broadcast_to(places, grey.shape), np.broadcast_to(y[:, None, None], grey.shape)


def neighbour_contexts(grey: Array, y: Array) -> Contexts:
    """The pixels above, to the left, and above to the left; 0 outside the image."""
    framed = np.pad(grey, ((0, 0), (1, 0), (1, 0)))
    return framed[:, :-1, 1:], framed[:, 1:, :-1], framed[:, :-1, :-1]


CONTEXTS: dict[str, Callable[[Array, Array], Contexts]] = {
    "histogram of class and place": histogram_contexts,
    "three neighbours": neighbour_contexts,
}


def probabilities(seen: Contexts, values: Array, sought: Contexts, levels: int) -> Array:
    """p (N, H, W, levels) of each value in the contexts `sought`, from those `seen` and the values in them.

    Examples
    --------
    >>> seen, values = (np.array([[[0, 0, 0, 1]]]),), np.array([[[2, 2, 2, 0]]])
    >>> probabilities(seen, values, (np.array([[[0, 1, 5]]]),), levels=3).round(3)
    array([[[[0.069, 0.028, 0.903],
             [0.639, 0.056, 0.306],
             [0.278, 0.111, 0.611]]]])
    """
    p = np.full((*sought[0].shape, levels), 1 / levels)
    key, own = np.zeros(values.shape, dtype=np.int64), np.zeros(sought[0].shape, dtype=np.int64)
    for place in range(len(seen) + 1):
        if place:
            size = 1 + max(int(seen[place - 1].max()), int(sought[place - 1].max()))
            key, own = key * size + seen[place - 1], own * size + sought[place - 1]
        table = np.zeros((1 + max(int(key.max()), int(own.max())), levels))
        np.add.at(table, (key.ravel(), values.ravel()), 1)
        counts = table[own]
        new = (counts > 0).sum(axis=-1, keepdims=True)
        p = np.where(new > 0, (counts + new * p) / np.maximum(counts.sum(axis=-1, keepdims=True) + new, 1), p)
    return p
