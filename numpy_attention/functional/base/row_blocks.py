"""Formulas along the last axis, computed in blocks of rows that fit into the processor's cache.

A formula in NumPy is a chain of passes over the whole array, most of them into a temporary. For large arrays
each pass goes to memory and back, and each temporary is newly allocated; in blocks of rows both stay in the
cache. Rows are independent and every block is contiguous, so the block size does not change a bit.
"""

import math
from collections.abc import Callable

import numpy as np

from .admission import Array

BLOCK = 2**15
"""Entries of a block, 128 kB of float32: few enough for the cache, enough to hide Python's overhead."""


def by_rows(formula: Callable[..., tuple[Array, ...]], *arrays: Array) -> list[Array]:
    """formula(*arrays), computed on blocks of rows (n, width) of arrays that share all axes but the last."""
    batch, width = arrays[0].shape[:-1], arrays[0].shape[-1]
    count, length = math.prod(batch), max(1, BLOCK // max(width, 1))
    flat = [array.reshape(count, array.shape[-1]) for array in arrays]

    def formula_at(start: int) -> tuple[Array, ...]:
        return formula(*(np.ascontiguousarray(array[start : start + length]) for array in flat))

    results = formula_at(0)
    if count > length:
        first, results = results, tuple(np.empty((count, x.shape[1]), x.dtype) for x in results)
        _copy_into(results, first, 0)
        for start in range(length, count, length):
            _copy_into(results, formula_at(start), start)
    return [x.reshape(*batch, x.shape[1]) for x in results]


def _copy_into(results: tuple[Array, ...], block: tuple[Array, ...], start: int) -> None:
    for result, rows in zip(results, block, strict=True):
        result[start : start + len(rows)] = rows
