"""Which chunks belong together: admitted arguments, and the grid of tiles over the scores (..., H, L, S)."""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.arguments import (
    admit_optional,
    admit_softcap,
    check_bias_and_sinks,
    check_scale,
    scores_shape,
)
from ..functional.attention.biases import Bias
from ..functional.attention.dropout import Dropout
from ..functional.base.admission import FLOATS, as_array, shown
from ..functional.base.arrays import check_broadcast, whole_number
from ..functional.masks.mask import Mask, check_mask
from ..functional.tiled.tiling import tile_shape
from .engine import require
from .regions import Region, bias_in

MOST_TILES = 10**6
"""At about a millisecond for each task, dask's scheduler alone would need a quarter of an hour."""

Place = tuple[int, ...]
"""The number of a chunk along each axis."""


class Operand(NamedTuple):
    """An array and, for each of its axes, the axis of the scores along which it is cut; None for no axis."""

    array: Any
    axes: tuple[int | None, ...]

    def place(self, tile: Place) -> Place:
        """The chunk that a tile needs."""
        return tuple(0 if axis is None else tile[axis] for axis in self.axes)

    def key(self, tile: Place) -> tuple[Any, ...]:
        """Its key in the graph."""
        return (self.array.name, *self.place(tile))


class ChunkedCall(NamedTuple):
    """The options that are no arrays, and the grid: the chunks of each axis of the scores."""

    shape: tuple[int, ...]
    chunks: tuple[tuple[int, ...], ...]
    mask: Mask | None
    bias: Bias | None
    softcap: float | None
    dropout: Dropout | None
    block: tuple[int, int] | None
    threads: int | None
    split_every: int


class Admitted(NamedTuple):
    """The arguments of a call: what is an array, by name, and the rest."""

    operands: dict[str, Operand]
    call: ChunkedCall


# ------------------------------------------------------------------------------------------ admission


def admit(
    query: Any, key: Any, value: Any, mask: Any, bias: Any, scale: Any, softcap: Any, sinks: Any,
    dropout: Any, block: Any, threads: Any, split_every: Any,
) -> Admitted:  # fmt: skip
    """All arguments, before any work."""
    inputs = {"query": query, "key": key, "value": value}
    for name, array in inputs.items():
        admit_chunked(name, array, 2)
    shape = scores_shape(query, key, value)
    options = {"bias": bias, "scale": scale, "sinks": sinks, "dropout": dropout}
    values: dict[str, Any] = {name: x for name, x in options.items() if isinstance(x, (Bias, Dropout))}
    given = {
        name: _admit_option(name, x) for name, x in options.items() if x is not None and name not in values
    }
    _check_options(given, values, mask, shape)
    chunks = score_chunks(query, key, value, shape)
    call = ChunkedCall(
        shape, chunks, mask, values.get("bias"), admit_softcap(softcap), values.get("dropout"),
        None if block is None else tile_shape(block, shape),
        1 if threads is None else whole_number("threads", threads, least=1),
        whole_number("split_every", split_every, least=2),
    )  # fmt: skip
    check_count(call)
    operands = {name: operand_of(name, array, call) for name, array in inputs.items()}
    if call.bias is not None:
        bias_in(call.bias, Region((slice(0, 0),) * len(shape), shape))  # raises for an unknown kind
        operands["parameter"] = operand_of("parameter", call.bias.parameter, call)
    operands |= {name: operand_of(name, array, call) for name, array in given.items()}
    return Admitted(operands, call)


