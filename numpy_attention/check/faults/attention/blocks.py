"""Mistakes in the online softmax, which takes the keys in blocks and keeps a running maximum and sum.

    for each block   top ← max(top, max(block));  sum ← sum * exp(old top - top) + Σ exp(block - top)

They are planted with two blocks: the first half of the keys, and the rest.
"""

import math

import numpy as np

from ....functional.attention.steps import (
    Normalised,
    SoftmaxStepGradients,
    SoftmaxStepSaved,
    softmax_step_backward,
    softmax_step_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import keep_visible
from ....functional.base.stable import finite_shift, row_maximum
from ...reference.inputs import Inputs
from ..conditions import has_choice, visible_of, with_option
from ..fault import FaultFamily, textbook_softmax_backward

BLOCKS = FaultFamily("lse")

Forward = tuple[Normalised, SoftmaxStepSaved]


def _both_blocks(call: Inputs) -> bool:
    """Where a row sees keys of both blocks, the first half of the keys and the rest."""
    visible, S = visible_of(call), call.lengths.S
    if visible is None:
        return S > 1
    return bool((visible[..., : S // 2].any(axis=-1) & visible[..., S // 2 :].any(axis=-1)).any())


def _first_block(call: Inputs) -> bool:
    """Where a row sees a key of the first block, the first half of the keys."""
    visible, S = visible_of(call), call.lengths.S
    return S > 1 if visible is None else bool(visible[..., : S // 2].any())


def _in_first(masked: Array) -> Array:
    """True for the keys of the first block."""
    S = masked.shape[-1]
    return np.asarray(np.arange(S) < S // 2)


def _maximum_growth(masked: Array) -> Array:
    """exp(new maximum - old maximum) of the second block; 1 where the first one is fully masked."""
    old = row_maximum(np.where(_in_first(masked), masked, -np.inf))
    rise = np.exp(finite_shift(row_maximum(masked)) - finite_shift(old))
    return np.where(np.isfinite(old) & np.isfinite(rise), rise, 1)


def _block_sums(weights: Array) -> tuple[Array, Array]:
    """The sum of each row's weights over the first block, and over the second."""
    first = np.where(_in_first(weights), weights, 0)
    return first.sum(axis=-1, keepdims=True), (weights - first).sum(axis=-1, keepdims=True)


def _divided_by(factor: Array, weights: Array, lse: Array, saved: SoftmaxStepSaved) -> Forward:
    """Weights and lse of rows whose sum is wrong by a factor; backward uses the same weights."""
    weights = keep_visible(weights / factor, saved.visible)
    sink_weights = None if saved.sink_weights is None else saved.sink_weights / factor
    kept = saved._replace(weights=weights, sink_weights=sink_weights)
    return Normalised(weights, lse + np.log(factor[..., 0])), kept


def _with_lse(lse: Array, masked: Array, right: Forward) -> Forward:
    """Right weights with a wrong lse, from which backward recomputes them: exp(masked - lse)."""
    (weights, _), saved = right
    recomputed = np.where(weights == 0, 0, np.exp(np.minimum((masked - lse[..., None]).real, 300)))
    return Normalised(weights, lse), saved._replace(weights=recomputed)


@BLOCKS.forward("softmax", backward=textbook_softmax_backward, active=_both_blocks)
def stale_maximum(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """The second block's exponentials are summed relative to the first block's maximum, not yet updated."""
    (weights, lse), saved = softmax_step_forward(masked, sinks, visible)
    _, second = _block_sums(weights)
    return _divided_by(1 + second * (_maximum_growth(masked) - 1), weights, lse, saved)


@BLOCKS.forward("softmax", backward=textbook_softmax_backward, active=_both_blocks)
def sum_not_rescaled(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """When the maximum rises, the running sum is not rescaled by exp(old - new); the output is."""
    (weights, lse), saved = softmax_step_forward(masked, sinks, visible)
    first, _ = _block_sums(weights)
    return _divided_by(1 + first * (_maximum_growth(masked) - 1), weights, lse, saved)


@BLOCKS.forward("softmax", active=_both_blocks)
def output_not_rescaled(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """When the maximum rises, the accumulated output is not rescaled by exp(old - new); the sum is."""
    (weights, lse), saved = softmax_step_forward(masked, sinks, visible)
    weights = np.where(_in_first(masked), weights * _maximum_growth(masked), weights)
    return Normalised(weights, lse), saved


@BLOCKS.forward("softmax", active=_first_block)
def last_block_only(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """Every block overwrites the one before it: weights and lse are those of the last block alone."""
    last = np.where(_in_first(masked), -np.inf, masked)
    return softmax_step_forward(last, sinks, visible)


@BLOCKS.forward("softmax")
def lse_in_wrong_base(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """lse is stored as a base-2 logarithm, for exp2, and read as a natural one."""
    right = softmax_step_forward(masked, sinks, visible)
    return _with_lse(right[0].lse / math.log(2), masked, right)


@BLOCKS.forward("softmax")
def lse_without_maximum(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """lse is the logarithm of the shifted sum: the subtracted maximum is not added back."""
    right = softmax_step_forward(masked, sinks, visible)
    return _with_lse(right[0].lse - finite_shift(row_maximum(masked))[..., 0], masked, right)


@BLOCKS.backward("softmax", active=with_option("d_lse"))
def lse_without_gradient(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The cotangent of lse is ignored.

    flash-attention#404, #889.
    """
    d_weights, d_lse = d_normalised
    return softmax_step_backward((d_weights, np.zeros(d_lse.shape)), saved)


@BLOCKS.backward("softmax", active=has_choice)
def row_sum_of_last_block(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """Backward's row sum is taken over the last block of keys alone."""
    d_weights, d_lse = keep_visible(d_normalised[0], saved.visible), d_normalised[1][..., None]
    _, last = _block_sums(saved.weights * d_weights)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=saved.weights * (d_weights - last + d_lse))
