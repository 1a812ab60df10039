"""The keys and values of the tokens so far, so that the next token computes only its own.

    attention of tokens t, t + 1, …  =  rows t, t + 1, … of one causal attention of all tokens

Every entry's newest key stands in the same slot. An entry with fewer tokens than others begins in a later
slot, `start`; the slots before it are hidden. So slot s holds the token of position s - start, and slots that
slide out make start smaller.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, explained, whole_numbers
from ..functional.base.arrays import whole_number
from ..functional.masks.builders import causal, real_keys, window
from ..functional.masks.mask import Mask
from .layer import admit_flags


class KVCache:
    """Keys and values of one attention layer: MultiHeadAttention.forward(…, cache=cache) appends to it.

    Parameters
    ----------
    capacity : the most keys that a query sees, its own included
    sliding : True to forget the oldest keys beyond that; False: more tokens are refused

    Memory is taken at the first append, for `capacity` tokens, twice as many if sliding.

    Examples
    --------
    >>> cache = KVCache(capacity=3, sliding=True)
    >>> for token in range(5):
    ...     k, v, positions = cache.append(np.full((1, 1, 1, 2), token * 1.0), np.ones((1, 1, 1, 2)))
    >>> k[0, 0, :, 0], positions, cache.lengths
    (array([2., 3., 4.]), array([2, 3, 4]), array([5]))
    """

    @explained
    def __init__(self, capacity: int, *, sliding: bool = False) -> None:
        self.capacity = whole_number("capacity", capacity, 1)
        admit_flags(sliding=sliding)
        self.sliding = sliding
        self.filled = 0
        """Slots in use"""
        self.start: int | Array = 0
        """The slot of position 0: one number, or one for each entry (B,)"""
        self._oldest: Array = np.array(0)
        """The position, of each entry, before which keys have slid out"""
        self._held: tuple[Array, Array] | None = None
        """Keys and values (B, G, slots, D)"""
        self.memory = MemoryCache()
        """Those of an encoder's output, in a decoder's layer"""

    def __repr__(self) -> str:
        sliding = ", sliding=True" if self.sliding else ""
        return f"KVCache({self.capacity}{sliding}): {self.lengths.tolist()} tokens"

    @property
    def lengths(self) -> Array:
        """The number of tokens that came so far, of each entry (B,)."""
        entries = 0 if self._held is None else len(self._held[0])
        return np.broadcast_to(self.filled - np.asarray(self.start), (entries,)).copy()

    def upcoming(self, length: int) -> Array:
        """The positions of the next tokens: (length,), or (B, length) where entries differ in length."""
        return self._positions(self.filled, self.filled + length)

    def _positions(self, first: int, end: int) -> Array:
        if isinstance(self.start, int):
            return np.arange(first - self.start, end - self.start)
        return np.arange(first, end) - self.start[:, None]

    def _first(self) -> int:
        """The first slot that the next token sees."""
        return max(0, self.filled - self.capacity + 1) if self.sliding else 0

    def check(self, length: int) -> None:
        """ValueError if `length` more tokens are too many."""
        if not self.sliding and self.filled + length > self.capacity:
            held = f" {self.filled} tokens and" if self.filled else ""
            raise ValueError(
                f"cache has capacity {self.capacity}; at least {self.filled + length} is expected, for{held} "
                f"{length} more"
            )

    def mask(self, length: int) -> Mask | None:
        """What the next tokens see of the keys that `append` will return; None for everything."""
        first = self._first()
        keys = self.filled - first + length
        seen: Mask | None = None
        if length > 1:
            seen = causal(offset=keys - length)
            if self.sliding and keys > self.capacity:
                seen = window(self.capacity - 1, 0, offset=keys - length)
        if not isinstance(self.start, int) and (self.start > first).any():
            real = real_keys(np.arange(first, first + keys) >= self.start[:, None])
            seen = real if seen is None else seen & real
        return seen

    def append(self, key: Array, value: Array) -> tuple[Array, Array, Array]:
        """Append keys and values (B, G, L, D); those that the new tokens see, views, and their positions."""
        length = key.shape[-2]
        self.check(length)
        keys, values = self._room(key, value, length)
        first, end = self._first(), self.filled + length
        keys[:, :, self.filled : end] = key
        values[:, :, self.filled : end] = value
        self.filled = end
        return keys[:, :, first:end], values[:, :, first:end], self._positions(first, end)

    def _room(self, key: Array, value: Array, length: int) -> tuple[Array, Array]:
        """Keys and values, with free slots for `length` tokens."""
        if self._held is None:
            if key.ndim != 4:
                raise ValueError(f"key has shape {key.shape}; (B, heads, length, columns) is expected")
            slots = max(2 * self.capacity, self.capacity - 1 + length) if self.sliding else self.capacity
            self._held = _empty(key, slots), _empty(value, slots)
        keys, values = self._held
        _check_like("key", key, keys)
        _check_like("value", value, values)
        if self.filled + length > keys.shape[2]:
            self._held = keys, values = self._slid(keys, length), self._slid(values, length)
            first = self._first()
            self.filled, self.start = self.filled - first, self.start - first
            self._oldest = np.maximum(self._oldest, -np.asarray(self.start))
        return keys, values

    def _slid(self, x: Array, length: int) -> Array:
        """x with what the next tokens see at the front, in a larger array if there are too few slots."""
        kept = x[:, :, self._first() : self.filled]
        needed = kept.shape[2] + length
        new = x if needed <= x.shape[2] else _empty(x, needed)
        new[:, :, : kept.shape[2]] = kept
        return new

    @explained
    def trim(self, lengths: npt.ArrayLike) -> None:
        """Forget the last tokens, so that each entry has the given length; what follows comes after it.

        Parameters
        ----------
        lengths : whole numbers (B,) or one, at most `self.lengths`. Prompts of different lengths, padded to
            one length after their ends, go in together, and then trim(their lengths) forgets the padding.

        Raises
        ------
        ValueError
            For a length above the present one, or one whose earlier keys have slid out.
        """
        alike = type(lengths) is int and type(self.start) is int and not self.sliding
        if alike and 0 <= lengths <= self.filled - self.start:  # type: ignore[operator]
            self.filled = lengths + self.start  # type: ignore[assignment,operator]
            return  # the common case
        kept, own = self._admit_lengths(lengths), self.lengths
        if self._held is None:
            return
        missing = np.maximum(0, kept - self.capacity + 1) < self._oldest
        if missing.any():
            raise ValueError(
                f"lengths holds {kept[missing][0]}; one whose earlier keys have not slid out is expected"
            )
        moved = (own - kept) - (own - kept).min()  # slots to the right, so that all entries end in one slot
        self.filled -= int((own - kept).min())
        if moved.any():
            source = np.maximum(np.arange(self.filled) - moved[:, None], 0)[:, None, :, None]
            for x in self._held:
                x[:, :, : self.filled] = np.take_along_axis(x, source, axis=2)
        starts = np.broadcast_to(self.start, own.shape) + moved
        self.start = int(starts[0]) if (starts == starts[0]).all() else starts

    def _admit_lengths(self, lengths: npt.ArrayLike) -> Array:
        kept, own = whole_numbers("lengths", lengths, least=0), self.lengths
        if kept.shape not in ((), own.shape):
            raise ValueError(f"lengths has shape {kept.shape}; one for each entry, {own.shape}, is expected")
        kept = np.broadcast_to(kept, own.shape)
        if (kept > own).any():
            place = int(np.argmax(kept > own))
            raise ValueError(
                f"lengths holds {kept[place]}; at most {own[place]} is expected, the tokens of entry {place}"
            )
        return kept

    @explained
    def reorder(self, entries: npt.ArrayLike) -> None:
        """Entry i becomes a copy of what entry entries[i] was: after a step of beam search, the beams kept.

        Parameters
        ----------
        entries : whole numbers, each the number of a present entry; another count of them changes B

        Raises
        ------
        TypeError, ValueError
            For anything else.
        """
        rows, count = whole_numbers("entries", entries, least=0), len(self.lengths)
        if rows.ndim != 1 or not rows.size:
            raise ValueError(f"entries has shape {rows.shape}; one axis, an entry for each, is expected")
        if rows.max() >= count:
            raise ValueError(f"entries holds {rows.max()}; less than {count}, the entries, is expected")
        assert self._held is not None
        self._held = self._held[0][rows], self._held[1][rows]
        if not isinstance(self.start, int):
            self.start = self.start[rows]
        if self._oldest.ndim:
            self._oldest = self._oldest[rows]
        self.memory.reorder(rows, count)


def _empty(like: Array, slots: int) -> Array:
    """No numbers yet: zeros, so that what is hidden is finite."""
    return np.zeros((*like.shape[:2], slots, *like.shape[3:]), like.dtype)


def _check_like(name: str, new: Array, held: Array) -> None:
    expected = (*held.shape[:2], new.shape[-2], held.shape[3])
    if new.shape != expected:
        raise ValueError(f"{name} has shape {new.shape}; {expected}, as the cache holds, is expected")
    if new.dtype != held.dtype:
        raise TypeError(f"{name} has dtype {new.dtype}; {held.dtype}, as the cache holds, is expected")


class MemoryCache:
    """Keys and values of an encoder's output for one attention layer: projected once, not at every step.

    A memory that differs in any number from the last one is projected anew.
    """

    def __init__(self) -> None:
        self._memory: Array | None = None
        self._heads: tuple[Array, Array] | None = None

    def heads(self, memory: Array) -> tuple[Array, Array] | None:
        """Keys and values (B, G, S, D) of this memory (B, S, width); None if they are not held."""
        held = self._memory
        same = held is not None and held.dtype == memory.dtype and np.array_equal(held, memory)
        return self._heads if same else None

    def keep(self, memory: Array, key: Array, value: Array) -> None:
        """Hold keys and values for the next steps."""
        self._memory, self._heads = memory.copy(), (key, value)

    def reorder(self, entries: Array, count: int) -> None:
        """Entry i becomes what entry entries[i] was, of `count` entries; a memory that they share stays."""
        if self._memory is not None and self._heads is not None and self._memory.shape[:-2] == (count,):
            self._memory = self._memory[entries]
            self._heads = self._heads[0][entries], self._heads[1][entries]


class ModelCache:
    """A `KVCache` for each layer of a model, which are trimmed and reordered together.

    Parameters
    ----------
    layers : number of layers
    capacity, sliding : as in `KVCache`

    cache[i] is that of layer i. `model.cache()` makes one that fits a model.
    """

    def __init__(self, layers: int, capacity: int, *, sliding: bool = False) -> None:
        self.layers = [KVCache(capacity, sliding=sliding) for _ in range(whole_number("layers", layers, 1))]

    def __repr__(self) -> str:
        return f"ModelCache({len(self)} layers of {self[0]})"

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, layer: int) -> KVCache:
        return self.layers[layer]

    @property
    def lengths(self) -> Array:
        """The number of tokens that came so far, of each entry (B,)."""
        return self[0].lengths

    def trim(self, lengths: npt.ArrayLike) -> None:
        """`KVCache.trim` of every layer."""
        _each(self.layers, lambda cache: cache.trim(lengths))

    def reorder(self, entries: npt.ArrayLike) -> None:
        """`KVCache.reorder` of every layer."""
        _each(self.layers, lambda cache: cache.reorder(entries))


def _each(caches: Iterable[KVCache], change: Callable[[KVCache], Any]) -> None:
    for cache in caches:
        change(cache)


def admit_cache(cache: object, layers: int, length: int) -> ModelCache | None:
    """The cache of a model of so many layers, with room for `length` tokens; None stays None."""
    if cache is None:
        return None
    if not isinstance(cache, ModelCache):
        raise TypeError(f"cache is {type(cache).__name__}; a ModelCache is expected: write model.cache()")
    if len(cache) != layers:
        raise ValueError(f"cache is for {len(cache)} layers; {layers}, as the model has, are expected")
    cache[0].check(length)
    return cache
