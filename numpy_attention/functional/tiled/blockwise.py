"""Attention tile by tile: the numbers of `attention`, with one tile of scores in memory at a time.

    for each block of queries:            for each block of queries:
        for each block of keys:               for each block of keys:
            steps 1 to 4 on the tile              steps 1 to 4 again
            online softmax, steps 6 and 7         weights from lse, then the steps backwards

Memory grows with L + S, not with L * S. Fast attention kernels work like this; here it is written to be
read. The steps are those of `steps.py`, except softmax, which needs whole rows and becomes `ONLINE`.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..attention.attention import AttentionGradients, admit_steps
from ..attention.biases import Bias
from ..attention.dropout import Dropout
from ..attention.steps import STEPS, Steps, ValuesSaved, values_forward
from ..base.admission import Array, explained, quiet
from ..base.arrays import (
    Pair,
    accurate_sum,
    backward_of,
    keep_visible,
    promote,
    round_to,
    shape_repr,
    unbroadcast,
)
from ..base.stable import sink_weights
from ..masks.mask import Mask
from .online_softmax import ONLINE, OnlineSoftmax, admit_online
from .tiling import TiledArguments, admit_cotangents, admit_tiled, slices, tile_shape, tile_view, to_gradients


@shape_repr
class BlockwiseSaved(NamedTuple):
    """What backward needs: out (..., H, L, E) before rounding, lse (..., H, L), what its rounding lost."""

    out: Array
    lse: Array
    lse_rest: Array
    problem: TiledArguments
    block: tuple[int, int]
    steps: Steps
    online: OnlineSoftmax


# ------------------------------------------------------------------------------------------ forward


@quiet
def forward_tiles(
    steps: Steps, online: OnlineSoftmax, problem: TiledArguments, block: tuple[int, int]
) -> BlockwiseSaved:
    """out and lse, block of rows by block of rows."""
    *heads, L, _ = problem.shape
    out = np.zeros((*heads, L, problem.value.shape[-1]), dtype=problem.query.dtype)
    lse, rest = np.empty((2, *heads, L), dtype=problem.query.dtype)
    for rows in slices(L, block[0]):
        so_far = online.start(problem.sinks, out[..., rows, :])
        attends = np.zeros((*so_far.out.shape[:-1], 1), dtype=bool)
        for columns, visible in problem.visible_tiles(rows, block[1]):
            masked = _scores(steps, problem, rows, columns, visible)[0]
            exponentials, shrink, so_far = online.include(so_far, masked)
            thinned, _ = steps.dropout.forward(exponentials, problem.multipliers(rows, columns), visible)
            product, _ = steps.values.forward(thinned, problem.value[..., columns, :], visible)
            so_far = so_far._replace(out=so_far.out + product)
            attends |= True if visible is None else visible.any(axis=-1, keepdims=True)
        out[..., rows, :], lse[..., rows], rest[..., rows] = online.finish(so_far, attends)
    return BlockwiseSaved(out, lse, rest, problem, block, steps, online)


def _scores(
    steps: Steps, problem: TiledArguments, rows: slice, columns: slice, visible: Array | None
) -> tuple[Array, tuple[Any, ...]]:
    """Steps 1 to 4 on a tile, with what each of them saved."""
    query, key = problem.query[..., rows, :], problem.key[..., columns, :]
    scores, saved_1 = steps.score.forward(query, key, problem.scale_tile(rows, columns), visible)
    capped, saved_2 = steps.softcap.forward(scores, problem.softcap, visible)
    biased, saved_3 = steps.bias.forward(capped, problem.bias_tile(rows, columns))
    masked, saved_4 = steps.mask.forward(biased, visible)
    return masked, (saved_1, saved_2, saved_3, saved_4)


# ----------------------------------------------------------------------------------------- backward

PEAK = 3 / 4
"""A weight above this is a peak. With 1/2, two equal weights rounded up would both be peaks."""


@quiet
def backward_tiles(d_out: Array, d_lse: Array, saved: BlockwiseSaved) -> AttentionGradients:
    """Recompute each tile's weights from lse, and undo the steps on it."""
    steps, online, problem = saved.steps, saved.online, saved.problem
    sums = _zero_gradients(problem, np.result_type(saved.out, d_out))
    for rows in slices(problem.shape[-2], saved.block[0]):
        lse, rest, d_lse_rows = (x[..., rows, None] for x in (saved.lse, saved.lse_rest, d_lse))
        d_rows = d_out[..., rows, :]
        delta = (d_rows * saved.out[..., rows, :]).sum(axis=-1, keepdims=True)
        attends, count, peaks = np.zeros(lse.shape, dtype=bool), np.zeros(lse.shape, dtype=int), []
        others = np.zeros_like(delta)  # row sums of d_masked without the peaks
        for columns, visible in problem.visible_tiles(rows, saved.block[1]):
            masked, saved_scores = _scores(steps, problem, rows, columns, visible)
            weights = online.recompute_weights(masked, lse, rest, visible)
            thinned, saved_6 = steps.dropout.forward(weights, problem.multipliers(rows, columns), visible)
            saved_7 = _values_saved(steps, thinned, problem.value[..., columns, :], visible)
            # product = thinned @ value
            d_thinned, d_value = steps.values.backward(d_rows, saved_7)
            # thinned = weights * multipliers
            d_weights = steps.dropout.backward(d_thinned, saved_6)
            # weights = exp(masked - lse)
            d_masked = online.backward_tile(d_weights, weights, delta, d_lse_rows, visible)
            peak = weights.real > PEAK
            if peak.any():
                peaks.append((columns, visible, peak, d_masked))
                count += peak.sum(axis=-1, keepdims=True)  # more than one among complex weights
                d_masked = np.where(peak, 0, d_masked)
            sums.d_value[..., columns, :] += d_value
            _scores_backward(steps, sums, problem, rows, columns, d_masked, saved_scores)
            others += accurate_sum(d_masked, axis=-1, keepdims=True)
            attends |= True if visible is None else visible.any(axis=-1, keepdims=True)
        d_sinks = np.zeros_like(delta)
        if problem.sinks is not None:
            sink = problem.sinks[..., None, None]
            d_sinks = sink_weights(np.exp((sink - lse) - rest), sink) * (
                d_lse_rows - keep_visible(delta, attends)
            )
            sums.d_sinks[...] += unbroadcast(accurate_sum(d_sinks[..., 0], axis=-1), problem.sinks.shape)
        for columns, visible, peak, own in peaks:
            _, saved_scores = _scores(steps, problem, rows, columns, visible)
            d_peak = np.where(np.isfinite(own) & (count == 1), d_lse_rows - d_sinks - others, own)
            d_masked = np.where(peak, d_peak, 0)
            _scores_backward(steps, sums, problem, rows, columns, d_masked, saved_scores)
    return sums


