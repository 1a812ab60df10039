"""An update in place, piece by piece, each of a size that the processor's cache holds.

An update reads and writes each number once, and does a dozen small operations on it. Array by array,
every one of these would carry all numbers to memory and back, most of them into a temporary as large as the
parameter. Piece by piece they stay in the cache. No entry depends on another, so no bit depends on where the
cuts are, or on how many threads share the pieces.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..functional.base.admission import Array
from ..functional.base.workers import run
from .settings import count
from .trees import Path, Tree, leaves, spoken
from .updates import admitted

Advance: TypeAlias = Callable[..., None]
"""(step, spare, param, grad, *moments): one step in place, all arrays of one shape and dtype.

`spare` is one array more of that kind, with anything in it.
"""

PIECE = 2**19
"""Bytes of each array: five take 2.6 MB, and threads seldom wait for Python's lock."""

UNIT = 2**20
"""Entries that a thread takes at a time, at most."""

WORTH_THREADS = 2**20
"""Entries, below which one thread is done before others have begun."""


class Part(NamedTuple):
    """A parameter with its gradient and its moments, of which the entries from start to stop are meant."""

    arrays: tuple[Array, ...]
    start: int
    stop: int


def advance_part(advance: Advance, step: int, part: Part, scratch: Callable[..., Array]) -> None:
    """One step of a part, piece by piece, in the dtype that is computed in."""
    dtype = part.arrays[-1].dtype.newbyteorder("=")  # a moment's
    length = PIECE // dtype.itemsize
    spare = scratch("spare " + dtype.char, (min(length, part.stop - part.start),), dtype)
    with np.errstate(all="ignore"):
        for piece in _pieces(part, dtype, length):
            advance(step, spare[: piece[0].size], *piece)


def _pieces(part: Part, dtype: np.dtype[Any], length: int) -> Iterator[Sequence[Array]]:
    """Views where all lie flat; else NumPy's iterator lines up any layout, and casts there and back."""
    arrays, start, stop = part
    if all(array.dtype == dtype and array.flags.c_contiguous for array in arrays):
        flat = [array.reshape(-1) for array in arrays]
        for begin in range(start, stop, length):
            yield [array[begin : min(begin + length, stop)] for array in flat]
        return
    entries = np.nditer(
        arrays,
        flags=["external_loop", "buffered", "ranged"],
        op_flags=[["readonly" if place == 1 else "readwrite"] for place in range(len(arrays))],
        op_dtypes=[dtype] * len(arrays),
        casting="same_kind",
        buffersize=length,
    )
    with entries:
        entries.iterrange = (start, stop)  # type: ignore[misc]
        yield from entries


def update_in_place(
    advance: Advance, params: Tree, grads: Tree, state: Tree, moments: tuple[str, ...], threads: int | None
) -> None:
    """The parameters and the state changed to what they are after one step; all is admitted first."""
    threads = None if threads is None else count("threads", threads, least=1)
    step = admitted(params, grads, state, moments).step
    slopes, own, kept = leaves("grads", grads), _writable("params", params), _writable("state", state)
    steps = kept.pop(("step",))
    if steps.dtype != np.int64:
        raise TypeError(f"state['step'] has dtype {steps.dtype}; int64 is expected, as of an init")
    changed = {spoken("params", path): array for path, array in own.items()}
    changed |= {spoken("state", path): array for path, array in kept.items()} | {"state['step']": steps}
    read = {spoken("grads", path): np.asarray(grad) for path, grad in slopes.items()}
    _refuse_overlaps(changed, read)

    if threads is None:
        threads = _processors() if sum(param.size for param in own.values()) >= WORTH_THREADS else 1
    units = []
    for path, param in own.items():
        arrays = (param, np.asarray(slopes[path]), *(kept[(moment, *path)] for moment in moments))
        units += _units(arrays, threads)
    run(partial(advance_part, advance, step + 1), units, threads)
    steps += 1


def _units(arrays: tuple[Array, ...], threads: int) -> list[Part]:
    """A parameter cut for so many threads: the same number of parts for each, all of one length."""
    size = arrays[0].size
    rounds = max(1, math.ceil(size / (threads * UNIT)))
    length = max(1, UNIT // 8, math.ceil(size / (threads * rounds)))
    return [Part(arrays, start, min(start + length, size)) for start in range(0, size, length)]


def _processors() -> int:
    """How many this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not everywhere
    return len(allowed(0)) if allowed else os.cpu_count() or 1


# --------------------------------------------------------------------------------------- what comes in


def _writable(name: str, tree: Tree) -> dict[Path, Array]:
    """The arrays themselves, by their paths, once it is sure that they can be changed, and are worth it."""
    found, again = leaves(name, tree), leaves(name, tree)
    for path, leaf in found.items():
        told = spoken(name, path)
        if not isinstance(leaf, np.ndarray):
            raise TypeError(f"{told} is {type(leaf).__name__}; an array is expected, to be changed in place")
        if leaf is not again[path]:
            raise TypeError(f"{told} is made anew at each look; an array to be changed in place is expected")
        if not leaf.flags.writeable:
            raise ValueError(f"{told} is read-only; an array to be changed in place is expected")
        if _repeats(leaf):
            raise ValueError(f"{told} holds one number in several places; it cannot be changed in place")
    return {path: leaf.view(np.ndarray) for path, leaf in found.items()}


def _repeats(array: Array) -> bool:
    """Whether an axis steps by less than the axes inside it reach."""
    reach = 0
    for stride, length in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if length > 1 and array.size:
            if stride < reach + array.itemsize:
                return True
            reach += stride * (length - 1)
    return False


def _refuse_overlaps(changed: Mapping[str, Array], read: Mapping[str, Array]) -> None:
    """No two of the arrays may share memory, unless both are only read."""
    arrays = [(name, array) for name, array in (*changed.items(), *read.items()) if array.size]
    bounded = sorted((*byte_bounds(array), place) for place, (_, array) in enumerate(arrays))
    open_: list[tuple[int, int]] = []
    for low, high, place in bounded:
        name, array = arrays[place]
        open_ = [(end, other) for end, other in open_ if end > low]
        for _, other in open_:
            first, second = sorted((place, other))
            if first < len(changed) and np.shares_memory(array, arrays[other][1]):
                raise ValueError(
                    f"{arrays[first][0]} and {arrays[second][0]} share memory; "
                    "what is changed in place must stand alone"
                )
        open_.append((high, place))
