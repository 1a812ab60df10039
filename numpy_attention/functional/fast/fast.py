"""Attention as fast as NumPy can: the tiles of `blockwise.py`, cut for the cache and spread over threads.

fast_work.py                        how the work is cut
fast_tiles.py, fast_hidden.py       a tile: what is done to a score, what each shortcut gains; what is hidden
fast_forward.py, fast_backward.py   a block of rows
workers.py                          threads, and how their results are put together in order
here                                threads beside those of BLAS, and what is called
"""

from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..attention.dropout import Dropout
from ..attention.steps import STEPS
from ..base.admission import Array, quiet, whole_numbers
from ..base.arrays import accurate_sum, promote, round_to, shape_repr, unbroadcast
from ..base.workers import run
from ..masks.mask import Mask
from ..tiled.blockwise import BlockwiseSaved, ascend, descend
from ..tiled.online_softmax import ONLINE
from ..tiled.tiling import Tiled, block_of, cotangents, gradients_of, tiled
from .backward import Above, Sums, backward_chunk
from .forward import Results, forward_block
from .kernels import LOG2_E, OfRows, Work, sound, to_base_2
from .nonfinite import all_finite, cleaned, finite, is_finite, merged, only, spoiled_rows, spoils
from .plan import SIDE, How, chunks, cut, work_of


@shape_repr
class FastSaved(NamedTuple):
    """What backward needs: out (..., H, L, E) before rounding, lse (..., H, L), and what was found of rows.

    Where not all that came in is finite, out is what it would be with 0 in these places. slow is what
    blockwise attention saved, where it did some or all of the work; all of it if work is None.
    """

    out: Array
    lse: Array
    of_rows: OfRows | None
    problem: Tiled
    work: Work | None
    how: How
    slow: BlockwiseSaved | None


# ---------------------------------------------------------------------------------- threads, and BLAS


class _HeldBlas:
    """BLAS held to one thread while anybody computes; users are counted, for its setting is the process's."""

    def __init__(self) -> None:
        self.lock, self.users, self.threads = Lock(), 0, 1
        self.missing = False
        self.controller: Any = None
        self.limit: Any = None

    def found(self) -> bool:
        """Whether threadpoolctl is there to hold it with."""
        if self.controller is None and not self.missing:
            try:
                from threadpoolctl import ThreadpoolController
            except ImportError:
                self.missing = True
                return False
            self.controller = ThreadpoolController().select(user_api="blas")
        return not self.missing

    def __enter__(self) -> int:
        """How many threads BLAS would use of itself."""
        with self.lock:
            if not self.users:
                self.threads = max((pool["num_threads"] for pool in self.controller.info()), default=1)
                self.limit = self.controller.limit(limits=1)
            self.users += 1
            return self.threads

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.limit.restore_original_limits()


BLAS = _HeldBlas()


def spread(work: Any, units: list[Any], threads: int | None) -> None:
    """The units over so many threads (None: as many as BLAS would use), each with one thread of BLAS.

    Without threadpoolctl the caller does all units, and BLAS its products with its own threads.
    """
    if not BLAS.found():
        return run(work, units, 1)
    with BLAS as usual:
        return run(work, units, usual if threads is None else threads)


# --------------------------------------------------------------------------------------- forward, backward


@quiet
def _forward(work: Work, how: How) -> tuple[Array, OfRows, bool]:
    """out (..., H, L, E), what was found of rows (..., H, L), and whether all of it is sound."""
    problem, stack = work.slabs.problem, work.slabs
    dtype, rows = problem.query.dtype, stack.query.shape[:3]
    out, of_rows = np.empty((*rows, problem.value.shape[-1]), dtype), OfRows(*np.empty((3, *rows), dtype))
    results = Results(out, of_rows, [])
    spread(partial(forward_block, work, results, _sinks2(work)), cut(stack, how), how.threads)
    return stack.unstacked(out), of_rows.shaped(*problem.shape[:-1]), not results.spoiled


def _sinks2(work: Work) -> Array | None:
    """The sinks (N, n), to the base 2."""
    problem, stack = work.slabs.problem, work.slabs
    if problem.sinks is None:
        return None
    return to_base_2(np.broadcast_to(problem.sinks, problem.shape[:-2])).reshape(stack.query.shape[:2])


