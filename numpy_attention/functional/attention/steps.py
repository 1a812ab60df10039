"""The seven steps of attention, each a forward and its backward.

    1  score     scores  = scale * query @ keyᵀ
    2  softcap   capped  = softcap * tanh(scores / softcap)
    3  bias      biased  = capped + bias
    4  mask      masked  = where(visible, biased, -inf)
    5  softmax   weights = softmax([masked, sinks]), the sinks' own share then dropped
    6  dropout   thinned = weights * multipliers
    7  values    out     = thinned @ value

    query (..., H, L, D)  key (..., G, S, D)  value (..., G, S, E)  everything between (..., H, L, S)

A step whose option is None returns its input. Masked entries are replaced, never multiplied by 0: their
gradients are exactly 0, and no other number depends on them, even if they are NaN.
"""

from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array
from ..base.arrays import (
    Pair,
    accurate_sum,
    backward_of,
    beside_zeros,
    keep_visible,
    shape_repr,
    transposed,
    unbroadcast,
    visible_product,
)
from ..base.grouped_heads import fold_groups, unfold_groups
from ..base.stable import entry_at_peak, finite_shift, row_maximum, sech_squared, sink_weights


class Steps(NamedTuple):
    """The pairs of the seven steps."""

    score: Pair
    softcap: Pair
    bias: Pair
    mask: Pair
    softmax: Pair
    dropout: Pair
    values: Pair

    def __repr__(self) -> str:
        other = [f"{step}={self[n]}" for n, step in enumerate(self._fields) if self[n] != STEPS[n]]
        return f"STEPS._replace({', '.join(other)})" if other else "STEPS"


# ------------------------------------------------------------------------------------------ 1 score


@shape_repr
class ScoreSaved(NamedTuple):
    """The arguments, and products = query @ keyᵀ, None for a constant scale."""

    query: Array
    key: Array
    scale: Any
    visible: Array | None
    products: Array | None


@shape_repr
class ScoreGradients(NamedTuple):
    """In the forward's order; d_scale is None for a constant scale."""

    d_query: Array
    d_key: Array
    d_scale: Array | None


def score_forward(
    query: Array, key: Array, scale: Any, visible: Array | None = None
) -> tuple[Array, ScoreSaved]:
    """scores = scale * query @ keyᵀ. Query head h reads key head h // (H / G)."""
    if type(scale) is float:  # a constant; NumPy scales a product without a name in place
        scores = scale * unfold_groups(fold_groups(query, key) @ transposed(key), query)
        return scores, ScoreSaved(query, key, scale, visible, None)
    products = unfold_groups(fold_groups(query, key) @ transposed(key), query)
    return scale * products, ScoreSaved(query, key, scale, visible, products)