def admit_chunked(name: str, array: Any, ndim: int = 0) -> Any:
    """A dask array of numbers with known chunks; TypeError or ValueError for anything else."""
    if not isinstance(array, require("dask.array").Array):
        kind = f"{type(array).__module__.partition('.')[0]}.{type(array).__name__}"
        raise TypeError(
            f"{name} is a {kind}; a dask array is expected: write da.from_array({name}, chunks=…), or call "
            "na.fast_attention for what one process holds"
        )
    if type(array._meta) is not np.ndarray:
        raise TypeError(f"{name} has chunks of {type(array._meta).__name__}; chunks of NumPy are expected")
    if array.dtype not in FLOATS:
        raise TypeError(
            f"{name} has dtype {array.dtype}; float16, float32, float64, complex64 or complex128 is expected"
        )
    if array.ndim < ndim:
        raise ValueError(f"{name} has shape {array.shape}; at least {ndim} axes are expected")
    if any(math.isnan(n) for lengths in array.chunks for n in lengths):
        raise ValueError(
            f"{name} has chunks of unknown lengths, {array.chunks}; known ones are expected: write "
            f"{name}.compute_chunk_sizes()"
        )
    return array


def _admit_option(name: str, x: Any) -> Any:
    """An optional array, of NumPy or of dask."""
    of_dask = isinstance(x, require("dask.array").Array)
    if name == "dropout":
        array = x if of_dask else as_array("dropout", x)
        if not array.ndim:
            raise TypeError(
                f"dropout is the number {shown(x)}, which reads as a rate; write na.dropout(seed, rate), or "
                "give the array of multipliers"
            )
        if not of_dask:
            return array.astype(np.float64)
    if of_dask:
        return admit_chunked(name, x)
    return admit_optional(**{name: x})[0]


def _check_options(given: dict[str, Any], values: dict[str, Any], mask: Any, shape: tuple[int, ...]) -> None:
    """Raise ValueError for an option that does not broadcast to the scores."""
    bias = given.get("bias")
    if "bias" in values:
        corner = values["bias"].tile(slice(0), slice(0), *shape[-2:])
        bias = np.broadcast_to(np.zeros(()), (*corner.shape[:-2], *shape[-2:]))
    check_bias_and_sinks(bias, given.get("sinks"), shape)
    for name in ("scale", "dropout"):
        if name in given:
            check_broadcast(name, given[name], shape, "the shape of the scores")
    if isinstance(given.get("scale"), np.ndarray):
        check_scale(given["scale"], shape)
    if mask is not None:
        check_mask(mask, shape)


