"""Adam and AdamW in place, in pieces that fit the processor's cache, by several threads.

An update reads and writes each number once and does a dozen small operations on it. On whole arrays each
operation would move every number to memory and back, most of them into a temporary as large as the parameter;
in pieces they stay in the cache. Entries do not depend on each other, so no bit depends on the cuts or on the
number of threads.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..functional.base.admission import Array, explained
from ..functional.base.workers import run
from .adam import MOMENTS, PIECE, adam_equation
from .updates import Path, Tree, admit_step, count, leaves, number_for_each, path_text

Advance: TypeAlias = Callable[..., None]
"""(step, spare, param, grad, *moments, *numbers): one step in place. `spare` is scratch like the arrays."""

UNIT = 2**20
"""Most entries that a thread takes at a time."""

WORTH_THREADS = 2**20
"""Entries from which several threads pay off: below, one is done before the others have started."""


@explained
def adam_update(
    params: Tree,
    grads: Tree,
    state: Tree,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    eps_added: str = "after_correction",
    threads: int | None = None,
) -> None:
    """One step of Adam in place, for large parameters: `params` and `state` are changed.

    The bits are those of `adam_step`, in less time and without memory of a parameter's size.

    Parameters
    ----------
    params, state : as for `adam_step`; writeable arrays that share no memory with each other or with grads.
    grads, lr, betas, eps, eps_added : as for `adam_step`.
    threads : None takes all processors for 2^20 numbers or more, else one. No bit depends on it.

    Raises
    ------
    TypeError, ValueError
        Before anything is changed: as `adam_step` does, and for arrays that cannot be changed in place.

    Examples
    --------
    >>> from numpy_attention.optim.adam import adam_init
    >>> params = {"weight": np.array([1.0, 1.0])}
    >>> state = adam_init(params)
    >>> adam_update(params, {"weight": np.array([0.3, -20.0])}, state, lr=0.1)
    >>> params, state["step"]
    ({'weight': array([0.9, 1.1])}, array(1))
    """
    advance = adam_equation(lr, betas, eps, eps_added)
    update_in_place(advance, params, grads, state, MOMENTS, threads, weight_decay=0)


@explained
def adamw_update(
    params: Tree,
    grads: Tree,
    state: Tree,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float | Tree = 0.01,
    eps_added: str = "after_correction",
    threads: int | None = None,
) -> None:
    """One step of AdamW in place: `adam_update` with the weight_decay of `adamw_step`, and its bits.

    Examples
    --------
    >>> from numpy_attention.optim.adam import adamw_init
    >>> params = {"weight": np.array([1.0, -1.0])}
    >>> grads = {"weight": np.array([0.0, 5.0])}
    >>> adamw_update(params, grads, adamw_init(params), lr=0.1, weight_decay=0.5)
    >>> params
    {'weight': array([ 0.95, -1.05])}
    """
    advance = adam_equation(lr, betas, eps, eps_added)
    update_in_place(advance, params, grads, state, MOMENTS, threads, weight_decay=weight_decay)


class ParameterSlice(NamedTuple):
    """Entries start to stop of a parameter, its gradient and its moments, and the parameter's numbers."""

    arrays: tuple[Array, ...]
    start: int
    stop: int
    numbers: tuple[float, ...] = ()


def advance_part(advance: Advance, step: int, part: ParameterSlice, scratch: Callable[..., Array]) -> None:
    """One step of a part, piece by piece, in the dtype computed in."""
    dtype = part.arrays[-1].dtype.newbyteorder("=")  # a moment's
    length = PIECE // dtype.itemsize
    spare = scratch("spare " + dtype.char, (min(length, part.stop - part.start),), dtype)
    with np.errstate(all="ignore"):
        for piece in _pieces(part, dtype, length):
            advance(step, spare[: piece[0].size], *piece, *part.numbers)


