"""`fast_attention`: the tiles of `blockwise_attention`, sized for the cache and computed by threads."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..attention.dropout import Dropout
from ..attention.steps import STEPS
from ..base.admission import Array, quiet, whole_numbers
from ..base.arrays import accurate_sum, backward_of, promote, round_to, shape_repr, unbroadcast
from ..masks.mask import Mask
from ..tiled.blockwise import BlockwiseSaved, backward_tiles, forward_tiles
from ..tiled.online_softmax import ONLINE
from ..tiled.tiling import TiledArguments, admit_cotangents, admit_tiled, tile_shape, to_gradients
from .backward import BackwardInputs, backward_chunk
from .blas import run_threaded
from .forward import ForwardResults, forward_block
from .kernels import LOG2_E, RowStatistics, Workload, in_range, to_base_2
from .nonfinite import (
    all_finite,
    is_nan_or_plus_inf,
    merge_gradients,
    nonfinite_rows,
    options_are_finite,
    restrict_to_rows,
    with_finite_inputs,
    zero_nonfinite,
)
from .plan import SIDE, FastSettings, backward_chunks, partition, workload_of


@shape_repr
class FastSaved(NamedTuple):
    """What backward needs: out (..., H, L, E) before rounding, lse (..., H, L) and the row statistics.

    With non-finite inputs, out and statistics are those with 0 in their place, and `blockwise` is what
    blockwise attention saved. If work is None, all of the result is blockwise attention's.
    """

    out: Array
    lse: Array
    statistics: RowStatistics | None
    problem: TiledArguments
    work: Workload | None
    settings: FastSettings
    blockwise: BlockwiseSaved | None


# --------------------------------------------------------------------------------------- finite inputs


@quiet
def _forward_stack(work: Workload, settings: FastSettings) -> tuple[Array, RowStatistics, bool]:
    """out (..., H, L, E), row statistics (..., H, L), and True where all of them are finite and in range."""
    problem, stack = work.stack.problem, work.stack
    dtype, rows = problem.query.dtype, stack.query.shape[:3]
    out = np.empty((*rows, problem.value.shape[-1]), dtype)
    results = ForwardResults(out, RowStatistics(*np.empty((3, *rows), dtype)), [])
    blocks = partition(stack, settings)
    run_threaded(partial(forward_block, work, results, _sinks2(work)), blocks, settings.threads)
    return stack.unstacked(out), results.statistics.reshaped(*problem.shape[:-1]), not results.failed


def _sinks2(work: Workload) -> Array | None:
    """The sinks (N, n), to the base 2."""
    problem, stack = work.stack.problem, work.stack
    if problem.sinks is None:
        return None
    return to_base_2(np.broadcast_to(problem.sinks, problem.shape[:-2])).reshape(stack.query.shape[:2])


@quiet
def _backward_stack(saved: FastSaved, d_out: Array, d_lse: Array) -> list[Any]:
    """Gradients in the shapes of `TiledArguments`, from finite inputs and cotangents."""
    work, settings = saved.work, saved.settings
    assert work is not None
    assert saved.statistics is not None
    problem, stack, dtype = work.stack.problem, work.stack, saved.out.dtype
    rows = stack.query.shape[:3]
    sinks2, statistics = _sinks2(work), saved.statistics.reshaped(*rows)
    inputs = BackwardInputs(
        stack.stacked(d_out), stack.stacked(saved.out), d_lse.reshape(rows), statistics, sinks2
    )
    bias = problem.bias.parameter if isinstance(problem.bias, Bias) else problem.bias
    sums = AttentionGradients(  # in the shapes of `HeadStack`, d_sinks by row
        np.empty(stack.query.shape, dtype),
        np.zeros(stack.key.shape, dtype),
        np.zeros(stack.value.shape, dtype),
        None if bias is None else np.zeros(bias.shape, dtype),
        np.empty((*rows, 1), dtype) if isinstance(problem.scale, np.ndarray) else None,
        None if sinks2 is None else np.empty(rows, dtype),
    )
    units = backward_chunks(partition(stack, settings))
    run_threaded(partial(backward_chunk, work, inputs, sums), units, settings.threads)
    d_sinks = None
    if problem.sinks is not None:
        d_sinks = accurate_sum(sums.d_sinks, axis=-1).reshape(problem.shape[:-2])
        d_sinks = unbroadcast(d_sinks, problem.sinks.shape)
    return [
        stack.unstacked(sums.d_query),
        stack.keys_unstacked(sums.d_key),
        stack.keys_unstacked(sums.d_value),
        sums.d_bias,
        None if sums.d_scale is None else stack.unstacked(sums.d_scale),
        d_sinks,
    ]


# ----------------------------------------------------------------------------------------- any input


@quiet
def _run_forward(problem: TiledArguments, settings: FastSettings) -> tuple[Array, FastSaved]:
    """out and what is saved, with blockwise attention in place of what the kernels cannot compute."""
    if not _is_supported(problem):
        blockwise = _blockwise(problem, settings)
        saved = FastSaved(blockwise.out, blockwise.lse, None, problem, None, settings, blockwise)
        return blockwise.out, saved
    if options_are_finite(problem):
        work = workload_of(problem, settings)
        out, statistics, succeeded = _forward_stack(work, settings)
        if succeeded:
            lse = _natural_lse(problem, statistics)
            return out, FastSaved(out, lse, statistics, problem, work, settings, None)
    blockwise = _blockwise(problem, settings)
    work = workload_of(with_finite_inputs(problem), settings)
    computed, statistics, _ = _forward_stack(work, settings)
    rows, clipped = nonfinite_rows(problem, SIDE), ~in_range(statistics.lse2())
    lse = np.where(rows | clipped, blockwise.lse, _natural_lse(problem, statistics))
    untouched = ~rows[..., None] & np.isfinite(blockwise.out) & np.isfinite(computed)
    saved = FastSaved(computed, lse, statistics, problem, work, settings, blockwise)
    return np.where(untouched, computed, blockwise.out), saved


def _is_supported(problem: TiledArguments) -> bool:
    """True for real arguments without empty axes and one scale for all the keys of a query.

    A bias value's parameter must be finite or -inf too: which scores it enters is not known here.
    """
    scale, bias = problem.scale, problem.bias
    return (
        problem.query.dtype.kind == "f"
        and not (isinstance(bias, Bias) and is_nan_or_plus_inf(bias.parameter).any())
        and 0 not in (*problem.shape, problem.query.shape[-1], problem.value.shape[-1])
        and (not isinstance(scale, np.ndarray) or scale.shape[-1] == 1)
    )


def _blockwise(problem: TiledArguments, settings: FastSettings) -> BlockwiseSaved:
    """Blockwise attention of the same arguments."""
    return forward_tiles(STEPS, ONLINE, problem, settings.block or tile_shape(None, problem.shape))


def _natural_lse(problem: TiledArguments, statistics: RowStatistics) -> Array:
    """lse to the base e; for a fully masked row exactly its sink."""
    lse = np.asarray(statistics.lse2() * statistics.shift.dtype.type(1 / LOG2_E))
    return lse if problem.sinks is None else np.where(statistics.largest == 0, problem.sinks[..., None], lse)


@quiet
def _run_backward(d_out: Array, d_lse: Array, saved: FastSaved) -> Sequence[Any]:
    """Gradients in the shapes of `TiledArguments`, from blockwise attention where not finite."""
    problem, settings = saved.problem, saved.settings
    finite_cotangents = all_finite(d_out) and all_finite(d_lse)
    real = d_out.dtype.kind == d_lse.dtype.kind == "f"
    if saved.work is not None and saved.blockwise is None and finite_cotangents and real:
        gradients = _backward_stack(saved, d_out, d_lse)
        if all(all_finite(x) for x in gradients if x is not None):
            return gradients
    blockwise = saved.blockwise or _blockwise(problem, settings)
    of_all_rows = backward_tiles(d_out, d_lse, blockwise)
    if saved.work is None or not real:
        return of_all_rows
    rows = nonfinite_rows(problem, SIDE)
    saved = saved._replace(work=workload_of(with_finite_inputs(problem), settings))
    d_finite = np.where(rows[..., None], 0, zero_nonfinite(d_out)), np.where(rows, 0, zero_nonfinite(d_lse))
    of_finite_rows = _backward_stack(saved, *d_finite)
    restricted = blockwise._replace(problem=restrict_to_rows(problem, rows))
    of_other_rows = backward_tiles(d_out, np.where(rows, d_lse, 0), restricted)
    return [merge_gradients(*each) for each in zip(of_finite_rows, of_other_rows, of_all_rows, strict=True)]


# ------------------------------------------------------------------------------------- public functions


@quiet
def fast_attention_forward(
    query: npt.ArrayLike,
    key: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    mask: Mask | None = None,
    bias: npt.ArrayLike | Bias | None = None,
    scale: npt.ArrayLike | None = None,
    softcap: float | None = None,
    sinks: npt.ArrayLike | None = None,
    dropout: Dropout | npt.ArrayLike | None = None,
    block: tuple[int, int] | None = None,
    threads: int | None = None,
) -> tuple[Any, FastSaved]:
    """Attention as fast as NumPy can, with what its backward needs: see `fast_attention`.

    Examples
    --------
    >>> out, saved = fast_attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0)
    >>> out, saved.lse
    (array([[0.5, 0.5],
           [0.5, 0.5]]), array([0.69314718, 0.69314718]))
    """
    problem, settings = _admit(query, key, value, mask, bias, scale, softcap, sinks, dropout, block, threads)
    out, saved = _run_forward(problem, settings)
    return round_to(out, *problem.arguments[:3]), saved


def _admit(*arguments: Any) -> tuple[TiledArguments, FastSettings]:
    """The arguments of `fast_attention`, admitted; block and threads come last."""
    *inputs, block, threads = arguments
    problem = admit_tiled(*inputs)
    block = None if block is None else tile_shape(block, problem.shape)
    return problem, FastSettings(block, _admit_threads(threads))


def _admit_threads(threads: int | None) -> int | None:
    if threads is None:
        return None
    number = whole_numbers("threads", threads, least=1)
    if number.ndim:
        raise TypeError(f"threads has shape {number.shape}; one whole number or None is expected")
    return int(number)


@backward_of(FastSaved)
def fast_attention_backward(
    d_out: npt.ArrayLike, saved: FastSaved, *, d_lse: npt.ArrayLike | None = None
) -> AttentionGradients:
    """The gradients of <d_out, out> + <d_lse, lse>, on the tiles and threads of the forward.

    Parameters
    ----------
    d_out : the shape of out, (..., H, L, E)
    saved : from fast_attention_forward
    d_lse : (..., H, L), the cotangent of saved.lse, or None for zero

    Returns
    -------
    AttentionGradients
        Each in its argument's shape and dtype, complex if a cotangent is; None for an optional argument
        that was None.

    Raises
    ------
    TypeError, ValueError
        For a saved of another function, and for cotangents of a wrong shape or dtype.

    Examples
    --------
    >>> out, saved = fast_attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0)
    >>> fast_attention_backward(np.eye(2), saved).d_value
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    d_out, d_lse = admit_cotangents(d_out, d_lse, saved.out, saved.lse)
    return to_gradients(_run_backward(d_out, d_lse, saved), saved.problem)


