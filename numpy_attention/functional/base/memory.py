"""Memory used again: the first write to new memory costs ten times as much as a later one.

The system hands out memory in pages of 4 KiB, each filled with zeros when it is first touched, and gets large
pieces back as soon as they are freed. So what large arrays leave behind is kept for the next ones.
"""

import math
from typing import Any

import numpy as np

from .admission import Array

SPARE_BYTES = 2**27
"""Most bytes kept that no array uses."""

LEAST, MOST = 2**18, 2**23
"""Bytes of arrays whose memory is used again: the allocator keeps smaller pieces itself, and the system gives
larger ones large pages."""


class Spare:
    """Memory given back, for the next call.

    Each step is one operation of a dict, so that no lock is needed, which an interrupt or a fork might leave
    locked, and which the garbage collector, which gives memory back at any moment, would wait for in vain.
    """

    def __init__(self) -> None:
        self.arrays: dict[int, Array] = {}

    def take(self, size: int) -> Array | None:
        """An array of `size` bytes and at most a quarter more; None, nothing being kept, if there is none."""
        for key, array in self.arrays.copy().items():
            if size <= array.size <= size + size // 4 and self.arrays.pop(key, None) is not None:
                return array
        try:
            return np.empty(size, np.uint8)
        except MemoryError:
            self.arrays.clear()
            return None

    def give(self, arrays: list[Array], most: int = SPARE_BYTES) -> None:
        """Keep the memory of arrays that nobody uses any more, the latest, up to `most` bytes together.

        Of a part of an array that `take` returned, the whole: no memory is kept twice, or counted in part.
        """
        if not arrays:
            return
        whole = (array if array.base is None else array.base for array in arrays)
        self.arrays.update((id(array), array) for array in whole)
        held = self.arrays.copy()
        excess = sum(map(len, held.values())) - most
        for key, array in held.items():
            if excess > 0:
                self.arrays.pop(key, None)
                excess -= array.size


SPARE = Spare()


class _Loan:
    """What an array and its views have as base: when all of them are gone, the memory is given back."""

    memory: Array | None = None
    """None where an interrupt came before there was an array"""

    def __init__(self, memory: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.memory = memory
        self.__array_interface__ = {**memory.__array_interface__, "shape": shape, "typestr": dtype.str}

    def __reduce__(self) -> Any:
        raise TypeError(f"x is {type(self).__name__}, the base of an array; the array itself is expected")

    def __del__(self, spare: Spare = SPARE) -> None:
        if self.memory is not None:
            spare.give([self.memory])


def new_array(shape: tuple[int, ...], dtype: Any) -> Array:
    """`np.empty`, from spare memory if the array is large."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if not LEAST <= size <= MOST or (memory := SPARE.take(size)) is None:
        return np.empty(shape, dtype)
    return np.asarray(_Loan(memory, shape, dtype))


def contiguous(x: Array) -> Array:
    """x itself where it is contiguous, else a copy."""
    return x if x.flags.c_contiguous else copied(x)


def copied(x: Array) -> Array:
    """A contiguous copy."""
    out = new_array(x.shape, x.dtype)
    np.copyto(out, x)
    return out


def added(x: Array, y: Array) -> Array:
    """x + y."""
    alike = x.shape == y.shape and x.dtype == y.dtype
    return np.asarray(np.add(x, y, out=new_array(x.shape, x.dtype) if alike else None))
