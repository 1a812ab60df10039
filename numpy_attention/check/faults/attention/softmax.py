"""Mistakes in the softmax of step 5, most of them on the way back."""

from typing import Any

import numpy as np

from ....functional.attention.steps import (
    STEPS,
    DropoutSaved,
    Normalised,
    SoftmaxStepGradients,
    SoftmaxStepSaved,
    Steps,
    ValuesGradients,
    ValuesSaved,
    dropout_backward,
    softmax_step_backward,
    softmax_step_forward,
    values_backward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair, keep_visible, transposed
from ..conditions import Call, all_of, has_choice, lengths_of, visible_key_counts, with_option
from ..fault import FINE, FaultFamily, tag_of, tagged

SOFTMAX = FaultFamily("softmax")


def _several_keys(call: Call) -> bool:
    """Where there are several keys."""
    return lengths_of(call).S > 1


def _several_queries(call: Call) -> bool:
    """Where there are several queries."""
    return lengths_of(call).L > 1


def _sees_two(call: Call) -> bool:
    """Where a row sees two keys."""
    return bool((visible_key_counts(call) > 1).any())


def _as_columns(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> tuple[Array, Array, Array]:
    """The weights, d_weights where they can be seen, and d_lse as a column."""
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
    """The mean of weights * d_weights is taken off, not their sum: .mean(axis=-1) for .sum(axis=-1)."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    mean = (weights * d).mean(axis=-1, keepdims=True)
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
    """Weights are normalised along the wrong axis: those of a key sum to 1, not those of a query."""
    (_, lse), saved = softmax_step_forward(masked, sinks, visible)
    turned = None if visible is None else transposed(visible)
    (columns, _), _ = softmax_step_forward(transposed(masked), None, turned)
    return Normalised(transposed(columns), lse), saved._replace(weights=transposed(columns))


@SOFTMAX.backward("softmax", active=has_choice)
def row_sum_over_queries(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """Backward sums along the wrong axis: Σ_l weights * d_weights is taken off, not Σ_s."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * (d - (weights * d).sum(axis=-2, keepdims=True) + d_lse))


@SOFTMAX.backward("softmax", active=_sees_two)
def diagonal_only(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """Softmax is taken for a sigmoid: d_masked = weights * (1 - weights) * d_weights, the diagonal only."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * ((1 - weights) * d + d_lse))


@SOFTMAX.backward("softmax", active=has_choice)
def weights_squared(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """weights * d_weights is kept, and multiplied by the weights once more when the row sum is taken off."""
    weights, d, d_lse = _as_columns(d_normalised, saved)
    product = weights * d
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=weights * (product - _row_sum(product) + d_lse))


@SOFTMAX.backward("softmax", active=has_choice)
def softmax_not_undone(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The softmax is not undone at all: the products with query and key take d_weights for d_scores."""
    _, d, d_lse = _as_columns(d_normalised, saved)
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=keep_visible(d + d_lse, saved.visible))


@SOFTMAX.backward("softmax", active=all_of(has_choice, _several_queries))
def divided_by_the_rows(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The softmax's gradient is divided by the number of its rows, as if the loss were their mean.

    By that of the batch in a published NumPy transformer, whose losses still fall.
    """
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=right.d_masked / saved.weights.shape[-2])


# --------------------------------------------------------------------- delta, the row sum from elsewhere


def _short(x: Array) -> Array:
    """The array with the eight bits of bfloat16."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def _with_delta(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The right gradients, but for a row sum that is off by what the note on d_weights says."""
    d_weights, d_lse = d_normalised
    off = tag_of(d_weights)
    return softmax_step_backward((np.asarray(d_weights), d_lse if off is None else d_lse - off), saved)


@SOFTMAX.steps(dtypes=FINE)
def delta_from_rounded_output() -> Steps:
    """The row sum is taken as Σ d_out * out from an output that was already rounded to bfloat16."""

    def backward(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
        right = values_backward(d_out, saved)
        out, _ = STEPS.values.forward(*saved)
        off = (d_out * (_short(out) - out)).sum(axis=-1)
        return right._replace(d_thinned=tagged(right.d_thinned, off))

    def handed_on(d_thinned: Array, saved: DropoutSaved) -> Array:
        return tagged(dropout_backward(np.asarray(d_thinned), saved), tag_of(d_thinned))

    return STEPS._replace(
        values=STEPS.values._replace(backward=backward),
        dropout=STEPS.dropout._replace(backward=handed_on),
        softmax=Pair(softmax_step_forward, _with_delta),
    )


@SOFTMAX.steps(active=with_option("dropout"))
def delta_before_dropout() -> Steps:
    """The row sum is Σ weights * d_thinned: of the gradient before it passed the dropout on its way up."""

    def backward(d_thinned: Array, saved: DropoutSaved) -> Array:
        right = dropout_backward(d_thinned, saved)
        return tagged(right, d_thinned - right)

    def with_delta(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
        d_weights, d_lse = d_normalised
        off: Any = tag_of(d_weights)
        missed = 0.0 if off is None else (saved.weights * off).sum(axis=-1)
        return softmax_step_backward((np.asarray(d_weights), d_lse - missed), saved)

    return STEPS._replace(
        dropout=STEPS.dropout._replace(backward=backward),
        softmax=Pair(softmax_step_forward, with_delta),
    )
