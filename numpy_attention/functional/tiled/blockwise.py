"""Attention tile by tile: the same numbers, and never more of the scores at once than one tile of them.

    for each block of queries:            for each block of queries:
        for each block of keys:               for each block of keys:
            five steps on the tile                the same steps again, from lse
            softmax so far                        and back through them

Memory grows with L + S and not with L * S. This is how fast attention kernels work; here it is written to be
read. The steps are those of `steps.py`, which act alike on a tile; only softmax, which needs whole rows, is
another one: `ONLINE`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..attention.dropout import Dropout
from ..attention.steps import STEPS, Steps, ValuesSaved
from ..base.admission import Array, quiet
from ..base.arrays import Pair, accurate_sum, keep_visible, promote, round_to, shape_repr, unbroadcast
from ..masks.mask import Mask
from .online_softmax import ONLINE, Online
from .tiling import Tiled, block_of, cotangents, gradients_of, part, slices, tiled


@shape_repr
class BlockwiseSaved(NamedTuple):
    """What backward needs: out (..., H, L, E) before rounding, lse (..., H, L), the arguments, the tiles."""

    out: Array
    lse: Array
    problem: Tiled
    block: tuple[int, int]


# ------------------------------------------------------------------------------------------- there


class ScoresSaved(NamedTuple):
    """What steps 1 to 4 saved of a tile."""

    score: Any
    softcap: Any
    bias: Any
    mask: Any


def _scores(
    steps: Steps, problem: Tiled, rows: slice, columns: slice, visible: Array | None
) -> tuple[Array, ScoresSaved]:
    """Steps 1 to 4 on a tile."""
    query, key = problem.query[..., rows, :], problem.key[..., columns, :]
    scores, saved_1 = steps.score.forward(query, key, problem.scaled_by(rows, columns), visible)
    capped, saved_2 = steps.softcap.forward(scores, problem.softcap, visible)
    biased, saved_3 = steps.bias.forward(capped, problem.biased_by(rows, columns))
    masked, saved_4 = steps.mask.forward(biased, visible)
    return masked, ScoresSaved(saved_1, saved_2, saved_3, saved_4)


def _tiles(problem: Tiled, rows: slice, step: int) -> Iterator[tuple[slice, Array | None]]:
    """The blocks of keys that some of `rows` see, and which pairs of them: None where all do."""
    L, S = problem.shape[-2:]
    first, last = (0, S) if problem.mask is None else problem.mask.span(rows, L, S)
    for columns in slices(S, step, first, last):
        visible = problem.visible(rows, columns)
        if not isinstance(visible, bool):
            yield columns, visible
        elif visible:
            yield columns, None


@quiet
def descend(steps: Steps, online: Online, problem: Tiled, block: tuple[int, int]) -> BlockwiseSaved:
    """Block of rows after block of rows, each tile by tile."""
    *heads, L, _ = problem.shape
    E = problem.value.shape[-1]
    out = np.zeros((*heads, L, E), dtype=problem.query.dtype)
    lse = np.empty((*heads, L), dtype=problem.query.dtype)
    for rows in slices(L, block[0]):
        so_far = online.start(problem.sinks, out[..., rows, :])
        attends = np.zeros((*so_far.out.shape[:-1], 1), dtype=bool)
        for columns, visible in _tiles(problem, rows, block[1]):
            masked, _ = _scores(steps, problem, rows, columns, visible)
            exponentials, shrink, so_far = online.include(so_far, masked)
            thinned, _ = steps.dropout.forward(exponentials, problem.multipliers(rows, columns), visible)
            product, _ = steps.values.forward(thinned, problem.value[..., columns, :], visible)
            so_far = so_far._replace(out=so_far.out + product)
            attends |= True if visible is None else visible.any(axis=-1, keepdims=True)
        out[..., rows, :], lse[..., rows] = online.finish(so_far, attends)
    return BlockwiseSaved(out, lse, problem, block)


# --------------------------------------------------------------------------------------------- and back


class _Sums(NamedTuple):
    """The gradients so far, added to in place, tile by tile."""

    d_query: Any
    d_key: Any
    d_value: Any
    d_bias: Any
    d_scale: Any
    d_sinks: Any


def _nothing_yet(problem: Tiled, dtype: np.dtype[Any]) -> _Sums:
    bias = problem.bias.parameter if isinstance(problem.bias, Bias) else problem.bias
    scale = problem.scale if isinstance(problem.scale, np.ndarray) else None
    arguments = (problem.query, problem.key, problem.value, bias, scale, problem.sinks)
    return _Sums(*(None if x is None else np.zeros(x.shape, dtype=dtype) for x in arguments))


def _collect(
    steps: Steps,
    sums: _Sums,
    problem: Tiled,
    rows: slice,
    columns: slice,
    d_masked: Array,
    saved: ScoresSaved,
) -> None:
    """Steps 4 to 1 upwards on a tile, and what they give added to the sums."""
    d_biased = steps.mask.backward(d_masked, saved.mask)
    d_capped, d_bias = steps.bias.backward(d_biased, saved.bias)
    d_scores = steps.softcap.backward(d_capped, saved.softcap)
    d_query, d_key, d_scale = steps.score.backward(d_scores, saved.score)
    sums.d_query[..., rows, :] += d_query
    sums.d_key[..., columns, :] += d_key
    if isinstance(problem.bias, Bias):
        sums.d_bias[...] += problem.bias.tile_gradient(d_bias, rows, columns, *problem.shape[-2:])
    elif sums.d_bias is not None:
        part(sums.d_bias, rows, columns)[...] += d_bias
    if sums.d_scale is not None:
        part(sums.d_scale, rows, columns)[...] += d_scale


PEAK = 3 / 4
"""A weight above this is a peak. Not 1/2: of two keys that share a row, rounding would make two peaks."""


@quiet
def ascend(steps: Steps, online: Online, d_out: Array, d_lse: Array, saved: BlockwiseSaved) -> _Sums:
    """The same tiles again, each recomputed from lse and undone."""
    problem, sums = saved.problem, _nothing_yet(saved.problem, np.result_type(saved.out, d_out))
    for rows in slices(problem.shape[-2], saved.block[0]):
        lse, d_lse_rows = saved.lse[..., rows, None], d_lse[..., rows, None]
        d_rows = d_out[..., rows, :]
        delta = (d_rows * saved.out[..., rows, :]).sum(axis=-1, keepdims=True)
        attends = np.zeros(lse.shape, dtype=bool)
        others = np.zeros_like(delta)  # the row sums of d_masked, their peaks left out
        peaks = []
        for columns, visible in _tiles(problem, rows, saved.block[1]):
            masked, saved_scores = _scores(steps, problem, rows, columns, visible)
            weights = online.recall(masked, lse, visible)
            thinned, saved_6 = steps.dropout.forward(weights, problem.multipliers(rows, columns), visible)
            saved_7 = ValuesSaved(thinned, problem.value[..., columns, :], visible)  # out is known
            d_thinned, d_value = steps.values.backward(d_rows, saved_7)
            d_weights = steps.dropout.backward(d_thinned, saved_6)
            d_masked = online.undo(d_weights, weights, delta, d_lse_rows, visible)
            peak = weights.real > PEAK
            if peak.any():
                peaks.append((columns, visible, peak, d_masked))
                d_masked = np.where(peak, 0, d_masked)
            sums.d_value[..., columns, :] += d_value
            _collect(steps, sums, problem, rows, columns, d_masked, saved_scores)
            others += accurate_sum(d_masked, axis=-1, keepdims=True)
            attends |= True if visible is None else visible.any(axis=-1, keepdims=True)
        d_sinks = np.zeros_like(delta)
        if problem.sinks is not None:
            sink = problem.sinks[..., None, None]
            sink_weights = keep_visible(np.exp(sink - lse), sink.real != -np.inf)
            d_sinks = sink_weights * (d_lse_rows - keep_visible(delta, attends))
            sums.d_sinks[...] += unbroadcast(accurate_sum(d_sinks[..., 0], axis=-1), problem.sinks.shape)
        for columns, visible, peak, own in peaks:
            _, saved_scores = _scores(steps, problem, rows, columns, visible)
            rest = np.where(np.isfinite(own), d_lse_rows - d_sinks - others, own)
            rest = np.where(peak, rest, 0)
            _collect(steps, sums, problem, rows, columns, rest, saved_scores)
    return sums


# -------------------------------------------------------------------------------------- what is called


@quiet
def blockwise_attention_forward(
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
    steps: Steps = STEPS,
    online: Online = ONLINE,
) -> tuple[Any, BlockwiseSaved]:
    """Attention tile by tile, with what its backward needs: see `blockwise_attention`.

    Examples
    --------
    >>> out, saved = blockwise_attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0, block=(1, 1))
    >>> out, saved.lse
    (array([[0.5, 0.5],
           [0.5, 0.5]]), array([0.69314718, 0.69314718]))
    """
    problem = tiled(query, key, value, mask, bias, scale, softcap, sinks, dropout)
    saved = descend(steps, online, problem, block_of(block, problem.shape))
    given = problem.given
    return round_to(saved.out, given.query, given.key, given.value), saved


def blockwise_attention_backward(
    d_out: npt.ArrayLike,
    saved: BlockwiseSaved,
    *,
    d_lse: npt.ArrayLike | None = None,
    steps: Steps = STEPS,
    online: Online = ONLINE,
) -> AttentionGradients:
    """The gradients of <d_out, out> + <d_lse, lse>: see `blockwise_attention` for how.

    Parameters
    ----------
    d_out : the shape of out, (..., H, L, E)
    saved : what blockwise_attention_forward gave
    d_lse : (..., H, L), the cotangent of saved.lse, or None for zero

    Returns
    -------
    AttentionGradients
        Each in its argument's shape and dtype; None for an optional argument that was not given.

    Raises
    ------
    TypeError, ValueError
        For a saved that blockwise_attention_forward did not give, and cotangents that do not fit.

    Examples
    --------
    >>> out, saved = blockwise_attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0, block=(1, 1))
    >>> blockwise_attention_backward(np.eye(2), saved).d_value
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    if not isinstance(saved, BlockwiseSaved):
        raise TypeError(f"saved is {type(saved).__name__}, not what blockwise_attention_forward gave")
    d_out, d_lse = cotangents(d_out, d_lse, saved.out, saved.lse)
    return gradients_of(ascend(steps, online, d_out, d_lse, saved), saved.problem)


