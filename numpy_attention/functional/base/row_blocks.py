"""Row by row: formulas along the last axis, worked out in blocks that the processor's cache holds.

A formula in NumPy is a chain of passes over all numbers, most of them into a temporary. Where arrays are
large, each pass goes to memory and back, and each temporary is memory that the system has yet to hand out; in
blocks of rows both stay in the cache. No row depends on another, and a block lies in memory as any other
does, so no bit depends on where the cuts are.
"""

import math
from collections.abc import Callable

import numpy as np

from .admission import Array

BLOCK = 2**15
"""Entries, 128 kB of float32: few enough for the cache, and enough that Python takes little of the time."""


def by_rows(formula: Callable[..., tuple[Array, ...]], *arrays: Array) -> list[Array]:
    """formula(*arrays), which takes rows (n, …) and gives new ones, a block of them at a time.

    The arrays have all axes but the last in common, and so have the results.
    """
    batch, width = arrays[0].shape[:-1], arrays[0].shape[-1]
    count, length = math.prod(batch), max(1, BLOCK // max(width, 1))
    flat = [array.reshape(count, array.shape[-1]) for array in arrays]

    def worked_out(start: int) -> tuple[Array, ...]:
        return formula(*(np.ascontiguousarray(array[start : start + length]) for array in flat))

    results = worked_out(0)
    if count > length:
        first, results = results, tuple(np.empty((count, x.shape[1]), x.dtype) for x in results)
        _put(first, results, 0)
        for start in range(length, count, length):
            _put(worked_out(start), results, start)
    return [x.reshape(*batch, x.shape[1]) for x in results]


def _put(parts: tuple[Array, ...], results: tuple[Array, ...], start: int) -> None:
    for part, result in zip(parts, results, strict=True):
        result[start : start + len(part)] = part