@quiet
def _backward(saved: FastSaved, d_out: Array, d_lse: Array) -> list[Any]:
    """The gradients of finite numbers, in the shapes of `Tiled`."""
    assert saved.work is not None
    assert saved.of_rows is not None
    problem, stack, dtype = saved.work.slabs.problem, saved.work.slabs, saved.out.dtype
    rows = stack.query.shape[:3]
    sinks2, of_rows = _sinks2(saved.work), saved.of_rows.shaped(*rows)
    above = Above(stack.stacked(d_out), stack.stacked(saved.out), d_lse.reshape(rows), of_rows, sinks2)
    bias = problem.bias.parameter if isinstance(problem.bias, Bias) else problem.bias
    scaled = isinstance(problem.scale, np.ndarray)
    sums = Sums(
        np.empty(stack.query.shape, dtype),
        np.zeros(stack.key.shape, dtype),
        np.zeros(stack.value.shape, dtype),
        None if bias is None else np.zeros(bias.shape, dtype),
        np.empty((*rows, 1), dtype) if scaled else None,
        None if sinks2 is None else np.empty(rows, dtype),
    )
    spread(partial(backward_chunk, saved.work, above, sums), chunks(cut(stack, saved.how)), saved.how.threads)
    return [
        stack.unstacked(sums.d_query),
        stack.keys_unstacked(sums.d_key),
        stack.keys_unstacked(sums.d_value),
        sums.d_bias,
        None if sums.d_scale is None else stack.unstacked(sums.d_scale),
        None if sums.d_sinks is None else _of_sinks(sums.d_sinks, problem),
    ]


def _of_sinks(d_sinks: Array, problem: Tiled) -> Array:
    """What the rows give to the sinks, in the shape of the sinks."""
    assert problem.sinks is not None
    return unbroadcast(accurate_sum(d_sinks, axis=-1).reshape(problem.shape[:-2]), problem.sinks.shape)


def _suits(problem: Tiled) -> bool:
    """Whether the fast path takes it: real, nothing empty, and one scale for all the keys of a query.

    A bias value's parameter is finite or -inf besides: of which scores it is part is for the value to say.
    """
    scale, bias = problem.scale, problem.bias
    return (
        problem.query.dtype.kind == "f"
        and not (isinstance(bias, Bias) and spoils(bias.parameter).any())
        and 0 not in (*problem.shape, problem.query.shape[-1], problem.value.shape[-1])
        and (not isinstance(scale, np.ndarray) or scale.shape[-1] == 1)
    )


# ------------------------------------------------------------------------------------- what is called


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
    problem, how = _admitted(query, key, value, mask, bias, scale, softcap, sinks, dropout, block, threads)
    out, saved = _descended(problem, how)
    return round_to(out, *problem.given[:3]), saved


def _admitted(*arguments: Any) -> tuple[Tiled, How]:
    """The arguments of `fast_attention`, and how the work is done."""
    *given, block, threads = arguments
    problem = tiled(*given)
    return problem, How(None if block is None else block_of(block, problem.shape), _threads(threads))


@quiet
def _descended(problem: Tiled, how: How) -> tuple[Array, FastSaved]:
    """out, patched where something was not finite, and what is saved."""
    if not _suits(problem):
        slow = descend(STEPS, ONLINE, problem, how.block or block_of(None, problem.shape))
        return slow.out, FastSaved(slow.out, slow.lse, None, problem, None, how, slow)
    if all_finite(problem):
        work = work_of(problem, how)
        out, of_rows, fine = _forward(work, how)
        if fine:
            return out, FastSaved(out, _natural(problem, of_rows), of_rows, problem, work, how, None)
    slow = descend(STEPS, ONLINE, problem, how.block or block_of(None, problem.shape))
    work = work_of(cleaned(problem), how)
    computed, of_rows, _ = _forward(work, how)
    rows, clipped = spoiled_rows(problem, SIDE), ~sound(of_rows.lse2())
    lse = np.where(rows | clipped, slow.lse, _natural(problem, of_rows))
    untouched = ~rows[..., None] & np.isfinite(slow.out) & np.isfinite(computed)
    saved = FastSaved(computed, lse, of_rows, problem, work, how, slow)
    return np.where(untouched, computed, slow.out), saved


