"""The soft window of adaptive attention span, as a bias of the scores.

    m = clip((ramp + span - distance) / ramp, 0, 1)          bias = log m, -inf where m is 0

softmax(scores + bias) is Σ-normalised m * exp(scores): m multiplies the weights, which then sum to 1 again.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, as_array, explained, quiet, real_number
from ..base.arrays import (
    backward_of,
    common_batch,
    cotangent,
    gradient_like,
    promote,
    round_to,
    shape_repr,
    upcast,
)
from ..base.stable import log1p


@shape_repr
class SpanSaved(NamedTuple):
    """The argument span, and ramp + span - distance where the window falls from 1 to 0, else inf."""

    span: Array
    room: Array


def _admit_distance(distance: npt.ArrayLike) -> Array:
    array = as_array("distance", distance)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"distance has dtype {array.dtype}; real numbers are expected")
    if array.size and not array.min() >= 0:
        raise ValueError(f"distance holds {array.min()}; numbers of at least 0 are expected")
    return array


@quiet
def span_bias_forward(distance: npt.ArrayLike, span: npt.ArrayLike, ramp: float) -> tuple[Any, SpanSaved]:
    """The bias of a soft window, with what its backward needs: see `span_bias`."""
    distance, span, ramp = _admit_distance(distance), admit("span", span), real_number("ramp", ramp)
    if ramp <= 0:
        raise ValueError(f"ramp is {ramp}; a number above 0 is expected")
    common_batch(distance=distance.shape, span=span.shape)
    (wide,) = upcast(span)
    beyond = distance.astype(wide.real.dtype) - wide  # how far outside the part where m is 1
    edge = (beyond.real > 0) & (beyond.real < ramp)
    bias = np.where(edge, log1p(-np.where(edge, beyond, 0) / ramp), np.where(beyond.real >= ramp, -np.inf, 0))
    return round_to(bias, span), SpanSaved(span, np.where(edge, ramp - beyond, np.inf))


@backward_of(SpanSaved)
def span_bias_backward(d_out: npt.ArrayLike, saved: SpanSaved) -> Any:
    """From bias = log((ramp + span - distance) / ramp): d_span = d_bias / (ramp + span - distance).

    0 where the window is 1 and where it is 0.
    """
    span, room = saved
    d_bias = cotangent("d_out", d_out, room.shape, span)
    return gradient_like(np.where(np.isfinite(room), d_bias, 0) / room, span)


@explained
def span_bias(distance: npt.ArrayLike, span: npt.ArrayLike, ramp: float) -> Any:
    """A bias that limits how far attention reaches: softly, so that the span can be learned.

    Parameters
    ----------
    distance : real numbers of at least 0, say (L, S), how far apart query and key are
    span : up to which distance the window is 1, differentiable, broadcasting with distance: say (H, 1, 1)
    ramp : a number above 0, over which distance the window falls to 0

    Returns
    -------
    log clip((ramp + span - distance) / ramp, 0, 1), in the dtype of span and the shape of both: the bias of
    `attention`, and of `fast_attention`. -inf hides: what is out of reach has no influence.

    Raises
    ------
    TypeError, ValueError
        For numbers out of range and shapes that do not broadcast together.

    Examples
    --------
    >>> np.exp(span_bias([0, 1, 2, 3, 4, 5], span=1.0, ramp=4.0))
    array([1.  , 1.  , 0.75, 0.5 , 0.25, 0.  ])

    References
    ----------
    Sukhbaatar, Grave, Bojanowski, Joulin 2019, "Adaptive Attention Span in Transformers", equations 2 and 3.
    """
    return span_bias_forward(distance, promote(span), ramp)[0]
