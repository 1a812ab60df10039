"""Mistakes with the sinks of step 5."""

import numpy as np

from ....functional.attention.steps import (
    STEPS,
    DropoutSaved,
    Normalised,
    SoftmaxStepGradients,
    SoftmaxStepSaved,
    Steps,
    ValuesSaved,
    dropout_forward,
    softmax_step_backward,
    softmax_step_forward,
    values_backward,
    values_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair
from ..conditions import all_of, has_choice, with_option
from ..fault import FaultFamily, tag_of, tagged

SINKS = FaultFamily("sinks")


@SINKS.forward("softmax", active=with_option("sinks"))
def sink_dropped(
    masked: Array, sinks: Array | None = None, visible: Array | None = None
) -> tuple[Normalised, SoftmaxStepSaved]:
    """The sink is left out of the softmax: rows sum to 1 without it."""
    result, saved = softmax_step_forward(masked, None, visible)
    no_share = None if sinks is None else np.zeros((*saved.weights.shape[:-1], 1))
    return result, saved._replace(sinks=sinks, sink_weights=no_share)


@SINKS.steps(active=with_option("sinks"))
def sink_with_a_value() -> Steps:
    """The sink's weight is applied to the last value: its column is read as one more key, index clipped."""

    def softmax(
        masked: Array, sinks: Array | None = None, visible: Array | None = None
    ) -> tuple[Normalised, SoftmaxStepSaved]:
        (weights, lse), saved = softmax_step_forward(masked, sinks, visible)
        return Normalised(tagged(weights, saved.sink_weights), lse), saved

    def dropout(
        weights: Array, multipliers: Array | None = None, visible: Array | None = None
    ) -> tuple[Array, DropoutSaved]:
        thinned, saved = dropout_forward(np.asarray(weights), multipliers, visible)
        return tagged(thinned, tag_of(weights)), saved

    def values(thinned: Array, value: Array, visible: Array | None = None) -> tuple[Array, ValuesSaved]:
        out, saved = values_forward(np.asarray(thinned), value, visible)
        share = tag_of(thinned)
        if share is None or not value.size:
            return out, saved
        last = value[..., -1:, :]
        n = 1 if out.ndim < 3 else out.shape[-3] // last.shape[-3]
        return out + share * (last if n == 1 else np.repeat(last, n, axis=-3)), saved

    return STEPS._replace(
        softmax=Pair(softmax, softmax_step_backward),
        dropout=Pair(dropout, STEPS.dropout.backward),
        values=Pair(values, values_backward),
    )


@SINKS.backward("softmax", active=all_of(has_choice, with_option("sinks")))
def sink_without_gradient(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The gradient of the sinks is zero.

    TransformerEngine#3551, undetected because the sink was initialised where it made no difference.
    """
    right = softmax_step_backward(d_normalised, saved)
    return right if saved.sinks is None else right._replace(d_sinks=np.zeros(saved.sinks.shape))


@SINKS.backward("softmax", active=all_of(has_choice, with_option("sinks")))
def sink_gradient_of_the_wrong_sign(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """The gradient of the sinks has the wrong sign."""
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_sinks=None if right.d_sinks is None else -right.d_sinks)


@SINKS.backward("softmax", active=all_of(has_choice, with_option("sinks")))
def sink_not_in_the_row_sum(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """Backward takes the row sum with weights that are renormalised to 1 without the sink."""
    d_weights, d_lse = d_normalised
    right = softmax_step_backward(d_normalised, saved)
    if saved.sink_weights is None:
        return right
    renormalised = saved.weights / np.maximum(saved.weights.sum(axis=-1, keepdims=True), 1e-300)
    row_sum = (renormalised * d_weights).sum(axis=-1, keepdims=True)
    return right._replace(d_masked=saved.weights * (d_weights - row_sum + d_lse[..., None]))
