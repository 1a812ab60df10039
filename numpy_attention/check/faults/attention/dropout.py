"""Mistakes with the dropout of step 6."""

import numpy as np

from ....functional.attention.steps import (
    STEPS,
    DropoutSaved,
    Steps,
    ValuesGradients,
    ValuesSaved,
    dropout_backward,
    dropout_forward,
    values_backward,
    values_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair
from ..conditions import all_of, has_choice, with_option
from ..fault import FaultFamily, tag_of, tagged

DROPOUT = FaultFamily("dropout")


@DROPOUT.backward("dropout", active=all_of(has_choice, with_option("dropout")))
def dropout_of_another_mask(d_thinned: Array, saved: DropoutSaved) -> Array:
    """Backward draws new multipliers, from another state of the generator, and drops other weights."""
    if saved.multipliers is None:
        return dropout_backward(d_thinned, saved)
    others = np.roll(np.broadcast_to(saved.multipliers, d_thinned.shape), 1, axis=-1)
    return dropout_backward(d_thinned, saved._replace(multipliers=others))


@DROPOUT.backward("dropout", active=all_of(has_choice, with_option("dropout")))
def dropout_forgotten_in_backward(d_thinned: Array, saved: DropoutSaved) -> Array:
    """Backward skips the dropout: d_weights = d_thinned."""
    return d_thinned


@DROPOUT.forward("dropout", active=with_option("dropout"))
def dropout_not_rescaled(
    weights: Array, multipliers: Array | None = None, visible: Array | None = None
) -> tuple[Array, DropoutSaved]:
    """Kept weights are not divided by 1 - rate: the multipliers are 0 and 1."""
    return dropout_forward(weights, None if multipliers is None else 1.0 * (multipliers != 0), visible)


@DROPOUT.steps(active=with_option("dropout"))
def dropout_forgotten_in_d_value() -> Steps:
    """d_value = weightsᵀ @ d_out, with the weights before dropout in place of thinned."""

    def forward(
        weights: Array, multipliers: Array | None = None, visible: Array | None = None
    ) -> tuple[Array, DropoutSaved]:
        thinned, saved = dropout_forward(weights, multipliers, visible)
        return tagged(thinned, weights), saved

    def backward(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
        weights = tag_of(saved.thinned)
        right = values_backward(d_out, saved._replace(thinned=np.asarray(saved.thinned)))
        if weights is None:
            return right
        return right._replace(d_value=values_backward(d_out, saved._replace(thinned=weights)).d_value)

    return STEPS._replace(dropout=Pair(forward, dropout_backward), values=Pair(values_forward, backward))
