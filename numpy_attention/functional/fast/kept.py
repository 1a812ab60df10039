"""Exponentials that forward keeps for backward, which then needs no exponential and one product less."""

from threading import Lock
from typing import Any

import numpy as np

from ..base.admission import Array
from ..base.memory import SPARE
from .stack import RowBlock

KEEP = 2**25
"""Default of `keep`, in bytes. Above it, keeping exponentials takes as long as recomputing them."""

Place = tuple[int, int, int]


class Kept:
    """The tiles of exponentials of some blocks, in the order in which forward computed them.

    Only tiles whose rows are not shifted are kept: they are the ones that backward would compute, to the bit.
    The first backward takes them; another, and that of a copy, computes them again.
    """

    def __init__(self, limit: int = 0) -> None:
        self.lock = Lock()
        self.room = limit
        self.memory: dict[Place, list[Array]] = {}
        self.tiles: dict[Place, list[Array]] = {}

    def __repr__(self) -> str:
        held = sum(array.nbytes for tiles in self.tiles.values() for array in tiles)
        return f"Kept({held} bytes)"

    def __reduce__(self) -> Any:
        return Kept, ()

    def new_tile(self, block: RowBlock, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
        """Memory for the next tile of a block, if there is room for it."""
        size = int(np.prod(shape)) * dtype.itemsize
        with self.lock:
            if size > self.room:
                return None
            self.room -= size
        memory = SPARE.take(size)
        if memory is None:
            return None
        memory = memory[
            :size
        ]  # spare memory may be larger, and what is given back is what was taken of the room
        self.memory.setdefault(place(block), []).append(memory)
        return memory.view(dtype).reshape(shape)

    def give_back(self, block: RowBlock) -> None:
        """Keep nothing of a block."""
        memory = self.memory.pop(place(block), [])
        SPARE.give(memory)
        with self.lock:
            self.room += sum(array.size for array in memory)

    def take(self) -> tuple[dict[Place, list[Array]], list[Array]]:
        """The tiles of each block and their memory, which are then no longer kept."""
        own = ((key, self.tiles.pop(key, None)) for key in list(self.tiles))  # one of several callers gets it
        tiles = {key: of_block for key, of_block in own if of_block is not None}
        return tiles, [array for key in tiles for array in self.memory.pop(key, [])]


def place(block: RowBlock) -> Place:
    """The key of a block, unique in its partition."""
    return block.groups.start, block.members.start, block.rows.start
