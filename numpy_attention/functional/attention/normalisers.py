"""Alternatives to softmax in step 5: STEPS._replace(softmax=SPARSEMAX).

    sigmoid    weights = σ(masked), independently for each key
    sparsemax  weights = max(masked - τ, 0), τ such that a row sums to 1
    entmax     weights = max(masked / 2 - τ, 0)², τ likewise (α = 1.5, half way from softmax to sparsemax)

Each has the signature of the softmax step. A sink is one more column, whose weight is dropped. lse remains
log Σ exp(masked), whatever the weights.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from ..base.admission import Array, quiet
from ..base.arrays import Pair, accurate_sum, backward_of, keep_visible, shape_repr, unbroadcast
from ..base.stable import entry_at_peak, finite_shift, row_maximum
from ..layers.activations import logistic
from .steps import (
    Normalised,
    SoftmaxStepGradients,
    SoftmaxStepSaved,
    softmax_step_backward,
    softmax_step_forward,
)


@shape_repr
class NormaliserSaved(NamedTuple):
    """Weights of the columns [masked, sinks] and their derivatives, the arguments, and softmax's saved."""

    weights: Array
    derivatives: Array
    sinks: Array | None
    visible: Array | None
    softmax: SoftmaxStepSaved


class SigmoidWeightsSaved(NormaliserSaved):
    """Of sigmoid weights."""


class SparsemaxWeightsSaved(NormaliserSaved):
    """Of sparsemax weights."""


class EntmaxWeightsSaved(NormaliserSaved):
    """Of entmax weights."""


_Arrays: TypeAlias = tuple[Array, Array]
_Formula: TypeAlias = Callable[[Array], _Arrays]


def _sigmoid(columns: Array) -> _Arrays:
    """Weights σ(x), derivatives σ(x) σ(-x)."""
    weights = np.where(columns.real == -np.inf, 0, logistic(columns))
    return weights, weights * logistic(-columns)


def _descending(columns: Array) -> _Arrays:
    """The entries of each row in descending order, and their ranks from 1."""
    order = np.argsort(-columns.real, axis=-1, kind="stable")
    rows = np.take_along_axis(columns, order, axis=-1)
    return rows, np.arange(1, columns.shape[-1] + 1)


def _entry_at_rank(values: Array, support: Array) -> Array:
    """values[support - 1] of each row, kept as an axis."""
    return np.asarray(np.take_along_axis(values, np.maximum(support - 1, 0), axis=-1))


def _sparsemax(columns: Array) -> _Arrays:
    """Martins and Astudillo 2016, algorithm 1: τ = (Σ_{support} x - 1) / |support|; derivatives 1 there."""
    if not columns.shape[-1]:
        return columns.copy(), columns.copy()
    rows, rank = _descending(columns)
    sums = np.cumsum(rows, axis=-1)
    inside = (1 + rank * rows > sums) & np.isfinite(rows)
    support = inside.sum(axis=-1, keepdims=True)
    threshold = (_entry_at_rank(sums, support) - 1) / np.maximum(support, 1)
    above = (columns.real > threshold.real) & (support > 0)
    return np.where(above, columns - threshold, 0), above.astype(columns.dtype)


def _entmax(columns: Array) -> _Arrays:
    """Peters, Niculae, Martins 2019, algorithm 2: of the k highest halves x, with mean m and mean square q,

    τ = m - √((1 - k (q - m²)) / k), for the largest k that has a solution; derivatives √weights.
    """
    if not columns.shape[-1]:
        return columns.copy(), columns.copy()
    halves = columns / 2
    rows, rank = _descending(halves)
    mean = np.cumsum(rows, axis=-1) / rank
    spread = np.cumsum(rows * rows, axis=-1) - rank * mean * mean
    thresholds = mean - np.sqrt(np.where(spread.real < 1, (1 - spread) / rank, 0))
    inside = (thresholds.real <= rows.real) & np.isfinite(rows) & (spread.real <= 1)
    support = inside.sum(axis=-1, keepdims=True)
    threshold = _entry_at_rank(thresholds, support)
    above = (halves.real > threshold.real) & (support > 0)
    roots = np.where(above, halves - threshold, 0)
    return roots * roots, roots


def _undefined_rows(masked: Array, columns: Array, visible: Array | None) -> Array:
    """True for rows whose weights are NaN: a column is NaN or inf, or every visible score is -inf."""
    infinite = (np.isnan(columns) | (columns.real == np.inf)).any(axis=-1, keepdims=True)
    any_visible = (np.ones(masked.shape, dtype=bool) if visible is None else visible).any(-1, keepdims=True)
    all_minus_infinity = (columns.real == -np.inf).all(axis=-1, keepdims=True)
    return np.asarray(infinite | (all_minus_infinity & any_visible))


def weights_of_columns(
    formula: _Formula, masked: Array, sinks: Array | None, visible: Array | None, sums_to_one: bool
) -> tuple[Normalised, NormaliserSaved]:
    """Step 5 with `formula` for the columns [masked, sinks]; NaN in the rows where it is not defined."""
    (_, lse), saved = softmax_step_forward(masked, sinks, visible)
    columns = masked
    if sinks is not None:
        column = np.broadcast_to(sinks[..., None, None], (*masked.shape[:-1], 1))
        columns = np.concatenate([masked, column], axis=-1)
    if sums_to_one:  # invariant under a shift, up to rounding
        columns = columns - finite_shift(row_maximum(columns))
    weights, derivatives = formula(columns)
    if sums_to_one:
        weights = np.where(_undefined_rows(masked, columns, visible), np.nan, weights)
    key_weights = keep_visible(weights[..., : masked.shape[-1]], visible)
    return Normalised(key_weights, lse), NormaliserSaved(weights, derivatives, sinks, visible, saved)