def _pieces(part: ParameterSlice, dtype: np.dtype[Any], length: int) -> Iterator[Sequence[Array]]:
    """Flat views of contiguous arrays; for other layouts and dtypes NumPy's iterator copies both ways."""
    arrays, start, stop, _ = part
    if all(array.dtype == dtype and array.flags.c_contiguous for array in arrays):
        flat = [array.reshape(-1) for array in arrays]
        for begin in range(start, stop, length):
            yield [array[begin : min(begin + length, stop)] for array in flat]
        return
    entries = np.nditer(
        arrays,
        # Buffers filled before the range is set would be written back over another thread's entries.
        flags=["external_loop", "buffered", "ranged", "delay_bufalloc"],
        op_flags=[["readonly" if place == 1 else "readwrite"] for place in range(len(arrays))],
        op_dtypes=[dtype] * len(arrays),
        casting="same_kind",
        buffersize=length,
    )
    with entries:
        entries.iterrange = (start, stop)  # type: ignore[misc]
        yield from entries


def update_in_place(
    advance: Advance, params: Tree, grads: Tree, state: Tree, moments: tuple[str, ...], threads: int | None,
    **settings: Any,
) -> None:  # fmt: skip
    """Take one step in place, settings as in `apply_update`. Everything is validated before any change."""
    numbers = [number_for_each(name, x, params) for name, x in settings.items()]
    threads = None if threads is None else count("threads", threads, least=1)
    step = admit_step(params, grads, state, moments)[2]
    gradients, own, kept = leaves("grads", grads), _writeable("params", params), _writeable("state", state)
    steps = kept.pop(("step",))
    if steps.dtype != np.int64:
        raise TypeError(f"state['step'] has dtype {steps.dtype}; int64 is expected, as its init returns it")
    changed = {path_text("params", path): array for path, array in own.items()}
    changed |= {path_text("state", path): array for path, array in kept.items()} | {"state['step']": steps}
    read = {path_text("grads", path): np.asarray(grad) for path, grad in gradients.items()}
    _refuse_overlaps(changed, read)

    if threads is None:
        threads = _processors() if sum(param.size for param in own.values()) >= WORTH_THREADS else 1
    units = []
    for path, param in own.items():
        arrays = (param, np.asarray(gradients[path]), *(kept[(moment, *path)] for moment in moments))
        units += _units(arrays, threads, tuple(each[path] for each in numbers))
    run(partial(advance_part, advance, step + 1), units, threads)
    steps += 1


def _units(arrays: tuple[Array, ...], threads: int, numbers: tuple[float, ...]) -> list[ParameterSlice]:
    """A parameter cut into parts of one length, the same number for each thread."""
    size = arrays[0].size
    rounds = max(1, math.ceil(size / (threads * UNIT)))
    length = max(1, UNIT // 8, math.ceil(size / (threads * rounds)))
    starts = range(0, size, length)
    return [ParameterSlice(arrays, start, min(start + length, size), numbers) for start in starts]


def _processors() -> int:
    """Number of processors that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(allowed(0)) if allowed else os.cpu_count() or 1


# ------------------------------------------------------------------------------------------ validation


def _writeable(name: str, tree: Tree) -> dict[Path, Array]:
    """The arrays by path. Raises unless each is an array that can be changed in place."""
    found, again = leaves(name, tree), leaves(name, tree)
    for path, leaf in found.items():
        text = path_text(name, path)
        if not isinstance(leaf, np.ndarray):
            raise TypeError(f"{text} is {type(leaf).__name__}; an array is expected, to be changed in place")
        if leaf is not again[path]:
            raise TypeError(
                f"{text} is a new object at each access; an array to be changed in place is expected"
            )
        if not leaf.flags.writeable:
            raise ValueError(f"{text} is read-only; an array to be changed in place is expected")
        if _overlaps_itself(leaf):
            raise ValueError(
                f"{text} holds one number in several places; an array to be changed in place is expected"
            )
    return {path: leaf.view(np.ndarray) for path, leaf in found.items()}


def _overlaps_itself(array: Array) -> bool:
    """True where two entries may share memory: an axis steps by less than the axes inside it span."""
    extent = 0
    for stride, length in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if length > 1 and array.size:
            if stride < extent + array.itemsize:
                return True
            extent += stride * (length - 1)
    return False


def _refuse_overlaps(changed: Mapping[str, Array], read: Mapping[str, Array]) -> None:
    """Raise ValueError if an array that is changed shares memory with any other."""
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
                    "an array that is changed in place must not share memory"
                )
        open_.append((high, place))
