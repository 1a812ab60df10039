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
    whole_number,
)
from ..base.row_blocks import admit_threads, by_rows
from ..base.stable import entry_at_peak, finite_shift, log1p, not_minus_infinity, row_maximum
from ..base.workers import Buffers


@shape_repr
class SoftmaxSaved(NamedTuple):
    """The input, the weights before rounding (the axis moved last), and the number of threads."""

    x: Array
    weights: Array
    axis: int
    threads: int


class LogsumexpSaved(SoftmaxSaved):
    """As in `SoftmaxSaved`."""


@shape_repr
class LogSoftmaxSaved(NamedTuple):
    """The input, the weights exp(out) before rounding (the axis moved last), and the number of threads."""

    x: Array
    weights: Array
    axis: int
    threads: int


def _admit_rows(x: npt.ArrayLike, axis: int, threads: int | None) -> tuple[Array, Array, int, int]:
    """The admitted input, its rows (the axis moved last), the axis counted from the front, and threads."""
    x = admit("x", x, 1)
    axis = whole_number("axis", axis)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis is {axis}; a whole number from {-x.ndim} to {x.ndim - 1} is expected")
    return x, np.moveaxis(x, axis, -1), axis % x.ndim, admit_threads(threads)


def _weights_and_lse(rows: Array) -> tuple[Array, Array]:
    """softmax and logsumexp of any rows (n, C)."""
    top = finite_shift(row_maximum(rows))
    exponentials = np.exp(rows - top)
    summed = exponentials.sum(axis=-1, keepdims=True)
    return keep_visible(exponentials / summed, not_minus_infinity(rows)), top + np.log(summed)


def weights_from_peak(rows: Array, weights: Array) -> tuple[Any, Array, Array]:
    """weights = softmax of real rows; each row's peak as an index, and Σ_{t ≠ peak} exp(x_t - x_peak) (n, 1).

    The peak's own term is 1. Last the numbers of rows that are not finite: their weights mean nothing.
    """
    peak = np.arange(len(rows)), rows.argmax(axis=-1)
    np.exp(np.subtract(rows, rows[peak][:, None], out=weights), out=weights)
    weights[peak] = 0  # left out of the sum
    others = weights.sum(axis=-1, keepdims=True)
    weights[peak] = 1
    weights /= 1 + others
    return peak, others, np.flatnonzero(~np.isfinite(others[:, 0] - rows[peak]))


def _fill_weights_and_lse(rows: Array, weights: Array, lse: Array, _: Buffers) -> None:
    """weights and lse of any rows."""
    failed: Any = slice(None)
    if rows.dtype.kind == "f" and rows.size:
        peak, others, failed = weights_from_peak(rows, weights)
        np.add(rows[peak][:, None], np.log1p(others), out=lse)
    if isinstance(failed, slice) or failed.size:
        weights[failed], lse[failed] = _weights_and_lse(rows[failed])


def _fill_log_weights(rows: Array, weights: Array, out: Array, _: Buffers) -> None:
    """out = log_softmax, and softmax, of any rows."""
    failed: Any = slice(None)
    if rows.dtype.kind == "f" and rows.size:
        peak, others, failed = weights_from_peak(rows, weights)
        np.subtract(rows, rows[peak][:, None], out=out)
        out -= np.log1p(others)
    if isinstance(failed, slice) or failed.size:
        out[failed], weights[failed] = log_weights(rows[failed])


@quiet
def softmax_forward(
    x: npt.ArrayLike, axis: int = -1, *, threads: int | None = None
) -> tuple[Any, SoftmaxSaved]:
    """Softmax, with what its backward needs: see `softmax`."""
    x, rows, axis, threads = _admit_rows(x, axis, threads)

    def formula(rows: Array, weights: Array, out: Array, buffers: Buffers) -> None:
        _fill_weights_and_lse(rows, weights, np.empty((len(rows), 1), rows.dtype), buffers)
        out[...] = weights

    weights, out = by_rows(formula, [rows], [rows.shape[-1]] * 2, threads)
    return round_to(np.moveaxis(out, -1, axis), x, fresh=True), SoftmaxSaved(x, weights, axis, threads)


@backward_of(SoftmaxSaved)
def softmax_backward(d_out: npt.ArrayLike, saved: SoftmaxSaved) -> Any:
    """Undo weights = exp(x) / Σ exp(x): d_x = weights * (d_out - Σ weights * d_out).

    Since weights sum to 1, subtracting a constant from a row of d_out changes nothing; subtracting its entry
    at the largest weight avoids cancellation where one weight is almost 1.
    """
    x, weights, axis, threads = saved
    d_out = np.moveaxis(cotangent("d_out", d_out, x.shape, x), axis, -1)

    def formula(weights: Array, d_out: Array, x: Array, d_x: Array, buffers: Buffers) -> None:
        np.subtract(d_out, entry_at_peak(d_out, weights), out=d_x)
        products = np.multiply(weights, d_x, out=buffers("products", d_x.shape, d_x.dtype))
        summed = products.sum(axis=-1, keepdims=True)
        d_x -= summed
        d_x *= weights
        failed = np.flatnonzero(~np.isfinite(summed))
        visible = not_minus_infinity(x[failed]) if failed.size else None
        if visible is not None:  # weights are 0 there, but 0 * NaN is not
            again, d_out = np.empty(visible.shape, d_x.dtype), keep_visible(d_out[failed], visible)
            formula(weights[failed], d_out, np.zeros_like(again), again, buffers)
            d_x[failed] = keep_visible(again, visible)

    (d_rows,) = by_rows(formula, [weights, d_out, np.moveaxis(x, axis, -1)], weights.shape[-1:], threads)
    return gradient_like(np.moveaxis(d_rows, -1, axis), x, fresh=True)


