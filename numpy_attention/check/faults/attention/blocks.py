"""Mistakes of a softmax that goes over the keys in blocks, with a running maximum and a running sum.

    for each block   top ← max(top, max(block));  sum ← sum * exp(old top - top) + Σ exp(block - top)

Two blocks are enough to show them: each row's first half of the keys, and the rest.
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
from ..conditions import Call, has_choice, lengths_of, visible_of, with_option
from ..fault import FaultFamily

BLOCKS = FaultFamily("lse")

Forward = tuple[Normalised, SoftmaxStepSaved]


def _both_blocks(call: Call) -> bool:
    """Where a row sees keys of both blocks, the first half of the keys and the rest."""
    visible, S = visible_of(call), lengths_of(call).S
    if visible is None:
        return S > 1
    return bool((visible[..., : S // 2].any(axis=-1) & visible[..., S // 2 :].any(axis=-1)).any())


def _first_block(call: Call) -> bool:
    """Where a row sees a key of the first block, the first half of the keys."""
    visible, S = visible_of(call), lengths_of(call).S
    return S > 1 if visible is None else bool(visible[..., : S // 2].any())


def _in_first(masked: Array) -> Array:
    """Which keys are of the first block."""
    S = masked.shape[-1]
    return np.asarray(np.arange(S) < S // 2)


def _rise(masked: Array) -> Array:
    """exp(top - old top): by how much the second block raises the maximum; 1 if there was none before."""
    old = row_maximum(np.where(_in_first(masked), masked, -np.inf))
    rise = np.exp(finite_shift(row_maximum(masked)) - finite_shift(old))
    return np.where(np.isfinite(old) & np.isfinite(rise), rise, 1)


def _block_sums(weights: Array) -> tuple[Array, Array]:
    """The part of each row's sum that either block has."""
    first = np.where(_in_first(weights), weights, 0)
    return first.sum(axis=-1, keepdims=True), (weights - first).sum(axis=-1, keepdims=True)


def _normalised_by(factor: Array, weights: Array, lse: Array, saved: SoftmaxStepSaved) -> Forward:
    """The weights and lse of a row whose sum came out wrong by a factor; backward uses the same lse."""
    weights = keep_visible(weights / factor, saved.visible)
    sink_weights = None if saved.sink_weights is None else saved.sink_weights / factor
    kept = saved._replace(weights=weights, sink_weights=sink_weights)
    return Normalised(weights, lse + np.log(factor[..., 0])), kept


def _remembered_as(lse: Array, masked: Array, right: Forward) -> Forward:
    """Right weights, and a wrong lse from which backward computes them again: exp(masked - lse)."""
    (weights, _), saved = right
    recomputed = np.where(weights == 0, 0, np.exp(np.minimum((masked - lse[..., None]).real, 300)))
    return Normalised(weights, lse), saved._replace(weights=recomputed)


@BLOCKS.forward("softmax", active=_both_blocks)
def stale_maximum(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """The second block's exponentials are summed under the first's maximum, which is not yet updated."""
    (weights, lse), saved = softmax_step_forward(masked, sinks, visible)
    _, second = _block_sums(weights)
    return _normalised_by(1 + second * (_rise(masked) - 1), weights, lse, saved)


@BLOCKS.forward("softmax", active=_both_blocks)
def sum_not_rescaled(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """When the maximum rises, the running sum is not rescaled by exp(old - new); the output is."""
    (weights, lse), saved = softmax_step_forward(masked, sinks, visible)
    first, _ = _block_sums(weights)
    return _normalised_by(1 + first * (_rise(masked) - 1), weights, lse, saved)


@BLOCKS.forward("softmax", active=_both_blocks)
def output_not_rescaled(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """When the maximum rises, what the output has gathered is not rescaled by exp(old - new); the sum is."""
    (weights, lse), saved = softmax_step_forward(masked, sinks, visible)
    weights = np.where(_in_first(masked), weights * _rise(masked), weights)
    return Normalised(weights, lse), saved


@BLOCKS.forward("softmax", active=_first_block)
def last_block_only(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """Every block overwrites the one before it: weights and lse are those of the last block alone."""
    last = np.where(_in_first(masked), -np.inf, masked)
    return softmax_step_forward(last, sinks, visible)


@BLOCKS.forward("softmax")
def lse_in_wrong_base(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """lse is kept in units of log 2, as exp2 wants it, and read as a natural logarithm."""
    right = softmax_step_forward(masked, sinks, visible)
    return _remembered_as(right[0].lse / math.log(2), masked, right)


@BLOCKS.forward("softmax")
def lse_without_maximum(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """lse is the logarithm of the shifted sum: the maximum that was taken off is not added again."""
    right = softmax_step_forward(masked, sinks, visible)
    return _remembered_as(right[0].lse - finite_shift(row_maximum(masked))[..., 0], masked, right)


@BLOCKS.backward("softmax", active=with_option("d_lse"))
def lse_without_gradient(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The cotangent of lse is ignored.

    flash-attention#404, #889.
    """
    d_weights, d_lse = d_normalised
    return softmax_step_backward((d_weights, np.zeros(d_lse.shape)), saved)


@BLOCKS.backward("softmax", active=has_choice)
def row_sum_of_last_block(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The row sum of the backward is that of the last block of keys alone."""
    d_weights, d_lse = keep_visible(d_normalised[0], saved.visible), d_normalised[1][..., None]
    _, last = _block_sums(saved.weights * d_weights)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=saved.weights * (d_weights - last + d_lse))
