"""Mistakes in the softmax of step 5, most of them in backward."""

from typing import Any

import numpy as np

from ....functional.attention.steps import (
    STEPS,
    DropoutSaved,
    Normalised,
    ScoreGradients,
    ScoreSaved,
    SoftmaxStepGradients,
    SoftmaxStepSaved,
    Steps,
    ValuesGradients,
    ValuesSaved,
    dropout_backward,
    score_backward,
    softmax_step_backward,
    softmax_step_forward,
    values_backward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair, keep_visible, transposed
from ...reference.inputs import Inputs
from ..conditions import all_of, has_choice, visible_key_counts, with_option
from ..fault import FINE, FaultFamily, tag_of, tagged

SOFTMAX = FaultFamily("softmax")


def _several_keys(call: Inputs) -> bool:
    """Where S > 1."""
    return call.lengths.S > 1


def _several_queries(call: Inputs) -> bool:
    """Where L > 1."""
    return call.lengths.L > 1


def _sees_two(call: Inputs) -> bool:
    """Where a row sees two keys."""
    return bool((visible_key_counts(call) > 1).any())


def _as_columns(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> tuple[Array, Array, Array]:
    """The weights, d_weights where visible, and d_lse as a column."""
    return saved.weights, keep_visible(d_normalised[0], saved.visible), d_normalised[1][..., None]


def _row_sum(x: Array) -> Array:
    return np.asarray(x.sum(axis=-1, keepdims=True))


@SOFTMAX.backward("softmax")
def no_row_sum(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The row sum is left out: d_masked = weights * d_weights."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * (d + d_lse))


@SOFTMAX.backward("softmax", active=_several_keys)
def row_mean_for_row_sum(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The mean of weights * d_weights is subtracted, not the sum: .mean(axis=-1) for .sum(axis=-1)."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    mean = _row_sum(weights * d) / max(d.shape[-1], 1)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * (d - mean + d_lse))


@SOFTMAX.backward("softmax")
def row_sum_added(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The row sum has the wrong sign: d_masked = weights * (d_weights + Σ weights * d_weights)."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * (d + _row_sum(weights * d) + d_lse))


@SOFTMAX.forward("softmax", active=has_choice)
def softmax_over_queries(
    masked: Array, sinks: Array | None = None, visible: Array | None = None
) -> tuple[Normalised, SoftmaxStepSaved]:
    """The softmax runs along the wrong axis: the weights of a key sum to 1, not those of a query."""
    (_, lse), saved = softmax_step_forward(masked, sinks, visible)
    turned = None if visible is None else transposed(visible)
    (columns, _), _ = softmax_step_forward(transposed(masked), None, turned)
    return Normalised(transposed(columns), lse), saved._replace(weights=transposed(columns))


@SOFTMAX.backward("softmax", active=has_choice)
def row_sum_over_queries(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """Backward sums along the wrong axis: Σ_l weights * d_weights is subtracted, not Σ_s."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * (d - (weights * d).sum(axis=-2, keepdims=True) + d_lse))


def _one_batch_entry(call: Inputs) -> bool:
    """Where there is a batch axis, of one entry."""
    return call.shape[:-3] == (1,)


@SOFTMAX.backward("softmax", active=all_of(has_choice, _one_batch_entry))
def batch_of_one_squeezed(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """At batch 1, squeeze() drops the batch axis, and backward's row sum runs over the queries."""
    one = saved.weights.ndim == 4 and saved.weights.shape[0] == 1
    return (row_sum_over_queries if one else softmax_step_backward)(d_normalised, saved)


@SOFTMAX.backward("softmax", active=_sees_two)
def diagonal_only(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """Only the diagonal, as for a sigmoid: d_masked = weights * (1 - weights) * d_weights."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * ((1 - weights) * d + d_lse))


@SOFTMAX.steps(active=_sees_two)
def diagonal_only_and_unscaled() -> Steps:
    """Only the diagonal, and the scale is missing in d_query and d_key: two mistakes together."""

    def unscaled(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
        ones = saved._replace(scale=np.ones(np.shape(saved.scale)))
        return score_backward(d_scores, ones)._replace(d_scale=score_backward(d_scores, saved).d_scale)

    return STEPS._replace(
        score=STEPS.score._replace(backward=unscaled), softmax=STEPS.softmax._replace(backward=diagonal_only)
    )


@SOFTMAX.backward("softmax", active=has_choice)
def weights_squared(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """weights * d_weights is multiplied by the weights once more when the row sum is subtracted."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    product = weights * d
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * (product - _row_sum(product) + d_lse))


@SOFTMAX.backward("softmax", active=has_choice)
def softmax_not_undone(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The softmax is skipped in backward: d_weights is used as d_scores."""
    _, d, d_lse = _as_columns(d_normalised, saved)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=keep_visible(d + d_lse, saved.visible))


@SOFTMAX.backward("softmax", active=all_of(has_choice, _several_queries))
def divided_by_the_rows(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The softmax's gradient is divided by the number of its rows, as if the loss were their mean.

    A published NumPy transformer divides by the batch size; its losses still fall.
    """
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=right.d_masked / saved.weights.shape[-2])


# ---------------------------------------------------------------- delta, the row sum from other arrays


def _to_bfloat16(x: Array) -> Array:
    """The array rounded to the eight significant bits of bfloat16."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def _with_delta(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The right gradients, except that the row sum is off by the tag of d_weights."""
    d_weights, d_lse = d_normalised
    error = tag_of(d_weights)
    return softmax_step_backward((np.asarray(d_weights), d_lse if error is None else d_lse - error), saved)


@SOFTMAX.steps(dtypes=FINE)
def delta_from_rounded_output() -> Steps:
    """The row sum is computed as Σ d_out * out from an output already rounded to bfloat16."""

    def backward(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
        right = values_backward(d_out, saved)
        out, _ = STEPS.values.forward(*saved)
        error = (d_out * (_to_bfloat16(out) - out)).sum(axis=-1)
        return right._replace(d_thinned=tagged(right.d_thinned, error))

    def dropout_back(d_thinned: Array, saved: DropoutSaved) -> Array:
        return tagged(dropout_backward(np.asarray(d_thinned), saved), tag_of(d_thinned))

    return STEPS._replace(
        values=STEPS.values._replace(backward=backward),
        dropout=STEPS.dropout._replace(backward=dropout_back),
        softmax=Pair(softmax_step_forward, _with_delta),
    )


@SOFTMAX.steps(active=with_option("dropout"))
def delta_before_dropout() -> Steps:
    """The row sum is Σ weights * d_thinned: the dropout's backward is not yet applied."""

    def backward(d_thinned: Array, saved: DropoutSaved) -> Array:
        right = dropout_backward(d_thinned, saved)
        return tagged(right, d_thinned - right)

    def with_delta(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
        d_weights, d_lse = d_normalised
        error: Any = tag_of(d_weights)
        error = 0.0 if error is None else (saved.weights * error).sum(axis=-1)
        return softmax_step_backward((np.asarray(d_weights), d_lse - error), saved)

    return STEPS._replace(
        dropout=STEPS.dropout._replace(backward=backward),
        softmax=Pair(softmax_step_forward, with_delta),
    )