@explained
def softmax(x: npt.ArrayLike, axis: int = -1, *, threads: int | None = None) -> Any:
    """Softmax: softmax(x)_s = exp(x_s) / Σ_t exp(x_t) along `axis`.

    Parameters
    ----------
    x : at least one axis. Entries of -inf get weight 0, in fully masked rows too.
    axis : the axis over which the weights sum to 1.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: ∂softmax_s/∂x_t = softmax_s (δ_st - softmax_t).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers with this axis and threads a whole number >= 1.

    Examples
    --------
    >>> softmax([0, 1])
    array([0.26894142, 0.73105858])

    References
    ----------
    Bridle 1990; the shift as in Blanchard, Higham, Higham 2021, section 1.
    """
    return softmax_forward(promote(x), axis, threads=threads)[0]


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
def log_softmax_forward(
    x: npt.ArrayLike, axis: int = -1, *, threads: int | None = None
) -> tuple[Any, LogSoftmaxSaved]:
    """Logarithm of softmax, with what its backward needs: see `log_softmax`."""
    x, rows, axis, threads = _admit_rows(x, axis, threads)

    weights, out = by_rows(_fill_log_weights, [rows], [rows.shape[-1]] * 2, threads)
    return round_to(np.moveaxis(out, -1, axis), x, fresh=True), LogSoftmaxSaved(x, weights, axis, threads)


@backward_of(LogSoftmaxSaved)
def log_softmax_backward(d_out: npt.ArrayLike, saved: LogSoftmaxSaved) -> Any:
    """Undo out = x - logsumexp(x): d_x = d_out - softmax(x) * Σ d_out; 0 where x is -inf."""
    x, weights, axis, threads = saved
    d_out = np.moveaxis(cotangent("d_out", d_out, x.shape, x), axis, -1)

    def formula(weights: Array, d_out: Array, x: Array, d_x: Array, _: Buffers) -> None:
        visible = not_minus_infinity(x)
        d_out = keep_visible(d_out, visible)
        np.multiply(weights, d_out.sum(axis=-1, keepdims=True), out=d_x)
        np.subtract(d_out, d_x, out=d_x)
        if visible is not None:
            d_x[~visible] = 0

    (d_rows,) = by_rows(formula, [weights, d_out, np.moveaxis(x, axis, -1)], weights.shape[-1:], threads)
    return gradient_like(np.moveaxis(d_rows, -1, axis), x, fresh=True)


@explained
def log_softmax(x: npt.ArrayLike, axis: int = -1, *, threads: int | None = None) -> Any:
    """Logarithm of softmax: log_softmax(x) = x - logsumexp(x), to full precision near 0.

    Parameters
    ----------
    x : at least one axis. Entries of -inf stay -inf.
    axis : the axis over which the exponentials sum to 1.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: ∂out_s/∂x_t = δ_st - softmax_t.

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers with this axis and threads a whole number >= 1.

    Examples
    --------
    >>> log_softmax([0, 50])
    array([-5.00000000e+01, -1.92874985e-22])

    References
    ----------
    Blanchard, Higham, Higham 2021, for the shift and log1p.
    """
    return log_softmax_forward(promote(x), axis, threads=threads)[0]


@quiet
def logsumexp_forward(
    x: npt.ArrayLike, axis: int = -1, *, threads: int | None = None
) -> tuple[Any, LogsumexpSaved]:
    """Log-sum-exp, with what its backward needs: see `logsumexp`."""
    x, rows, axis, threads = _admit_rows(x, axis, threads)

    weights, lse = by_rows(_fill_weights_and_lse, [rows], [rows.shape[-1], 1], threads)
    return round_to(lse[..., 0], x, fresh=True), LogsumexpSaved(x, weights, axis, threads)


@backward_of(LogsumexpSaved)
def logsumexp_backward(d_out: npt.ArrayLike, saved: LogsumexpSaved) -> Any:
    """Undo out = log Σ exp(x): d_x = d_out * exp(x) / Σ exp(x) = d_out * softmax(x)."""
    x, weights, axis, threads = saved
    d_out = cotangent("d_out", d_out, weights.shape[:-1], x)[..., None]

    def formula(weights: Array, d_out: Array, x: Array, d_x: Array, _: Buffers) -> None:
        np.multiply(weights, d_out, out=d_x)
        if not np.isfinite(d_out).all() and (visible := not_minus_infinity(x)) is not None:
            d_x[~visible] = 0  # not 0 * inf

    (d_rows,) = by_rows(formula, [weights, d_out, np.moveaxis(x, axis, -1)], weights.shape[-1:], threads)
    return gradient_like(np.moveaxis(d_rows, -1, axis), x, fresh=True)


@explained
def logsumexp(x: npt.ArrayLike, axis: int = -1, *, threads: int | None = None) -> Any:
    """Log-sum-exp: log Σ_t exp(x_t) along `axis`, which is removed.

    Parameters
    ----------
    x : at least one axis. A fully masked or empty row gives -inf.
    axis : the axis of the sum.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x without `axis`. Derivative: softmax(x).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers with this axis and threads a whole number >= 1.

    Examples
    --------
    >>> float(logsumexp([1000, 1000]))
    1000.6931471805599

    References
    ----------
    Blanchard, Higham, Higham 2021, for the shift.
    """
    return logsumexp_forward(promote(x), axis, threads=threads)[0]
