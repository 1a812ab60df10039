"""softmax, log_softmax and logsumexp over one axis.

    softmax(x)_s = exp(x_s) / Σ_t exp(x_t)

Each shifts by its largest entry first, which only avoids overflow. Entries of -inf are masked: their weight
is 0, and a fully masked row has weights 0 and lse -inf, never NaN.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import (
    backward_of,
    cotangent,
    gradient_like,
    keep_visible,
    promote,
    round_to,
    shape_repr,
    upcast,
    whole_number,
)
from ..base.row_blocks import by_rows
from ..base.stable import entry_at_peak, finite_shift, log1p, not_minus_infinity, row_maximum


@shape_repr
class SoftmaxSaved(NamedTuple):
    """The input, and the weights before rounding (the axis moved last)."""

    x: Array
    weights: Array
    axis: int


class LogsumexpSaved(SoftmaxSaved):
    """As in `SoftmaxSaved`."""


@shape_repr
class LogSoftmaxSaved(NamedTuple):
    """The input, and the weights exp(out) before rounding (the axis moved last)."""

    x: Array
    weights: Array
    axis: int


def _admit_rows(x: npt.ArrayLike, axis: int) -> tuple[Array, Array, int]:
    """The admitted input, its rows (upcast, the axis moved last), and the axis counted from the front."""
    x = admit("x", x, 1)
    axis = whole_number("axis", axis)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis is {axis}; a whole number from {-x.ndim} to {x.ndim - 1} is expected")
    return x, np.moveaxis(upcast(x)[0], axis, -1), axis % x.ndim


def _weights_and_lse(rows: Array) -> tuple[Array, Array]:
    """softmax and logsumexp of rows (n, C)."""
    top = finite_shift(row_maximum(rows))
    exponentials = np.exp(rows - top)
    summed = exponentials.sum(axis=-1, keepdims=True)
    return keep_visible(exponentials / summed, not_minus_infinity(rows)), top + np.log(summed)


@quiet
def softmax_forward(x: npt.ArrayLike, axis: int = -1) -> tuple[Any, SoftmaxSaved]:
    """Softmax, with what its backward needs: see `softmax`."""
    x, rows, axis = _admit_rows(x, axis)
    weights, _ = by_rows(_weights_and_lse, rows)
    return round_to(np.moveaxis(weights, -1, axis), x), SoftmaxSaved(x, weights, axis)


@backward_of(SoftmaxSaved)
def softmax_backward(d_out: npt.ArrayLike, saved: SoftmaxSaved) -> Any:
    """Undo weights = exp(x) / Σ exp(x): d_x = weights * (d_out - Σ weights * d_out).

    Since weights sum to 1, subtracting a constant from a row of d_out changes nothing; subtracting its entry
    at the largest weight avoids cancellation where one weight is almost 1.
    """
    x, weights, axis = saved
    d_out = np.moveaxis(cotangent("d_out", d_out, x.shape, x), axis, -1)

    def formula(d_out: Array, weights: Array, x: Array) -> tuple[Array]:
        visible = not_minus_infinity(x)
        d_out = keep_visible(d_out, visible)
        pinned = d_out - entry_at_peak(d_out, weights)
        d_rows = weights * (pinned - (weights * pinned).sum(axis=-1, keepdims=True))
        return (keep_visible(d_rows, visible),)

    (d_rows,) = by_rows(formula, d_out, weights, np.moveaxis(x, axis, -1))
    return gradient_like(np.moveaxis(d_rows, -1, axis), x, fresh=True)


@explained
def softmax(x: npt.ArrayLike, axis: int = -1) -> Any:
    """Softmax: softmax(x)_s = exp(x_s) / Σ_t exp(x_t) along `axis`.

    Parameters
    ----------
    x : at least one axis. Entries of -inf get weight 0, in fully masked rows too.
    axis : the axis over which the weights sum to 1.

    Returns
    -------
    The shape of x. Derivative: ∂softmax_s/∂x_t = softmax_s (δ_st - softmax_t).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers with this axis.

    Examples
    --------
    >>> softmax([0, 1])
    array([0.26894142, 0.73105858])

    References
    ----------
    Bridle 1990; the shift as in Blanchard, Higham, Higham 2021, section 1.
    """
    return softmax_forward(promote(x), axis)[0]


def log_weights(rows: Array) -> tuple[Array, Array]:
    """log_softmax and softmax of rows (n, C), accurate for a weight that is almost 1:

    log Σ_t exp(x_t - x_peak) = log1p(Σ_{t ≠ peak} exp(x_t - x_peak)), since the peak's own term is 1.
    """
    if not rows.size:
        return rows.copy(), rows.copy()
    peak = np.arange(len(rows)), np.argmax(rows.real, axis=-1)
    shifted = rows - rows[peak][:, None]
    exponentials = np.exp(shifted)
    own, exponentials[peak] = exponentials[peak], 0  # left out of the sum
    others = exponentials.sum(axis=-1, keepdims=True)
    exponentials[peak] = own
    visible = not_minus_infinity(rows)
    logs = shifted - log1p(others)
    weights = keep_visible(exponentials / (1 + others), visible)
    return logs if visible is None else np.where(visible, logs, -np.inf), weights


@quiet
def log_softmax_forward(x: npt.ArrayLike, axis: int = -1) -> tuple[Any, LogSoftmaxSaved]:
    """Logarithm of softmax, with what its backward needs: see `log_softmax`."""
    x, rows, axis = _admit_rows(x, axis)
    out, weights = by_rows(log_weights, rows)
    return round_to(np.moveaxis(out, -1, axis), x, fresh=True), LogSoftmaxSaved(x, weights, axis)


@backward_of(LogSoftmaxSaved)
def log_softmax_backward(d_out: npt.ArrayLike, saved: LogSoftmaxSaved) -> Any:
    """Undo out = x - logsumexp(x): d_x = d_out - softmax(x) * Σ d_out; 0 where x is -inf."""
    x, weights, axis = saved
    d_out = np.moveaxis(cotangent("d_out", d_out, x.shape, x), axis, -1)

    def formula(d_out: Array, weights: Array, x: Array) -> tuple[Array]:
        visible = not_minus_infinity(x)
        d_out = keep_visible(d_out, visible)
        return (keep_visible(d_out - weights * d_out.sum(axis=-1, keepdims=True), visible),)

    (d_rows,) = by_rows(formula, d_out, weights, np.moveaxis(x, axis, -1))
    return gradient_like(np.moveaxis(d_rows, -1, axis), x, fresh=True)


@explained
def log_softmax(x: npt.ArrayLike, axis: int = -1) -> Any:
    """Logarithm of softmax: log_softmax(x) = x - logsumexp(x), to full precision near 0.

    Parameters
    ----------
    x : at least one axis. Entries of -inf stay -inf.
    axis : the axis over which the exponentials sum to 1.

    Returns
    -------
    The shape of x. Derivative: ∂out_s/∂x_t = δ_st - softmax_t.

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers with this axis.

    Examples
    --------
    >>> log_softmax([0, 50])
    array([-5.00000000e+01, -1.92874985e-22])

    References
    ----------
    Blanchard, Higham, Higham 2021, for the shift and log1p.
    """
    return log_softmax_forward(promote(x), axis)[0]


@quiet
def logsumexp_forward(x: npt.ArrayLike, axis: int = -1) -> tuple[Any, LogsumexpSaved]:
    """Log-sum-exp, with what its backward needs: see `logsumexp`."""
    x, rows, axis = _admit_rows(x, axis)
    weights, lse = by_rows(_weights_and_lse, rows)
    return round_to(lse[..., 0], x), LogsumexpSaved(x, weights, axis)


@backward_of(LogsumexpSaved)
def logsumexp_backward(d_out: npt.ArrayLike, saved: LogsumexpSaved) -> Any:
    """Undo out = log Σ exp(x): d_x = d_out * exp(x) / Σ exp(x) = d_out * softmax(x)."""
    x, weights, axis = saved
    d_out = cotangent("d_out", d_out, weights.shape[:-1], x)[..., None]

    def formula(weights: Array, d_out: Array, x: Array) -> tuple[Array]:
        return (keep_visible(weights * d_out, not_minus_infinity(x)),)

    (d_rows,) = by_rows(formula, weights, d_out, np.moveaxis(x, axis, -1))
    return gradient_like(np.moveaxis(d_rows, -1, axis), x, fresh=True)


@explained
def logsumexp(x: npt.ArrayLike, axis: int = -1) -> Any:
    """Log-sum-exp: log Σ_t exp(x_t) along `axis`, which is removed.

    Parameters
    ----------
    x : at least one axis. A fully masked or empty row gives -inf.
    axis : the axis of the sum.

    Returns
    -------
    The shape of x without `axis`. Derivative: softmax(x).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers with this axis.

    Examples
    --------
    >>> float(logsumexp([1000, 1000]))
    1000.6931471805599

    References
    ----------
    Blanchard, Higham, Higham 2021, for the shift.
    """
    return logsumexp_forward(promote(x), axis)[0]