def score_chunks(query: Any, key: Any, value: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The chunks of each axis of the scores; ValueError unless those of query, key and value fit together."""
    arrays = {"query": query, "key": key, "value": value}
    for name, array in arrays.items():
        if len(array.chunks[-1]) > 1:
            raise ValueError(
                f"{name} is cut along its width, {array.chunks[-1]}; one chunk is expected: write "
                f"{name}.rechunk({{-1: -1}})"
            )
    equal("the chunks of keys", {"key": key.chunks[-2], "value": value.chunks[-2]})
    chunks: list[tuple[int, ...]] = []
    for axis in range(len(shape) - 3):
        back = axis - len(shape)
        own = {name: x.chunks[back] for name, x in arrays.items() if x.ndim >= -back and x.shape[back] != 1}
        equal(f"the chunks of batch axis {axis}", own)
        chunks.append(next(iter(own.values()), (1,)))
    if len(shape) > 2:
        equal("the chunks of key heads", {"key": key.chunks[-3], "value": value.chunks[-3]})
        heads, groups = query.chunks[-3], key.chunks[-3]
        n = shape[-3] // key.shape[-3] if key.shape[-3] else 1
        if tuple(n * each for each in groups) != heads:
            raise ValueError(
                f"the chunks of heads cut a group: query has {heads}, key {groups}, and {n} query heads read "
                f"a key head; {tuple(n * each for each in groups)} is expected of query"
            )
        chunks.append(heads)
    return (*chunks, query.chunks[-2], key.chunks[-2])


def equal(what: str, chunks: dict[str, tuple[int, ...]]) -> None:
    """ValueError unless all are the same."""
    if len(set(chunks.values())) > 1:
        listed = ", ".join(f"{name} {shown(lengths)}" for name, lengths in chunks.items())
        raise ValueError(f"{what} differ: {listed}; the same are expected (see dask's rechunk)")


def check_count(call: ChunkedCall) -> None:
    """ValueError for a grid of so many tiles that the scheduler would choke; masked ones do not count."""
    if math.prod(map(len, call.chunks)) <= MOST_TILES:
        return
    tiles = sum(1 for _ in itertools.islice(candidates(call), MOST_TILES + 1))
    if tiles > MOST_TILES:
        L, S = call.shape[-2:]
        rows, columns = (max(lengths) for lengths in call.chunks[-2:])
        raise ValueError(
            f"{L} queries and {S} keys in chunks of {rows} and {columns} are more than {MOST_TILES:,} tiles, "
            "each a task; fewer are expected: write larger chunks"
        )


def operand_of(name: str, array: Any, call: ChunkedCall) -> Operand:
    """An array with its chunks laid on the grid; a NumPy array is cut as the grid is."""
    N = len(call.shape)
    if name in ("query", "key", "value"):
        last: tuple[int | None, ...] = (N - 2 if name == "query" else N - 1, None)
        axes = (*range(N - array.ndim, N - 2), *last)
    elif name in ("sinks", "parameter"):
        entries = int(name == "parameter" and array.ndim > 0 and _has_table(call))
        axes = (*range(N - 2 - array.ndim + entries, N - 2), *(None,) * entries)
    else:
        axes = tuple(range(N - array.ndim, N))
    axes = tuple(None if n == 1 else axis for n, axis in zip(array.shape, axes, strict=True))
    if isinstance(array, np.ndarray):
        chunks = tuple(
            (n,) if axis is None else call.chunks[axis] for n, axis in zip(array.shape, axes, strict=True)
        )
        return Operand(require("dask.array").from_array(array, chunks=chunks), axes)
    if name not in ("query", "key", "value"):
        for own, axis in zip(array.chunks, axes, strict=True):
            if axis is not None:
                equal(
                    f"the chunks of axis {axis} of the scores", {name: own, "query or key": call.chunks[axis]}
                )
            elif len(own) > 1:
                raise ValueError(f"{name} has chunks {own} along an axis that is not cut; one is expected")
    return Operand(array, axes)


def _has_table(call: ChunkedCall) -> bool:
    """True for a bias whose parameter has an axis of its own."""
    assert call.bias is not None
    corner = call.bias.tile(slice(0), slice(0), *call.shape[-2:])
    return call.bias.parameter.ndim > corner.ndim - 2


# ---------------------------------------------------------------------------------------------- tiles


def rows_of_grid(call: ChunkedCall) -> Iterator[Place]:
    """The place of every chunk of rows."""
    return itertools.product(*(range(len(lengths)) for lengths in call.chunks[:-1]))


def candidates(call: ChunkedCall) -> Iterator[Place]:
    """The tiles that the mask's own bounds do not rule out, row by row."""
    starts, stops = edges(call.chunks[-1])
    queries = list(zip(*edges(call.chunks[-2]), strict=True))

    @cache
    def columns(row: int) -> range:
        first, last = 0, call.shape[-1]
        if call.mask is not None:
            first, last = call.mask.column_range(slice(*queries[row]), *call.shape[-2:])
        return range(bisect_right(stops, first), bisect_left(starts, last))

    for place in rows_of_grid(call):
        for column in columns(place[-1]):
            yield (*place, column)


def regions(call: ChunkedCall) -> Iterator[tuple[Place, Region]]:
    """The candidates, each with its part of the scores."""
    slices = [[slice(*each) for each in zip(*edges(lengths), strict=True)] for lengths in call.chunks]
    for tile in candidates(call):
        yield tile, Region(tuple(own[n] for own, n in zip(slices, tile, strict=True)), call.shape)


def edges(lengths: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Where the chunks of an axis start, and where they stop."""
    stops = list(itertools.accumulate(lengths))
    return [0, *stops[:-1]], stops
