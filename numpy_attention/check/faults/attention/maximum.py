"""Mistakes with the row maximum that the softmax of step 5 subtracts, in the range of float32.

exp(88.8) is finite in float64, in which faults are planted: what float32 cannot hold becomes inf or 0 here.
"""

import math

import numpy as np

from ....functional.attention.steps import Normalised, SoftmaxStepSaved, softmax_step_forward
from ....functional.base.admission import Array
from ....functional.base.arrays import keep_visible
from ....functional.base.stable import row_maximum
from ...reference.inputs import Inputs
from ..conditions import Condition, finite_top_scores
from ..fault import FINE, FaultFamily, textbook_softmax_backward

MAXIMUM = FaultFamily("maximum")

HIGHEST, LOWEST = 128 * math.log(2), -150 * math.log(2)
"""Scores whose exponentials overflow and vanish in float32: 88.7 and -104."""

EPSILON = 1e-4

Forward = tuple[Normalised, SoftmaxStepSaved]


def _exp(x: Array) -> Array:
    """The exponential, beyond float32's range inf or 0."""
    within = np.exp(np.where((x.real > HIGHEST) | (x.real < LOWEST), 0, x))
    return np.where(x.real > HIGHEST, np.inf, np.where(x.real < LOWEST, 0, within))


def _out_of_range(call: Inputs) -> bool:
    """Where all scores of a row are below -104, or one is above 88."""
    top = finite_top_scores(call)
    return bool(((top > HIGHEST) | (top < LOWEST)).any())


def _all_below(least: float) -> Condition:
    def condition(call: Inputs) -> bool:
        return bool((finite_top_scores(call) < least + LOWEST).any())

    condition.__doc__ = f"Where all scores of a row are below {least + LOWEST:.0f}."
    return condition


def _softmax(
    masked: Array, sinks: Array | None, visible: Array | None, least: float | None, epsilon: float = 0
) -> Forward:
    """softmax with max(least, row maximum) subtracted, or nothing if `least` is None."""
    right = softmax_step_forward(masked, sinks, visible)
    top = row_maximum(masked)
    column = None if sinks is None else np.broadcast_to(sinks[..., None, None], top.shape)
    if column is not None:
        top = np.where(column.real > top.real, column, top)
    empty = ~np.isfinite(top.real)
    shift = np.zeros_like(top) if least is None else np.where(top.real > least, top, least)
    shift = np.where(empty, 0, shift)
    exponentials = _exp(masked - shift)
    of_sink = 0 if column is None else _exp(column - shift)
    summed = exponentials.sum(axis=-1, keepdims=True) + of_sink + epsilon
    weights = np.where(empty, right[0].weights, keep_visible(exponentials / summed, visible))
    lse = np.where(empty[..., 0], right[0].lse, (shift + np.log(summed))[..., 0])
    saved = right[1]
    if saved.sink_weights is not None:
        saved = saved._replace(sink_weights=np.where(empty, saved.sink_weights, of_sink / summed))
    return Normalised(weights, lse), saved._replace(weights=weights)


@MAXIMUM.forward("softmax", active=_out_of_range)
def no_maximum(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """The row maximum is not subtracted before exp: scores above 88 overflow, weights become NaN."""
    return _softmax(masked, sinks, visible, None)


@MAXIMUM.forward("softmax", active=_all_below(0))
def maximum_from_zero(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """The running maximum starts at 0: rows whose scores are all below -104 get the sum 0."""
    return _softmax(masked, sinks, visible, 0)


@MAXIMUM.forward("softmax", active=_all_below(-1e4))
def maximum_from_1e4(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """The running maximum starts at -10000 for -inf: rows of lower scores get the sum 0.

    llm.c.
    """
    return _softmax(masked, sinks, visible, -1e4)


@MAXIMUM.forward("softmax", active=_all_below(-5e4))
def maximum_from_5e4(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """The running maximum starts at -50000 for -inf: rows of lower scores get the sum 0."""
    return _softmax(masked, sinks, visible, -5e4)


@MAXIMUM.forward("softmax", backward=textbook_softmax_backward, dtypes=FINE)
def epsilon_in_the_sum(masked: Array, sinks: Array | None = None, visible: Array | None = None) -> Forward:
    """An epsilon of 1e-4 is added to the sum that the exponentials are divided by."""
    return _softmax(masked, sinks, visible, -math.inf, EPSILON)
