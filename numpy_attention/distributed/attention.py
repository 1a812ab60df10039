"""Attention over dask arrays: the pair."""

from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attention import AttentionGradients
from ..functional.base.admission import compute_dtype
from ..functional.base.arrays import shape_repr
from . import tiles
from .graph import Chains, GraphLayer, Key, Tasks, array_of, keys_of, new_name, row_shape, tree, visible_tiles
from .layout import ChunkedCall, Operand, Place, admit, admit_chunked, operand_of, rows_of_grid

SPLIT_EVERY = 4
"""Default of split_every."""

D_SINKS = tiles.Rows._fields.index("d_sinks")


@shape_repr
class DistributedSaved(NamedTuple):
    """What backward needs, all of dask: the arrays of the call by name, out before rounding, and lse.

    out (..., H, L, E) is in the dtype of the computation, lse (..., H, L) in float64.
    """

    arrays: dict[str, Any]
    out: Any
    lse: Any
    call: ChunkedCall

    @property
    def operands(self) -> dict[str, Operand]:
        """The arrays, laid on the grid of tiles."""
        return {name: operand_of(name, array, self.call) for name, array in self.arrays.items()}


# ------------------------------------------------------------------------------------------ forward


def attention_forward(
    query: Any, key: Any, value: Any, *, mask: Any = None, bias: Any = None, scale: Any = None,
    softcap: Any = None, sinks: Any = None, dropout: Any = None, block: Any = None, threads: Any = 1,
    split_every: int = SPLIT_EVERY,
) -> tuple[Any, DistributedSaved]:  # fmt: skip
    """Attention over dask arrays, `fast_attention` on each tile of chunks, lazily, with what backward needs.

        part_ij  = attention of the queries of chunk i over the keys of chunk j        one task
        out_i    = attention_merge(part_i1, part_i2, …)                                  chains and a tree

    A tile that the mask hides whole is no task. No bit depends on the scheduler, on the number of workers or
    on which of them dies meanwhile, only on the chunks and split_every.

    Parameters
    ----------
    query, key, value : dask arrays (..., H, L, D), (..., G, S, D), (..., G, S, E), cut along any axis but
        the last. Keys are cut as values are, batch axes alike, and heads so that no chunk cuts a group.
    mask, bias, scale, softcap, sinks, dropout : as in `attention`. Arrays may be of NumPy, or of dask in
        chunks that fit.
    block, threads : of `fast_attention` in each task. One thread: tasks run beside each other as it is.
    split_every : tiles in a chain, and results that a task of the tree joins.

    Returns
    -------
    out : a dask array (..., H, L, E), in the result_type of query, key and value.
    saved : for `attention_backward`. Persist it (`out, saved = dask.persist(out, saved)`) where the backward
        is computed later, or the backward computes the forward again.

    Raises
    ------
    TypeError, ValueError
        Before any work: for arrays that are not of dask, for unknown lengths, for chunks that do not fit
        together, for more than a million tiles, and as `attention` does.

    Examples
    --------
    ::

        x = da.random.standard_normal((8, 131_072, 64), chunks=(8, 4096, 64)).astype("float32")
        out, saved = attention_forward(x, x, x, mask=na.causal())
        d_query, d_key, d_value, *_ = attention_backward(d_out, saved)
        dask.compute(out, d_query, d_key, d_value)

    References
    ----------
    Liu, Zaharia, Abbeel 2023 (Ring Attention), for attention over chunks of keys on several machines.
    """
    operands, call = admit(
        query, key, value, mask, bias, scale, softcap, sinks, dropout, block, threads, split_every
    )
    arrays = {name: operand.array for name, operand in operands.items()}
    names = tuple(name for name in operands if name != "sinks")
    layer = GraphLayer(new_name("attention"), {}, list(arrays.values()))
    chains = Chains(call.split_every)
    for tile, options in visible_tiles(call, names):
        own = (f"{layer.name}-tile", *tile)
        before = chains.follow(tile[:-1], own)
        layer.tasks[own] = (tiles.forward_tile, options, before, keys_of(operands, names, tile))
    inputs = [np.empty((), arrays[name].dtype) for name in ("query", "key", "value")]
    width, dtype = value.shape[-1], _inner_dtype(arrays, inputs)
    for place in rows_of_grid(call):
        ends = chains.ends.get(place, [])
        part = tree(layer.tasks, f"{layer.name}-merge", place, ends, call.split_every, (tiles.merge,))
        row = part, _sinks(operands, place), row_shape(call, place, width), dtype
        layer.tasks[(f"{layer.name}-whole", *place)] = (tiles.whole, *row)
    graph = layer.graph()
    out = _items(layer, graph, "out", 0, call, dtype, width)
    lse = _items(layer, graph, "lse", 1, call, np.result_type(dtype, np.float64))
    result = np.result_type(*inputs)
    rounded = out if dtype in (result, np.result_type(result, np.complex64)) else out.astype(result)
    return rounded, DistributedSaved(arrays, out, lse, call)


def _inner_dtype(arrays: dict[str, Any], inputs: list[Any]) -> np.dtype[Any]:
    """The dtype in which tiles compute."""
    dtype = compute_dtype(*inputs)
    optional = (arrays[name].dtype.kind for name in ("bias", "parameter", "scale", "sinks") if name in arrays)
    return np.result_type(dtype, np.complex64) if "c" in optional else dtype


