"""Mistakes of those who derive the backward for the first time, most of them in the softmax of step 5.

right: d_masked = weights * (d_weights - Σ weights * d_weights)
"""

import numpy as np

from ....functional.attention.steps import (
    SoftmaxStepGradients,
    SoftmaxStepSaved,
    ValuesGradients,
    ValuesSaved,
    softmax_step_backward,
    values_backward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import keep_visible
from ...reference.inputs import Inputs
from ..conditions import all_of, has_choice, visible_key_counts
from ..fault import FaultFamily

LEARNER = FaultFamily("learner")


def _several_keys(call: Inputs) -> bool:
    """Where S > 1."""
    return call.lengths.S > 1


def _several_rows(call: Inputs) -> bool:
    """Where several rows see a key."""
    counts = np.broadcast_to(visible_key_counts(call), call.shape[:-1])
    return int(np.count_nonzero(counts)) > 1


def _with_d_masked(
    d_masked: Array, d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """The right gradients but for d_masked, to which the share of d_lse is added."""
    d_masked = keep_visible(d_masked + saved.weights * d_normalised[1][..., None], saved.visible)
    return softmax_step_backward(d_normalised, saved)._replace(d_masked=d_masked)


def _visible(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> tuple[Array, Array]:
    """The weights, and d_weights where visible."""
    return saved.weights, keep_visible(d_normalised[0], saved.visible)


def _row_sum(x: Array) -> Array:
    return np.asarray(x.sum(axis=-1, keepdims=True))


@LEARNER.backward("softmax", active=all_of(has_choice, _several_keys))
def plain_mean(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The plain mean of d_weights is subtracted, not the mean weighted by the weights."""
    weights, d = _visible(d_normalised, saved)
    return _with_d_masked(weights * (d - d.mean(axis=-1, keepdims=True)), d_normalised, saved)


@LEARNER.backward("softmax", active=has_choice)
def plain_sum(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The plain sum of d_weights is subtracted, not the sum weighted by the weights."""
    weights, d = _visible(d_normalised, saved)
    return _with_d_masked(weights * (d - _row_sum(d)), d_normalised, saved)


@LEARNER.backward("softmax", active=has_choice)
def outer_weights_forgotten(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """The factor in front is forgotten: d_masked = d_weights - Σ weights * d_weights."""
    weights, d = _visible(d_normalised, saved)
    return _with_d_masked(d - _row_sum(weights * d), d_normalised, saved)


@LEARNER.backward("softmax", active=has_choice)
def softmax_gradient_negated(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """The sign is wrong: d_masked = weights * (Σ weights * d_weights - d_weights)."""
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=-right.d_masked)


@LEARNER.backward("softmax", active=all_of(has_choice, _several_keys))
def divided_by_the_keys(d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved) -> SoftmaxStepGradients:
    """The softmax's gradient is divided by the number of keys, as if the loss were their mean."""
    right = softmax_step_backward(d_normalised, saved)
    return right._replace(d_masked=right.d_masked / saved.weights.shape[-1])


@LEARNER.backward("softmax")
def weights_minus_d_weights(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """d_masked = weights - d_weights, as a cross-entropy's gradient is probabilities minus targets."""
    weights, d = _visible(d_normalised, saved)
    return _with_d_masked(weights - d, d_normalised, saved)


@LEARNER.backward("softmax", active=has_choice)
def row_sum_of_squared_weights(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """The row sum has squared weights: d_masked = weights * (d_weights - Σ weights² * d_weights)."""
    weights, d = _visible(d_normalised, saved)
    return _with_d_masked(weights * (d - _row_sum(weights**2 * d)), d_normalised, saved)


@LEARNER.backward("softmax", active=_several_rows)
def sum_over_the_whole_array(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """np.sum without an axis: the sum over all rows, heads and batches is subtracted from each row."""
    weights, d = _visible(d_normalised, saved)
    return _with_d_masked(weights * (d - (weights * d).sum()), d_normalised, saved)


def _is_not_one(call: Inputs) -> bool:
    """Where d_out is not 1."""
    return call.d_out is not None and bool((call.d_out != 1).any())


@LEARNER.backward("values", active=_is_not_one)
def d_out_of_ones(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
    """Backward ignores d_out and uses ones, as if the loss were the sum of the output."""
    return values_backward(np.ones(d_out.shape), saved)