def _values_saved(steps: Steps, thinned: Array, value: Array, visible: Array | None) -> Any:
    """What step 7 saved on a tile: the usual one its arguments, so its product is not repeated."""
    if steps.values.forward is values_forward:
        return ValuesSaved(thinned, value, visible)
    return steps.values.forward(thinned, value, visible)[1]


def _zero_gradients(problem: TiledArguments, dtype: np.dtype[Any]) -> AttentionGradients:
    bias = problem.bias.parameter if isinstance(problem.bias, Bias) else problem.bias
    scale = problem.scale if isinstance(problem.scale, np.ndarray) else None
    arguments = (problem.query, problem.key, problem.value, bias, scale, problem.sinks)
    return AttentionGradients(*(None if x is None else np.zeros(x.shape, dtype=dtype) for x in arguments))


def _scores_backward(
    steps: Steps, sums: AttentionGradients, problem: TiledArguments, rows: slice, columns: slice,
    d_masked: Array, saved: tuple[Any, ...],
) -> None:  # fmt: skip
    """Undo `_scores` on a tile, and accumulate the gradients."""
    saved_1, saved_2, saved_3, saved_4 = saved
    # masked = where(visible, biased, -inf)
    d_biased = steps.mask.backward(d_masked, saved_4)
    # biased = capped + bias
    d_capped, d_bias = steps.bias.backward(d_biased, saved_3)
    # capped = softcap * tanh(scores / softcap)
    d_scores = steps.softcap.backward(d_capped, saved_2)
    # scores = scale * query @ keyᵀ
    d_query, d_key, d_scale = steps.score.backward(d_scores, saved_1)
    sums.d_query[..., rows, :] += d_query
    sums.d_key[..., columns, :] += d_key
    if isinstance(problem.bias, Bias):
        sums.d_bias[...] += problem.bias.tile_gradient(d_bias, rows, columns, *problem.shape[-2:])
    elif sums.d_bias is not None:
        tile_view(sums.d_bias, rows, columns)[...] += d_bias
    if sums.d_scale is not None:
        tile_view(sums.d_scale, rows, columns)[...] += d_scale