def _sinks(operands: dict[str, Operand], place: Place) -> Key | None:
    """The key of the sinks of a chunk of rows."""
    return operands["sinks"].key(place) if "sinks" in operands else None


def _items(
    layer: GraphLayer, graph: Any, what: str, item: int, call: ChunkedCall, dtype: Any,
    width: int | None = None,
) -> Any:  # fmt: skip
    """The dask array of one item of the whole of every chunk of rows."""
    name, last = f"{layer.name}-{what}", () if width is None else (0,)
    tasks: Tasks = {
        (name, *place, *last): (itemgetter(item), (f"{layer.name}-whole", *place))
        for place in rows_of_grid(call)
    }
    chunks = call.chunks[:-1] if width is None else (*call.chunks[:-1], (width,))
    return array_of(graph, layer.name, name, tasks, chunks, dtype)


# ----------------------------------------------------------------------------------------- backward


def attention_backward(d_out: Any, saved: DistributedSaved, *, d_lse: Any = None) -> AttentionGradients:
    """The gradients of <d_out, out> + <d_lse, lse>, lazily, in one graph of five products for each tile.

    From lse and less = d_out · out - d_lse of its rows alone, a tile gives its part of every gradient: see
    `functional/fast/part.py`. Parts are added in chains and trees, in the order of the chunks.

    Parameters
    ----------
    d_out : a dask array in the shape of out.
    saved : returned by attention_forward, or persisted.
    d_lse : a dask array (..., H, L), or None for zero.

    Returns
    -------
    AttentionGradients
        Dask arrays in the chunks and dtypes of their arguments; None for an option that was None.

    Raises
    ------
    TypeError, ValueError
        For a saved of another function, and for cotangents that are not dask arrays of the right shape.
    """
    if not isinstance(saved, DistributedSaved):
        raise TypeError(f"saved is {type(saved).__name__}, not what attention_forward returned")
    call, operands = saved.call, saved.operands
    d_out = _admit_cotangent("d_out", d_out, saved.out)
    d_lse = None if d_lse is None else _admit_cotangent("d_lse", d_lse, saved.lse)
    names = tuple(name for name in operands if name != "sinks")
    read = [*saved.arrays.values(), d_out, saved.out, saved.lse, *(() if d_lse is None else (d_lse,))]
    layer = GraphLayer(new_name("attention-backward"), {}, read)
    ends: dict[str, dict[Place, list[Key]]] = {"sinks": {}} if "sinks" in operands else {}
    for place in rows_of_grid(call):
        row, d_lse_key = (f"{layer.name}-rows", *place), None if d_lse is None else (d_lse.name, *place)
        out = (saved.out.name, *place, 0), (saved.lse.name, *place)
        d_out_key = (d_out.name, *place, 0)
        layer.tasks[row] = (tiles.row_terms, d_out_key, d_lse_key, *out, _sinks(operands, place))
        if "sinks" in operands:
            ends["sinks"].setdefault(operands["sinks"].place(place), []).append(row)
    chains = {name: Chains(call.split_every) for name in names if name != "dropout"}
    for tile, options in visible_tiles(call, names):
        own, row = (f"{layer.name}-tile", *tile), (f"{layer.name}-rows", *tile[:-1])
        before = [chain.follow(operands[name].place(tile), own) for name, chain in chains.items()]
        layer.tasks[own] = (tiles.backward_tile, options, row, before, keys_of(operands, names, tile))
    items = {name: number for number, name in enumerate(chains)} | {"sinks": D_SINKS}
    ends |= {name: chain.ends for name, chain in chains.items()}
    totals = {name: _totals(layer, name, items[name], ends[name], call.split_every) for name in ends}
    graph = layer.graph()
    gradients = {name: _gradient(layer, graph, name, totals[name], saved.arrays[name]) for name in ends}
    if call.bias is not None:
        gradients["bias"] = call.bias.gradients_type(gradients["parameter"])
    arguments = ("query", "key", "value", "bias", "scale", "sinks")
    return AttentionGradients(*(gradients.get(name) for name in arguments))


def _admit_cotangent(name: str, cotangent: Any, of: Any) -> Any:
    """A cotangent, in the chunks of what it belongs to."""
    admit_chunked(name, cotangent)
    if cotangent.shape != of.shape:
        raise ValueError(f"{name} has shape {cotangent.shape}; {of.shape} is expected")
    return cotangent.rechunk(of.chunks)


def _totals(
    layer: GraphLayer, name: str, item: int, ends: dict[Place, list[Key]], width: int
) -> dict[Place, Key | None]:  # fmt: skip
    """The key of the sum over all chains of each chunk of a gradient."""
    tree_name, first = f"{layer.name}-{name}", (tiles.add_items, item)
    return {
        place: tree(layer.tasks, tree_name, place, keys, width, (tiles.add,), first)
        for place, keys in ends.items()
    }


def _gradient(
    layer: GraphLayer, graph: Any, name: str, totals: dict[Place, Key | None], argument: Any
) -> Any:
    """The dask array of a gradient, in the chunks of its argument."""
    own = f"{layer.name}-d_{name}"
    tasks: Tasks = {}
    for place in np.ndindex(argument.numblocks):
        shape = tuple(lengths[n] for lengths, n in zip(argument.chunks, place, strict=True))
        tasks[(own, *place)] = (tiles.finish, totals.get(place), shape, argument.dtype)
    return array_of(graph, layer.name, own, tasks, argument.chunks, argument.dtype)
