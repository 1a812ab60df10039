"""The operations of textbook solutions. Sums and means of rows keep their axis."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...functional.base.admission import Array

Function = Callable[..., Any]


def along_rows(x: Array) -> Array:
    """Σ along the last axis, which stays."""
    return np.asarray(x.sum(axis=-1, keepdims=True))


def transposed(x: Array) -> Array:
    """The last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def width_root(x: Array) -> float:
    """√D, D being the width of x."""
    return math.sqrt(x.shape[-1])


def hide(scores: Array, visible: Array) -> Array:
    """-inf where a key is hidden."""
    return np.where(visible, scores, -np.inf)


def not_later(scores: Array, offset: int) -> Array:
    """True where key s is not later than query l, which stands at position l + offset."""
    L, S = scores.shape
    return np.asarray(np.arange(S) <= np.arange(L)[:, None] + offset)


def split_heads(x: Array, heads: int) -> Array:
    """(L, C) -> (H, L, C / H): each head takes its own columns."""
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)


def join_heads(x: Array) -> Array:
    """(H, L, C / H) -> (L, C)."""
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def repeat_heads(key: Array, query: Array) -> Array:
    """(G, S, D) -> (H, S, D): query head h reads key head h // (H / G)."""
    return np.repeat(key, len(query) // len(key), axis=0)


def grouped(d_keys: Array, key: Array) -> Array:
    """(H, S, D) -> (G, H / G, S, D)."""
    return d_keys.reshape(len(key), -1, *d_keys.shape[1:])


def rotary_angles(positions: Array, x: Array) -> Array:
    """position * 10000^(-2i / D) for the pair i, (L, D / 2)."""
    return positions[:, None] * rates(x)


def rates(x: Array, power: float = 1.0) -> Array:
    """The angle of one position, for each pair."""
    width = x.shape[-1]
    return np.asarray(10000.0 ** (-power * np.arange(0, width, 2) / width))


def interleaved(even: Array, odd: Array) -> Array:
    """The entries in turn."""
    return np.asarray(np.stack([even, odd], axis=-1).reshape(len(even), -1))


def one_hot(targets: Array, logits: Array) -> Array:
    """1 in the target's column, 0 elsewhere; a row of 0 for a target of -1."""
    return np.asarray(np.arange(logits.shape[-1]) == targets[:, None], dtype=float)


def kept_rows(x: Array, targets: Array) -> Array:
    """The rows of counted targets; 0 in those of -1."""
    return np.where(targets[:, None] >= 0, x, 0.0)


def added_at(d_out: Array, indices: Array, rows: int) -> Array:
    """Each row of d_out added to the row that its index names."""
    table = np.zeros((rows, d_out.shape[-1]))
    np.add.at(table, indices, d_out)
    return table


def put_at(d_out: Array, indices: Array, rows: int) -> Array:
    """Each row of d_out put at its index, the last one last."""
    table = np.zeros((rows, d_out.shape[-1]))
    table[indices] = d_out
    return table


def softmax(x: Array) -> Array:
    """exp(x) / Σ exp(x) of each row."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / along_rows(powers))


FUNCTIONS: dict[str, Function] = {
    "*": np.multiply, "/": np.divide, "+": np.add, "-": np.subtract, "@": np.matmul, "**": np.power,
    "larger": np.maximum, "exp": np.exp, "root": np.sqrt, "log": np.log, "square": np.square, "cos": np.cos,
    "sin": np.sin,
    "rowsum": along_rows,
    "rowmean": lambda x: x.mean(axis=-1, keepdims=True),
    "rowmax": lambda x: x.max(axis=-1, keepdims=True),
    "colsum": lambda x: x.sum(axis=0),
    "one_minus": lambda x: 1 - x,
    "evens": lambda x: x[..., 0::2],
    "odds": lambda x: x[..., 1::2],
    "sum_groups": lambda d_keys, key: grouped(d_keys, key).sum(axis=1),
    "count": lambda targets, logits: max(int((targets >= 0).sum()), 1),
    **{function.__name__: function for function in (
        softmax, transposed, width_root, hide, not_later, split_heads, join_heads, repeat_heads,
        rotary_angles,
        interleaved, one_hot, kept_rows, added_at)},
}  # fmt: skip
"""Operators and functions by the name that programs call them by."""