# --------------------------------------------------------------------------------- public functions


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
    online: OnlineSoftmax = ONLINE,
) -> tuple[Any, BlockwiseSaved]:
    """Attention tile by tile, with what its backward needs: see `blockwise_attention`.

    Examples
    --------
    >>> out, saved = blockwise_attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0, block=(1, 1))
    >>> out, saved.lse
    (array([[0.5, 0.5],
           [0.5, 0.5]]), array([0.69314718, 0.69314718]))
    """
    problem = admit_tiled(query, key, value, mask, bias, scale, softcap, sinks, dropout)
    saved = forward_tiles(admit_steps(steps), admit_online(online), problem, tile_shape(block, problem.shape))
    return round_to(saved.out, *problem.arguments[:3]), saved


@backward_of(BlockwiseSaved)
def blockwise_attention_backward(
    d_out: npt.ArrayLike,
    saved: BlockwiseSaved,
    *,
    d_lse: npt.ArrayLike | None = None,
) -> AttentionGradients:
    """The gradients of <d_out, out> + <d_lse, lse>: derived in `blockwise_attention`.

    Parameters
    ----------
    d_out : the shape of out, (..., H, L, E)
    saved : from blockwise_attention_forward, or the forward of blockwise_attention_with(steps, online)
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
    >>> out, saved = blockwise_attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0, block=(1, 1))
    >>> blockwise_attention_backward(np.eye(2), saved).d_value
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    d_out, d_lse = admit_cotangents(d_out, d_lse, saved.out, saved.lse)
    return to_gradients(backward_tiles(d_out, d_lse, saved), saved.problem)


@explained
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
    """Attention tile by tile, in memory that grows with L + S, not with L * S.

    **Forward: the online softmax.** Let a row's scores come in tiles x_1, x_2, …, and let

        top_t = max(x_1, …, x_t);  summed_t = Σ exp(x - top_t);  out_t = Σ exp(x - top_t) * value

    over all tiles so far. A new tile changes the unit from exp(top_t) to exp(top_{t+1}), so that

        summed_{t+1} = exp(top_t - top_{t+1}) * summed_t + Σ_new exp(x - top_{t+1})

    and out_{t+1} likewise. No exponential exceeds 1. At the end out = out_T / summed_T, and
    lse = top_T + log(summed_T). A sink is a score before the first tile.

    **Backward: lse is enough.** A row's weights are exp(x - lse), so a tile's weights follow from its
    scores alone, and the steps are undone on it as in `attention_backward`. Step 5 also needs one number
    about the whole row, delta = Σ weights * d_weights. With d_weights = multipliers * (d_out · value) this
    is d_out · Σ weights * multipliers * value = d_out · out, known beforehand.

    **The peak.** `attention` subtracts from each row of d_weights its entry at the largest weight, so that
    nothing cancels there. That entry is in one tile only, and finding it first would take another pass.
    Instead, d_masked at a weight above 3/4 is computed last: a row of d_masked, its sink included, sums to
    d_lse, so it is d_lse minus the other entries, none of which is large. Where no weight exceeds 3/4,
    weights * (d_weights - delta) loses two bits at most.

    Parameters
    ----------
    query, key, value, mask, bias, scale, softcap, sinks, dropout : as in `attention`. Values for mask,
        bias and dropout are evaluated by tile; fully masked tiles are skipped.
    block : (rows, columns) of a tile, or None: squares of about a million scores over all heads together.

    Returns
    -------
    out : (..., H, L, E), in the result_type of query, key and value, which is also the precision of the
        computation (float16 in float32), where `attention` computes in float64.

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


@explained
def blockwise_attention_with(steps: Steps = STEPS, online: OnlineSoftmax = ONLINE) -> Pair:
    """Blockwise attention with other steps, or another online softmax: see `attention_with`.

    Parameters
    ----------
    steps : seven pairs, usually STEPS._replace(mask=…); softmax is not used
    online : the softmax in its place, usually ONLINE._replace(include=…)

    Returns
    -------
    Pair
        forward, called as `blockwise_attention_forward` is, and `blockwise_attention_backward`.

    Examples
    --------
    A kernel that forgets to rescale the output:

    >>> from numpy_attention.functional.tiled.online_softmax import include
    >>> def forgets(so_far, masked):
    ...     exponentials, shrink, new = include(so_far, masked)
    ...     return exponentials, shrink, new._replace(out=so_far.out)
    >>> wrong = blockwise_attention_with(online=ONLINE._replace(include=forgets))
    >>> query, key, value = np.ones((1, 1)), np.array([[0.0], [1.0]]), np.array([[1.0], [1.0]])
    >>> wrong.forward(query, key, value, block=(1, 1))[0]
    array([[1.46211716]])
    """
    forward = partial(blockwise_attention_forward, steps=admit_steps(steps), online=admit_online(online))
    return Pair(forward, blockwise_attention_backward)
