"""Dropout: entries set to zero at random, the rest scaled up to keep the mean.

    out = x * multipliers,   multipliers = 0 with probability rate, else 1 / (1 - rate)

The multipliers are counter-based: entry n depends on the seed and n alone, so a tile, a thread or a second
run draws the same bits as the whole array.
"""

from __future__ import annotations  # np.random costs 15 ms on first access

import math

import numpy as np

from ..base.admission import Array, as_array, explained, real_number, whole_numbers
from ..base.arrays import whole_number

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15


BLOCK = 8192
"""Entries drawn at a time: in place and within the processor's cache, three times as fast."""


def _mix64(x: Array, shifted: Array) -> None:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014), in place: each bit affects every other."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        x ^= np.right_shift(x, np.uint64(shift), out=shifted)
        if factor > 1:
            x *= np.uint64(factor)


class Dropout:
    """The multipliers of any part of an array, drawn from (seed, position)."""

    def __init__(self, seed: int | np.random.Generator, rate: float) -> None:
        self.rate = real_number("rate", rate)
        if not 0 <= self.rate < 1:
            raise ValueError(f"rate is {rate}; a probability in [0, 1) is expected")
        if isinstance(seed, np.random.Generator):
            seed = int(seed.integers(2**63))
        shape = as_array("seed", seed, "one whole number or a Generator").shape
        if shape:
            raise TypeError(
                f"seed has shape {shape}; one whole number or a Generator is expected (to thin an "
                "array write x * na.dropout_multipliers(seed, rate, x.shape))"
            )
        self.seed = whole_number("seed", seed, least=0)

    def __repr__(self) -> str:
        return f"na.dropout(seed={self.seed}, rate={self.rate})"

    def tile(self, rows: slice, columns: slice, shape: tuple[int, ...]) -> Array:
        """The multipliers at [..., rows, columns] of an array of `shape`."""
        *batch, length, width = shape
        entries = np.arange(math.prod(batch), dtype=np.uint64).reshape(*batch, 1, 1)
        return self.tile_of_entries(entries, rows, columns, length, width)

    def tile_of_entries(self, entries: Array, rows: slice, columns: slice, length: int, width: int) -> Array:
        """Likewise for some batch entries (..., 1, 1), numbered through all batch axes."""
        row = entries * np.uint64(length) + np.arange(*rows.indices(length), dtype=np.uint64)[:, None]
        column = np.arange(*columns.indices(width), dtype=np.uint64)
        position = row * np.uint64(width) + column
        return self.fill(np.empty(position.shape), position.reshape(-1))

    def array(self, shape: tuple[int, ...]) -> Array:
        """All multipliers of an array of `shape`, in float64."""
        lengths = tuple(map(int, whole_numbers("shape", shape, least=0).reshape(-1)))
        return self.fill(np.empty(lengths))

    def fill(self, out: Array, position: Array | None = None) -> Array:
        """`out`, contiguous, with the multipliers at these positions; None: of an array of its shape."""
        flat, shifted = out.reshape(-1), np.empty(BLOCK, np.uint64)
        with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is the method
            key = np.array([self.seed % 2**64], dtype=np.uint64) + np.uint64(_GOLDEN_GAMMA)
            _mix64(key, shifted[:1])
            for first in range(0, out.size, BLOCK):
                own = slice(first, min(first + BLOCK, out.size))
                x = np.arange(first, own.stop, dtype=np.uint64) if position is None else position[own]
                x *= np.uint64(_GOLDEN_GAMMA)
                x += key
                _mix64(x, shifted[: x.size])
                _mix64(x, shifted[: x.size])
                kept = x >= np.uint64(self.rate * 2**64)
                np.multiply(kept, 1 / (1 - self.rate), out=flat[own])
        return out


@explained
def dropout(seed: int | np.random.Generator, rate: float) -> Dropout:
    """Dropout as a value for `attention(…, dropout=…)`.

    Parameters
    ----------
    seed : a whole number >= 0, or a Generator from which one is drawn, once.
        The same seed gives the same multipliers at every call: use a new one for each training step.
    rate : the probability that an entry is dropped, in [0, 1).

    Returns
    -------
    A Dropout; its array(shape) are the multipliers of an array of `shape`, in float64.

    Raises
    ------
    TypeError, ValueError
        For any other seed or rate.

    Examples
    --------
    >>> dropout(seed=5, rate=0.5).array((2, 4))
    array([[0., 0., 2., 0.],
           [2., 2., 2., 0.]])

    References
    ----------
    Srivastava et al. 2014, section 4; "inverted" (scaled while training), as in every framework.
    """
    return Dropout(seed, rate)


@explained
def dropout_multipliers(seed: int | np.random.Generator, rate: float, shape: tuple[int, ...]) -> Array:
    """The multipliers that `dropout(seed, rate)` applies to an array of `shape`: 0 or 1 / (1 - rate).

    Parameters
    ----------
    seed, rate : as in `dropout`.
    shape : whole numbers >= 0.

    Returns
    -------
    An array of `shape`, in float64.

    Raises
    ------
    TypeError, ValueError
        As in `dropout`, and for lengths that are negative or not whole.

    Examples
    --------
    >>> bool((dropout_multipliers(5, 0.5, (2, 4)) == dropout(5, 0.5).array((2, 4))).all())
    True
    """
    return Dropout(seed, rate).array(shape)