@quiet
def fast_attention(
    query: npt.ArrayLike,
    key: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    mask: Mask | None = None,
    bias: npt.ArrayLike | Bias | None = None,
    scale: npt.ArrayLike | None = None,
    softcap: float | None = None,
    sinks: npt.ArrayLike | None = None,
    dropout: Dropout | npt.ArrayLike | None = None,
    block: tuple[int, int] | None = None,
    threads: int | None = None,
) -> Any:
    """Attention as fast as NumPy can: tile by tile, by several threads, in memory that grows with L + S.

    `blockwise_attention` derives the mathematics; `kernels.py` lists the differences and their gains.

    Parameters
    ----------
    query, key, value, mask, bias, scale, softcap, sinks, dropout : as in `attention`.
    block : the largest (rows, columns) of a tile, or None for the default.
    threads : number of threads, or None: as many as BLAS uses. No bit of the result depends on it. More
        than one needs threadpoolctl (`pip install numpy_attention[fast]`), which meanwhile limits BLAS to
        one thread in the whole process; without it BLAS threads the matrix products.

    Returns
    -------
    out : (..., H, L, E), in the result_type of query, key and value, which is also the precision of the
        computation (float16 in float32), where `attention` computes in float64. Complex arguments, and a
        scale that differs between the keys of a query, are computed by `blockwise_attention`.

    Raises
    ------
    TypeError, ValueError
        Before any work, naming the argument, what came and what was expected.

    Examples
    --------
    A query that matches the second key better, by log 3:

    >>> fast_attention([[np.log(3)]], [[0.0], [1.0]], [[10.0], [20.0]]).round(4)
    array([[17.5]])

    References
    ----------
    Dao et al. 2022 and Dao 2024 (FlashAttention), for the tiles; measurements are in `benchmarks`.
    """
    problem, settings = _admit(
        promote(query), promote(key), promote(value), mask, promote(bias), promote(scale), softcap,
        promote(sinks), dropout, block, threads,
    )  # fmt: skip
    return round_to(_run_forward(problem, settings)[0], *problem.arguments[:3], fresh=True)