def blockwise_attention(
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
) -> Any:
    """Attention tile by tile, in memory that grows with L + S and not with L * S.

    **Forward: the online softmax.** Let a row's scores come in tiles x_1, x_2, …, and let

        top_t = max(x_1, …, x_t);  summed_t = Σ exp(x - top_t);  out_t = Σ exp(x - top_t) * value

    over all that has come. A new tile changes the unit from exp(top_t) to exp(top_{t+1}), so that

        summed_{t+1} = exp(top_t - top_{t+1}) * summed_t + Σ_new exp(x - top_{t+1})

    and out_{t+1} likewise. No exponential exceeds 1. At the end out = out_T / summed_T, and
    lse = top_T + log(summed_T). A sink is a score seen before the first tile.

    **Backward: lse is enough.** A row's weights are exp(x - lse), so that any tile of them comes back
    from its scores alone, and the seven steps are undone on it as in `attention_backward`. Step 5 needs
    one number more of the whole row, delta = Σ weights * d_weights. With d_weights = multipliers *
    (d_out · value) it is delta = d_out · Σ weights * multipliers * value = d_out · out: known beforehand.

    **The peak.** `attention` subtracts from each row of d_weights its entry at the largest weight, so that
    nothing cancels there. That entry stands in one tile only, and waiting for it would cost a second look
    at all of them. Instead, where a weight exceeds 3/4 its own d_masked is left out, and comes last, from
    the law that a row of d_masked, its sink included, sums to d_lse: minus the sum of the others, none of
    which is large. Where no weight exceeds 3/4, weights * (d_weights - delta) loses two bits at most.

    Parameters
    ----------
    query, key, value, mask, bias, scale, softcap, sinks, dropout : as in `attention`. Values for mask,
        bias and dropout are asked for one tile at a time; tiles that nobody sees are not computed.
    block : (rows, columns) of a tile, or None: squares of about a million scores, all heads together.

    Returns
    -------
    out : (..., H, L, E), in the result_type of query, key and value, which is also what is computed in
        (float16 in float32), where `attention` computes in float64.

    Raises
    ------
    TypeError, ValueError
        Before any work, naming the argument, what came and what was expected.

    Examples
    --------
    A query that matches the second key better, by log 3:

    >>> blockwise_attention([[np.log(3)]], [[0.0], [1.0]], [[10.0], [20.0]], block=(1, 1)).round(4)
    array([[17.5]])

    References
    ----------
    Milakov, Gimelshein 2018, algorithm 3, for the online softmax; Rabe, Staats 2021; Dao et al. 2022
    (FlashAttention), algorithms 1 and 4.
    """
    out, _ = blockwise_attention_forward(
        promote(query), promote(key), promote(value), mask=mask, bias=promote(bias),
        scale=promote(scale), softcap=softcap, sinks=promote(sinks), dropout=dropout, block=block,
    )  # fmt: skip
    return out


def blockwise_attention_with(steps: Steps = STEPS, online: Online = ONLINE) -> Pair:
    """Blockwise attention made of other steps, or of another softmax so far: see `attention_with`.

    Parameters
    ----------
    steps : seven pairs, mostly STEPS._replace(mask=…); the fifth is not used
    online : what stands in its place, mostly ONLINE._replace(include=…)

    Returns
    -------
    Pair
        forward and backward, called as `blockwise_attention_forward` and `_backward` are.

    Examples
    --------
    A kernel that forgets to shrink what it has summed:

    >>> from numpy_attention.functional.tiled.online_softmax import include
    >>> def forgets(so_far, masked):
    ...     exponentials, shrink, new = include(so_far, masked)
    ...     return exponentials, shrink, new._replace(out=so_far.out)
    >>> wrong = blockwise_attention_with(online=ONLINE._replace(include=forgets))
    >>> query, key, value = np.ones((1, 1)), np.array([[0.0], [1.0]]), np.array([[1.0], [1.0]])
    >>> wrong.forward(query, key, value, block=(1, 1))[0]
    array([[1.46211716]])
    """
    return Pair(
        partial(blockwise_attention_forward, steps=steps, online=online),
        partial(blockwise_attention_backward, steps=steps, online=online),
    )