def _beside_sinks(d_weights: Array, saved: NormaliserSaved) -> Array:
    """d_weights of all columns: 0 where hidden, and for a sink, whose weight is dropped."""
    d_columns = keep_visible(d_weights, saved.visible)
    if saved.sinks is None:
        return d_columns
    return np.concatenate([d_columns, np.zeros((*d_columns.shape[:-1], 1))], axis=-1)


def centred(d_weights: Array, saved: NormaliserSaved) -> Array:
    """d_weights of all columns less ∂τ, their mean weighted by the derivatives.

    The entry at the peak goes first: that changes only the rounding, where one weight is almost 1.
    """
    d_columns, derivatives = _beside_sinks(d_weights, saved), saved.derivatives
    d_columns = d_columns - entry_at_peak(d_columns, derivatives)
    total = derivatives.sum(axis=-1, keepdims=True)
    mean = (derivatives * d_columns).sum(axis=-1, keepdims=True) / np.where(total == 0, 1, total)
    return np.asarray(d_columns - mean)


def gradients_of_columns(
    d_normalised: _Arrays, saved: NormaliserSaved, sums_to_one: bool
) -> SoftmaxStepGradients:
    """∂weights = derivatives * (∂masked - ∂τ), ∂τ = the mean of ∂masked weighted by derivatives, or 0."""
    _, derivatives, sinks, visible, softmax_saved = saved
    d_weights, d_lse = d_normalised
    S = d_weights.shape[-1]
    d_rows = derivatives * (centred if sums_to_one else _beside_sinks)(d_weights, saved)
    if d_lse.any():
        d_masked, d_sinks = softmax_step_backward((np.zeros_like(d_weights), d_lse), softmax_saved)
    else:  # the lse of an infinite score is not finite, and must not reach d_masked
        d_masked, d_sinks = np.zeros_like(d_weights), None if sinks is None else np.zeros(sinks.shape)
    if sinks is not None and d_sinks is not None:
        d_sinks = d_sinks + unbroadcast(accurate_sum(d_rows[..., S], axis=-1), sinks.shape)
    return SoftmaxStepGradients(keep_visible(d_rows[..., :S], visible) + d_masked, d_sinks)


@quiet
def sigmoid_weights_forward(
    masked: Array, sinks: Array | None = None, visible: Array | None = None
) -> tuple[Normalised, SigmoidWeightsSaved]:
    """weights = σ(masked)."""
    normalised, saved = weights_of_columns(_sigmoid, masked, sinks, visible, sums_to_one=False)
    return normalised, SigmoidWeightsSaved(*saved)


@backward_of(SigmoidWeightsSaved)
def sigmoid_weights_backward(d_normalised: _Arrays, saved: SigmoidWeightsSaved) -> SoftmaxStepGradients:
    """d_masked = d_weights * σ(masked) σ(-masked)."""
    return gradients_of_columns(d_normalised, saved, sums_to_one=False)


@quiet
def sparsemax_weights_forward(
    masked: Array, sinks: Array | None = None, visible: Array | None = None
) -> tuple[Normalised, SparsemaxWeightsSaved]:
    """weights = max(masked - τ, 0)."""
    normalised, saved = weights_of_columns(_sparsemax, masked, sinks, visible, sums_to_one=True)
    return normalised, SparsemaxWeightsSaved(*saved)


@backward_of(SparsemaxWeightsSaved)
def sparsemax_weights_backward(d_normalised: _Arrays, saved: SparsemaxWeightsSaved) -> SoftmaxStepGradients:
    """d_masked = d_weights - their mean, both on the support alone."""
    return gradients_of_columns(d_normalised, saved, sums_to_one=True)


@quiet
def entmax_weights_forward(
    masked: Array, sinks: Array | None = None, visible: Array | None = None
) -> tuple[Normalised, EntmaxWeightsSaved]:
    """weights = max(masked / 2 - τ, 0)²."""
    normalised, saved = weights_of_columns(_entmax, masked, sinks, visible, sums_to_one=True)
    return normalised, EntmaxWeightsSaved(*saved)


@backward_of(EntmaxWeightsSaved)
def entmax_weights_backward(d_normalised: _Arrays, saved: EntmaxWeightsSaved) -> SoftmaxStepGradients:
    """d_masked = √weights * (d_weights - their mean, weighted by √weights)."""
    return gradients_of_columns(d_normalised, saved, sums_to_one=True)


SIGMOID = Pair(sigmoid_weights_forward, sigmoid_weights_backward)
"""Weights σ(score), without competition between keys (Ramapuram et al. 2024, who add a bias of -log S)."""

SPARSEMAX = Pair(sparsemax_weights_forward, sparsemax_weights_backward)
"""The projection of the scores onto the simplex: many weights are exactly 0."""

ENTMAX = Pair(entmax_weights_forward, entmax_weights_backward)
"""entmax with α = 1.5, between softmax and sparsemax: smooth, with many weights exactly 0."""