def _natural(problem: Tiled, of_rows: OfRows) -> Array:
    """lse, which for a row that attends to nothing is its sink, to the bit."""
    lse = np.asarray(of_rows.lse2() * of_rows.base.dtype.type(1 / LOG2_E))
    return lse if problem.sinks is None else np.where(of_rows.largest == 0, problem.sinks[..., None], lse)


def _threads(threads: int | None) -> int | None:
    if threads is None:
        return None
    number = whole_numbers("threads", threads, least=1)
    if number.ndim:
        raise TypeError(f"threads has shape {number.shape}; one whole number or None is expected")
    return int(number)


def fast_attention_backward(
    d_out: npt.ArrayLike, saved: FastSaved, *, d_lse: npt.ArrayLike | None = None
) -> AttentionGradients:
    """The gradients of <d_out, out> + <d_lse, lse>, by the tiles and threads of the forward.

    Parameters
    ----------
    d_out : the shape of out, (..., H, L, E)
    saved : what fast_attention_forward gave
    d_lse : (..., H, L), the cotangent of saved.lse, or None for zero

    Returns
    -------
    AttentionGradients
        Each in its argument's shape and dtype; None for an optional argument that was not given.

    Raises
    ------
    TypeError, ValueError
        For a saved that fast_attention_forward did not give, and cotangents that do not fit.

    Examples
    --------
    >>> out, saved = fast_attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0)
    >>> fast_attention_backward(np.eye(2), saved).d_value
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    if not isinstance(saved, FastSaved):
        raise TypeError(f"saved is {type(saved).__name__}, not what fast_attention_forward gave")
    d_out, d_lse = cotangents(d_out, d_lse, saved.out, saved.lse)
    return gradients_of(_ascended(d_out, d_lse, saved), saved.problem)


@quiet
def _ascended(d_out: Array, d_lse: Array, saved: FastSaved) -> Sequence[Any]:
    """The gradients in the shapes of `Tiled`, patched where something is not finite."""
    problem, how = saved.problem, saved.how
    finite_above = is_finite(d_out) and is_finite(d_lse)
    real = d_out.dtype.kind == d_lse.dtype.kind == "f"
    if saved.work is not None and saved.slow is None and finite_above and real:
        gradients = _backward(saved, d_out, d_lse)
        if all(is_finite(x) for x in gradients if x is not None):
            return gradients
    slow = saved.slow or descend(STEPS, ONLINE, problem, how.block or block_of(None, problem.shape))
    slow_gradients = ascend(STEPS, ONLINE, d_out, d_lse, slow)
    if saved.work is None or not real:
        return slow_gradients
    rows, saved = spoiled_rows(problem, SIDE), saved._replace(work=work_of(cleaned(problem), how))
    computed = _backward(saved, np.where(rows[..., None], 0, finite(d_out)), np.where(rows, 0, finite(d_lse)))
    theirs = slow._replace(problem=only(problem, rows))
    of_spoiled = ascend(STEPS, ONLINE, d_out, np.where(rows, d_lse, 0), theirs)
    return [merged(*each) for each in zip(computed, of_spoiled, slow_gradients, strict=True)]


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

    The mathematics is that of `blockwise_attention`, whose docstring derives it; `fast_tiles.py` says what
    is done otherwise, and what each of it gains.

    Parameters
    ----------
    query, key, value, mask, bias, scale, softcap, sinks, dropout : as in `attention`.
    block : the most rows and columns of a tile, or None for what suits.
    threads : how many compute at once, or None: as many as BLAS would use. No bit of the result depends on
        it. More than one needs threadpoolctl (`pip install numpy_attention[fast]`), which holds BLAS to
        one thread meanwhile, for the whole process; without it BLAS's own threads do the products.

    Returns
    -------
    out : (..., H, L, E), in the result_type of query, key and value, which is also what is computed in
        (float16 in float32), where `attention` computes in float64. Complex numbers, and a scale that is
        not the same for all keys of a query, are handed to `blockwise_attention`.

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
    Dao et al. 2022 and Dao 2024 (FlashAttention), for the tiles; what is measured here is in `benchmarks`.
    """
    problem, how = _admitted(
        promote(query), promote(key), promote(value), mask, promote(bias), promote(scale), softcap,
        promote(sinks), dropout, block, threads,
    )  # fmt: skip
    return round_to(_descended(problem, how)[0], *problem.given[:3], fresh=True)
