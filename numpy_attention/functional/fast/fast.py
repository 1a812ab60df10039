"""`fast_attention`: the tiles of `blockwise_attention`, sized for the cache and computed by threads."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..attention.dropout import Dropout
from ..attention.steps import STEPS
from ..base.admission import Array, quiet
from ..base.arrays import (
    backward_of,
    promote,
    round_to,
    shape_repr,
    whole_number,
)
from ..base.memory import SPARE, copied
from ..base.workers import Buffers
from ..masks.mask import Mask
from ..tiled.blockwise import BlockwiseSaved, backward_tiles, forward_tiles
from ..tiled.online_softmax import ONLINE
from ..tiled.tiling import TiledArguments, admit_cotangents, admit_tiled, tile_shape, to_gradients
from . import dense, tiles
from .forward import ForwardResults
from .kept import KEEP, Kept
from .kernels import RowStatistics, Workload, too_small
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
from .plan import SIDE, FastSettings, workload_of


@shape_repr
class FastSaved(NamedTuple):
    """What backward needs: out (..., H, L, E) before rounding, and the row statistics.

    work is None for a small problem. Rows that are not `good` (..., H, L) are out of the kernels' range, or
    see a number that is not finite; their results are those of `blockwise`, which is None where all rows are
    good. statistics is None if blockwise attention computed all rows. kept are exponentials for the first
    backward.
    """

    out: Array
    problem: TiledArguments
    settings: FastSettings
    blockwise: BlockwiseSaved | None = None
    work: Workload | None = None
    statistics: RowStatistics | None = None
    good: Array | None = None
    kept: Kept | None = None

    @property
    @np.errstate(all="ignore")
    def lse(self) -> Array:
        """The log-sum-exp of every row's scores and sink (..., H, L)."""
        if self.statistics is None:
            assert self.blockwise is not None
            return self.blockwise.lse
        lse = _natural_lse(self.problem, self.statistics)
        if self.good is not None and self.blockwise is not None:
            lse = np.where(self.good, lse, self.blockwise.lse)
        return lse.astype(self.out.dtype, copy=False)


def _compute(
    problem: TiledArguments, settings: FastSettings, kept: Kept
) -> tuple[Workload | None, ForwardResults]:
    """out, row statistics and good rows, from arguments without NaN and infinity."""
    if dense.fits(problem, settings.block):
        return None, dense.forward(problem, kept)
    work = workload_of(problem, settings)
    return work, tiles.forward(work, settings, kept)


def run_forward(problem: TiledArguments, settings: FastSettings) -> tuple[Array, FastSaved]:
    """out and what is saved, with blockwise attention in place of what the kernels cannot compute."""
    if not is_supported(problem):
        block = settings.block or tile_shape(None, problem.shape)
        blockwise = forward_tiles(STEPS, ONLINE, problem, block)
        return blockwise.out, FastSaved(blockwise.out, problem, settings, blockwise)
    if options_are_finite(problem):
        kept = Kept(settings.keep if problem.softcap is None else 0)
        work, (out, statistics, good) = _compute(problem, settings, kept)
        if good.all():
            return out, FastSaved(out, problem, settings, None, work, statistics, None, kept)
    blockwise = _blockwise(problem, settings)
    work, (out, statistics, good) = _compute(with_finite_inputs(problem), settings, Kept())
    good = good & ~nonfinite_rows(problem, SIDE)
    saved = FastSaved(out, problem, settings, blockwise, work, statistics, good)
    patched = np.where(good[..., None] & np.isfinite(blockwise.out), out, blockwise.out)
    return patched.astype(out.dtype, copy=False), saved


def is_supported(problem: TiledArguments) -> bool:
    """True for real arguments without empty axes and one scale for all the keys of a query.

    A bias value's parameter must be finite or -inf too: which scores it enters is not known here.
    """
    query, scale, bias = problem.query, problem.scale, problem.bias
    return (
        query.dtype.kind == "f"
        and not (bias is not None and isinstance(bias, Bias) and is_nan_or_plus_inf(bias.parameter).any())
        and 0 not in problem.shape
        and 0 not in (query.shape[-1], problem.value.shape[-1])
        and (not isinstance(scale, np.ndarray) or scale.shape[-1] == 1)
    )


