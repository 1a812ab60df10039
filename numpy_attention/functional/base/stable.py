"""Formulas that avoid overflow and cancellation: shift, peak and sinks of softmax rows, sech², log(1 + x)."""

import numpy as np

from .admission import Array


def row_maximum(x: Array) -> Array:
    """The entry of each row with the largest real part, kept as an axis; -inf for empty rows."""
    if x.dtype.kind != "c":
        return np.asarray(x.max(axis=-1, keepdims=True, initial=-np.inf))
    if not x.shape[-1]:
        return np.full((*x.shape[:-1], 1), -np.inf, dtype=x.dtype)
    return entry_at_peak(x, x)


def finite_shift(top: Array) -> Array:
    """What is subtracted from each row before exp: its maximum `top`, or 0 where that is not finite.

    A complex maximum is subtracted whole: the peak's own term is then exactly 1, and complex-step derivatives
    keep their digits even where one weight is almost 1.
    """
    return np.where(np.isfinite(top), top, 0)


def not_minus_infinity(rows: Array) -> Array | None:
    """True where an entry is not -inf; None if there is no -inf, which the minimum shows at once."""
    return None if rows.real.min(initial=0) > -np.inf else rows.real != -np.inf


def entry_at_peak(x: Array, weights: Array) -> Array:
    """The entry of each row of `x` where that row's weight is largest, kept as an axis (0 for empty rows)."""
    if not weights.shape[-1]:
        return np.zeros((*x.shape[:-1], 1), dtype=x.dtype)
    peak = weights.real.argmax(axis=-1)
    rows = x.reshape(-1, x.shape[-1])
    return np.asarray(rows[np.arange(peak.size), peak.reshape(-1)].reshape(*peak.shape, 1))


def sink_weights(quotients: Array, sinks: Array) -> Array:
    """Weights of the sinks: the quotients exp(sinks) / Σ exp, but 0 for a sink of -inf and 1 for +inf."""
    return np.where(sinks.real == -np.inf, 0, np.where(sinks.real == np.inf, 1, quotients))


def decay(x: Array) -> Array:
    """exp(-|x|), the part of stable forms that cannot overflow; complex |x| is ±x by the sign of Re x.

    Computed in float64 and rounded once: NumPy's own float32 exp is good to 2.5 units in the last place.
    """
    downwards = -np.abs(x) if x.dtype.kind != "c" else np.where(x.real > 0, -x, x)
    wide = np.exp(downwards, dtype=np.result_type(x, np.float64))
    return np.asarray(wide).astype(x.dtype, copy=False)


def choose(condition: Array, yes: Array, no: Array | None = None, *, out: Array) -> None:
    """out = np.where(condition, yes, no or 0), of arrays of one dtype.

    By bits: np.where takes a branch for each number, which costs eight times as much if it is not foreseen.
    """
    if out.dtype.kind == "c":
        out[...] = np.where(condition, yes, 0 if no is None else no)
        return
    bits = np.dtype(f"i{out.dtype.itemsize}")
    mask = out.view(bits)
    np.negative(condition, out=mask, dtype=bits, casting="unsafe")
    if no is None:
        mask &= yes.view(bits)
    else:
        mask &= yes.view(bits) ^ no.view(bits)
        mask ^= no.view(bits)


def sech_squared(x: Array, tanh: Array | None = None) -> Array:
    """1 / cosh²(x), the derivative of tanh; a quarter of it at x / 2 is that of σ, σ(x) σ(-x).

    4 exp(-2|x|) / (1 + exp(-2|x|))² does not overflow; for complex x near 0 it is 1 - tanh², whose own
    derivative cancels nothing there. `tanh` is tanh(x), if already computed.
    """
    exponential = decay(2 * x)
    far = 4 * exponential / (1 + exponential) ** 2
    if x.dtype.kind != "c":
        return np.asarray(far)
    near = 1 - (np.tanh(x) if tanh is None else tanh) ** 2
    return np.where(np.abs(x.real) < 0.5, near, far)


def log1p(x: Array) -> Array:
    """log(1 + x), also for complex x (NumPy's own loses the digits of a small real part)."""
    if x.dtype.kind != "c":
        return np.asarray(np.log1p(x))
    a, b = x.real, x.imag
    return np.asarray(0.5 * np.log1p(a * (2 + a) + b * b) + 1j * np.arctan2(b, 1 + a))
