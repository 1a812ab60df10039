"""Formulas on rows or on single numbers, computed in blocks by several threads.

A formula in NumPy is a chain of passes over the whole array, most of them into a temporary. In blocks the
temporaries stay in the cache, and other threads compute other blocks. A block is contiguous and its size
follows from the shape alone: no bit depends on the layout or the number of threads. Large blocks are best,
since threads take turns to start a pass; small ones cost two threads more than they gain.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .admission import Array, compute_dtype
from .arrays import all_have, cotangent, gradient_like, whole_number
from .memory import new_array
from .workers import FRESH, Buffers, default_threads, run

BLOCK, LEAST, ALONE = 2**18, 2**15, 2**17
"""Entries of a block: a quarter of the array within the first two limits. One thread below the third."""

ALONE_IF_CHEAP = 2**20
"""One thread below so many entries, for a formula of two or three passes without an exponential."""


SMALL = 2**12
"""Entries of arrays that are one block, without anything around the formula."""


def admit_threads(threads: int | None) -> int:
    """The number of threads; for None, the number of processors that this process may use."""
    return default_threads() if threads is None else whole_number("threads", threads, 1)


def by_rows(
    formula: Callable[..., None],
    arrays: Sequence[Array],
    widths: Sequence[int],
    threads: int,
    alone: int = ALONE,
) -> list[Array]:
    """New arrays of these widths that formula(*rows, *rows of results, buffers) fills, block by block.

    `arrays` share all axes but the last. Blocks are contiguous, (n, width), float16 widened to float32. The
    results have the arrays' common dtype.
    """
    batch, width = arrays[0].shape[:-1], arrays[0].shape[-1] or 1
    count = math.prod(batch)
    dtype = arrays[0].dtype
    if dtype == np.float16 or not all_have(dtype, arrays):
        dtype = compute_dtype(*(array for array in arrays if array.dtype.kind in "fc"))
    if 0 < count * width <= min(SMALL, BLOCK):
        blocks = [_contiguous(x.reshape(count, x.shape[-1])) for x in arrays]
        results = [np.empty((count, each), dtype) for each in widths]
        formula(*blocks, *results, FRESH)
        return [result.reshape(*batch, result.shape[1]) for result in results]

    flat = [x.reshape(count, x.shape[-1]) for x in arrays]
    results = [new_array((count, each), dtype) for each in widths]
    length = max(1, min(max(count * width // 4, LEAST), BLOCK) // width)

    def compute(start: int, buffers: Buffers) -> None:
        rows = slice(start, start + length)
        blocks = (_contiguous(x[rows]) for x in flat)
        formula(*blocks, *(result[rows] for result in results), buffers)

    if threads == 1 or count * width < alone:
        run(compute, range(0, count, length), 1)
    else:
        run(np.errstate(all="ignore")(compute), range(0, count, length), threads)
    return [result.reshape(*batch, result.shape[1]) for result in results]


def _contiguous(x: Array) -> Array:
    """x, contiguous, float16 widened to float32."""
    return np.ascontiguousarray(x, np.float32 if x.dtype == np.float16 else None)


def by_elements(
    formula: Callable[..., None], *arrays: Array, results: int = 1, threads: int, alone: int = ALONE
) -> list[Array]:
    """New arrays that formula(*blocks, *blocks of results, buffers) fills, of arrays of one shape."""
    columns = [array.reshape(-1, 1) for array in arrays]
    return [x.reshape(arrays[0].shape) for x in by_rows(formula, columns, [1] * results, threads, alone)]


def elements_back(
    formula: Callable[..., None], d_out: Any, saved: Any, *arrays: Array, alone: int = ALONE
) -> Any:
    """d_x that formula(d_out, *arrays, d_x, buffers) fills, of an output in the shape of saved.x."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    (d_x,) = by_elements(formula, d_out, *arrays, threads=saved.threads, alone=alone)
    return gradient_like(d_x, saved.x, fresh=True)