def _blockwise(problem: TiledArguments, settings: FastSettings) -> BlockwiseSaved:
    """Blockwise attention of the same arguments; in float64 where that is the wider range."""
    block = settings.block or tile_shape(None, problem.shape)
    if problem.query.dtype == np.float32:
        named = zip(problem._fields, problem, strict=True)
        wide: dict[str, Any] = {name: x.astype(np.float64) for name, x in named if isinstance(x, np.ndarray)}
        problem = problem._replace(**wide)
    return forward_tiles(STEPS, ONLINE, problem, block)


def _natural_lse(problem: TiledArguments, statistics: RowStatistics) -> Array:
    """lse; for a fully masked row exactly its sink."""
    lse = statistics.lse()
    return lse if problem.sinks is None else np.where(statistics.largest == 0, problem.sinks[..., None], lse)


def differentiate(saved: FastSaved, d_out: Array, d_lse: Array) -> tuple[Sequence[Any], bool]:
    """Gradients in the shapes of `TiledArguments`; True where they are those of the kernels' range."""
    assert saved.statistics is not None
    exponentials, memory = saved.kept.take() if saved.kept else ({}, [])
    of_forward = saved.statistics, saved.out, d_out, d_lse, exponentials
    if saved.work is None:
        gradients, in_range = dense.backward(saved.problem, *of_forward), True
    else:
        gradients, in_range = tiles.backward(saved.work, saved.settings, *of_forward)
    SPARE.give(memory)
    return gradients, in_range and all(all_finite(x) for x in gradients if x is not None)


def run_backward(d_out: Array, d_lse: Array, saved: FastSaved) -> Sequence[Any]:
    """Gradients in the shapes of `TiledArguments`, from blockwise attention where not in range."""
    problem, statistics = saved.problem, saved.statistics
    real = d_out.dtype.kind == d_lse.dtype.kind == "f"
    if statistics is not None and real and saved.good is None:
        gradients, in_range = differentiate(saved, d_out, d_lse)
        if in_range:
            return gradients
    blockwise = saved.blockwise or _blockwise(problem, saved.settings)
    of_all_rows = backward_tiles(d_out, d_lse, blockwise)
    if statistics is None or not real:
        return of_all_rows
    summed = np.where(statistics.summed == 0, 1, statistics.summed)
    rows = nonfinite_rows(problem, SIDE) if saved.good is None else ~saved.good
    if (small := too_small(d_out / summed[..., None], 6, Buffers())) is not None:
        rows = rows | small
    d_finite = np.where(rows[..., None], 0, zero_nonfinite(d_out)), np.where(rows, 0, zero_nonfinite(d_lse))
    finite = with_finite_inputs(problem)
    work = None if saved.work is None else workload_of(finite, saved.settings)
    of_finite_rows, _ = differentiate(saved._replace(problem=finite, work=work), *d_finite)
    restricted = blockwise._replace(problem=restrict_to_rows(blockwise.problem, rows))
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
    keep: int = KEEP,
) -> tuple[Any, FastSaved]:
    """Attention as fast as NumPy can, with what its backward needs: see `fast_attention`.

    Examples
    --------
    >>> out, saved = fast_attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0)
    >>> out, saved.lse
    (array([[0.5, 0.5],
           [0.5, 0.5]]), array([0.69314718, 0.69314718]))
    """
    problem, settings = admit_fast(
        query, key, value, mask, bias, scale, softcap, sinks, dropout, block, threads, keep
    )
    out, saved = run_forward(problem, settings)
    return round_to(copied(out), *problem.arguments[:3], fresh=True), saved


def admit_fast(*arguments: Any) -> tuple[TiledArguments, FastSettings]:
    """The arguments of `fast_attention`, admitted; block, threads and keep come last."""
    *inputs, block, threads, keep = arguments
    problem = admit_tiled(*inputs)
    block = None if block is None else tile_shape(block, problem.shape)
    threads = None if threads is None else whole_number("threads", threads, least=1)
    return problem, FastSettings(block, threads, whole_number("keep", keep, least=0))


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
    return to_gradients(run_backward(d_out, d_lse, saved), saved.problem)


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
    keep: int = KEEP,
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
    keep : bytes of exponentials that `fast_attention_forward` may keep for its backward, which is then
        faster; 0 to compute them again. No bit depends on it. Here, without a backward, nothing is kept.

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
    problem, settings = admit_fast(
        promote(query), promote(key), promote(value), mask, promote(bias), promote(scale), softcap,
        promote(sinks), dropout, block, threads, keep,
    )  # fmt: skip
    settings = settings._replace(keep=0)
    return round_to(run_forward(problem, settings)[0], *problem.arguments[:3], fresh=True)