@backward_of(ScoreSaved)
def score_backward(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """From scores = scale * products and products = query @ keyᵀ:

    d_products = scale * d_scores;  d_scale = products * d_scores, summed where scale broadcasts;
    d_query = d_products @ key;  d_key = d_productsᵀ @ query
    """
    query, key, scale, visible, products = saved
    d_products, d_scale = scale * d_scores, None
    if products is not None:  # scale and products may be NaN where hidden
        d_products = keep_visible(d_products, visible, fresh=True)
        d_scale = unbroadcast(keep_visible(d_scores * products, visible, fresh=True), np.shape(scale))
    d_products = fold_groups(d_products, key)
    visible_rows = None if visible is None else fold_groups(visible, key)
    visible_columns = None if visible_rows is None else transposed(visible_rows)
    d_query = unfold_groups(visible_product(d_products, key, visible_rows), query)
    d_key = visible_product(transposed(d_products), fold_groups(query, key), visible_columns)
    return ScoreGradients(unbroadcast(d_query, query.shape), unbroadcast(d_key, key.shape), d_scale)


# ---------------------------------------------------------------------------------------- 2 softcap


@shape_repr
class SoftcapSaved(NamedTuple):
    """The arguments."""

    scores: Array
    softcap: float | None
    visible: Array | None


def softcap_forward(
    scores: Array, softcap: float | None = None, visible: Array | None = None
) -> tuple[Array, SoftcapSaved]:
    """capped = softcap * tanh(scores / softcap): monotone, and within ±softcap."""
    capped = scores if softcap is None else softcap * np.tanh(scores / softcap)
    return capped, SoftcapSaved(scores, softcap, visible)


@backward_of(SoftcapSaved)
def softcap_backward(d_capped: Array, saved: SoftcapSaved) -> Array:
    """From capped = softcap * tanh(scores / softcap):

    d_scores = d_capped * sech²(scores / softcap): the outer softcap cancels the inner one
    """
    scores, softcap, visible = saved
    if softcap is None:
        return d_capped
    return keep_visible(d_capped * sech_squared(scores / softcap), visible)


# ------------------------------------------------------------------------------------------- 3 bias


@shape_repr
class BiasSaved(NamedTuple):
    """The argument."""

    bias: Array | None


@shape_repr
class BiasGradients(NamedTuple):
    """In the forward's order; d_bias is None if bias was."""

    d_capped: Array
    d_bias: Array | None


def bias_forward(capped: Array, bias: Array | None = None) -> tuple[Array, BiasSaved]:
    """biased = capped + bias."""
    return capped if bias is None else capped + bias, BiasSaved(bias)


@backward_of(BiasSaved)
def bias_backward(d_biased: Array, saved: BiasSaved) -> BiasGradients:
    """From biased = capped + bias: d_capped = d_biased; d_bias = d_biased, summed where bias broadcasts."""
    bias = saved.bias
    return BiasGradients(d_biased, None if bias is None else unbroadcast(d_biased, bias.shape))


# ------------------------------------------------------------------------------------------- 4 mask


@shape_repr
class MaskSaved(NamedTuple):
    """The argument: True where a query may attend to a key."""

    visible: Array | None


def mask_forward(biased: Array, visible: Array | None = None) -> tuple[Array, MaskSaved]:
    """masked = where(visible, biased, -inf)."""
    masked = biased if visible is None else np.where(visible, biased, -np.inf)
    return masked, MaskSaved(visible)


@backward_of(MaskSaved)
def mask_backward(d_masked: Array, saved: MaskSaved) -> Array:
    """From masked = where(visible, biased, -inf): d_biased = where(visible, d_masked, 0)."""
    return keep_visible(d_masked, saved.visible)


# ---------------------------------------------------------------------------------------- 5 softmax


@shape_repr
class Normalised(NamedTuple):
    """Both results of step 5: weights (..., H, L, S), and lse (..., H, L) = log Σ exp, sinks included."""

    weights: Array
    lse: Array


@shape_repr
class SoftmaxStepSaved(NamedTuple):
    """The weights, those of the sinks (..., H, L, 1), and the arguments sinks and visible."""

    weights: Array
    sinks: Array | None
    sink_weights: Array | None
    visible: Array | None


@shape_repr
class SoftmaxStepGradients(NamedTuple):
    """In the forward's order; d_sinks is None if sinks were."""

    d_masked: Array
    d_sinks: Array | None


def softmax_step_forward(
    masked: Array, sinks: Array | None = None, visible: Array | None = None
) -> tuple[Normalised, SoftmaxStepSaved]:
    """weights = exp(masked - lse), lse = log Σ exp(masked).

    A sink is one more column, lse = log(Σ exp(masked) + exp(sinks)), whose weight is dropped. A fully masked
    row has weights 0, and lse -inf or the sink's score.
    """
    top = row_maximum(masked)
    if sinks is not None:
        sinks_column = np.broadcast_to(sinks[..., None, None], top.shape)
        top = np.where(sinks_column.real > top.real, sinks_column, top)
    shift = finite_shift(top)
    exponentials = np.exp(masked - shift)
    summed = exponentials.sum(axis=-1, keepdims=True)
    sinks_share = None
    if sinks is not None:
        sink_exponentials = np.exp(sinks_column - shift)
        summed = summed + sink_exponentials
        sinks_share = sink_weights(sink_exponentials / summed, sinks_column)
    weights = exponentials / summed
    if visible is not None and not (summed.all() and np.isfinite(summed).all()):  # 0 / 0, 0 / NaN
        weights = keep_visible(weights, visible, fresh=True)
    lse = (shift + np.log(summed))[..., 0]
    return Normalised(weights, lse), SoftmaxStepSaved(weights, sinks, sinks_share, visible)


@backward_of(SoftmaxStepSaved)
def softmax_step_backward(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """From weights = exp(masked - lse), lse = log Σ exp(masked):

    d_masked = weights * (d - Σ weights * d + d_lse), d being d_weights less its entry at the row's peak, its
    largest weight. ∂weights_s/∂masked_t = weights_s (δ_st - weights_t) and ∂lse/∂masked_t = weights_t. Each
    row of ∂weights sums to 0, so the number subtracted from a row of d_weights changes only the rounding; the
    one at the peak leaves nothing to cancel. The sink is a column like the others, with d_weight 0.
    """
    weights, sinks, sinks_share, visible = saved
    d_weights, d_lse = beside_zeros(d_normalised[0], visible), d_normalised[1][..., None]
    d_peak = entry_at_peak(d_weights, weights)
    if sinks_share is not None:
        largest_weight = np.max(weights.real, axis=-1, keepdims=True, initial=0)
        d_peak = np.where(sinks_share.real > largest_weight, 0, d_peak)
    pinned = d_weights - d_peak
    mean = (weights * pinned).sum(axis=-1, keepdims=True)
    d_sinks = None
    if sinks is not None and sinks_share is not None:
        mean = mean - sinks_share * d_peak
        d_column = sinks_share * (d_lse - d_peak - mean)
        d_sinks = unbroadcast(accurate_sum(d_column[..., 0], axis=-1), sinks.shape)
    d_masked = weights * (pinned - mean + d_lse if d_lse.any() else pinned - mean)
    return SoftmaxStepGradients(d_masked, d_sinks)


# ---------------------------------------------------------------------------------------- 6 dropout


@shape_repr
class DropoutSaved(NamedTuple):
    """The arguments multipliers and visible."""

    multipliers: Array | None
    visible: Array | None


def dropout_forward(
    weights: Array, multipliers: Array | None = None, visible: Array | None = None
) -> tuple[Array, DropoutSaved]:
    """thinned = weights * multipliers, each 0 or 1 / (1 - rate)."""
    thinned = weights if multipliers is None else keep_visible(weights * multipliers, visible, fresh=True)
    return thinned, DropoutSaved(multipliers, visible)


@backward_of(DropoutSaved)
def dropout_backward(d_thinned: Array, saved: DropoutSaved) -> Array:
    """From thinned = weights * multipliers: d_weights = d_thinned * multipliers."""
    multipliers, visible = saved
    return d_thinned if multipliers is None else keep_visible(d_thinned * multipliers, visible, fresh=True)


# ----------------------------------------------------------------------------------------- 7 values


@shape_repr
class ValuesSaved(NamedTuple):
    """The arguments."""

    thinned: Array
    value: Array
    visible: Array | None


@shape_repr
class ValuesGradients(NamedTuple):
    """In the forward's order."""

    d_thinned: Array
    d_value: Array


def values_forward(thinned: Array, value: Array, visible: Array | None = None) -> tuple[Array, ValuesSaved]:
    """out = thinned @ value: the weighted mean of the values. Query head h reads value head h // (H / G)."""
    visible_rows = None if visible is None else fold_groups(visible, value)
    out = unfold_groups(visible_product(fold_groups(thinned, value), value, visible_rows), thinned)
    return out, ValuesSaved(thinned, value, visible)


@backward_of(ValuesSaved)
def values_backward(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
    """From out = thinned @ value: d_thinned = d_out @ valueᵀ; d_value = thinnedᵀ @ d_out."""
    thinned, value, visible = saved
    d_rows = fold_groups(d_out, value)
    d_thinned = keep_visible(unfold_groups(d_rows @ transposed(value), thinned), visible, fresh=True)
    visible_rows = None if visible is None else transposed(fold_groups(visible, value))
    d_value = visible_product(transposed(fold_groups(thinned, value)), d_rows, visible_rows)
    return ValuesGradients(unbroadcast(d_thinned, thinned.shape), unbroadcast(d_value, value.shape))


STEPS = Steps(
    score=Pair(score_forward, score_backward),
    softcap=Pair(softcap_forward, softcap_backward),
    bias=Pair(bias_forward, bias_backward),
    mask=Pair(mask_forward, mask_backward),
    softmax=Pair(softmax_step_forward, softmax_step_backward),
    dropout=Pair(dropout_forward, dropout_backward),
    values=Pair(values_forward, values_backward),
)
