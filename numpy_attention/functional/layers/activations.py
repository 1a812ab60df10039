"""Elementwise activations: tanh, sigmoid, relu and leaky_relu.

Stable forms are selected by the sign of the real part, so they hold at ±1e4 and for complex input.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet, real_number
from ..base.arrays import backward_of, promote, round_to, shape_repr
from ..base.row_blocks import ALONE_IF_CHEAP, admit_threads, by_elements, elements_back
from ..base.stable import choose, decay, sech_squared
from ..base.workers import Buffers


@shape_repr
class ActivationSaved(NamedTuple):
    """The input, and the number of threads."""

    x: Array
    threads: int = 1


@shape_repr
class DecaySaved(NamedTuple):
    """The input, exp(-|x|), and the number of threads."""

    x: Array
    decay: Array
    threads: int


class SigmoidSaved(DecaySaved):
    """The input of sigmoid, exp(-|x|), and the number of threads."""


class ReluSaved(ActivationSaved):
    """The input of relu."""


@shape_repr
class TanhSaved(NamedTuple):
    """The input, its tanh before rounding, and the number of threads."""

    x: Array
    out: Array
    threads: int


@shape_repr
class LeakyReluSaved(NamedTuple):
    """The input, the slope below zero, and the number of threads."""

    x: Array
    slope: float
    threads: int


def logistic(x: Array) -> Array:
    """σ(x) = 1 / (1 + exp(-x)), without overflow and without cancellation."""
    small = decay(x)
    return logistic_of(x, small, np.empty_like(small))


def logistic_of(x: Array, small: Array, out: Array, scratch: Array | None = None) -> Array:
    """out = σ(x), of small = exp(-|x|): small / (1 + small), or 1 / (1 + small) where x > 0."""
    if x.dtype.kind == "c":
        out[...] = np.where(x.real > 0, 1, small)
    else:
        np.maximum(small, x > 0, out=out)
    out /= np.add(1, small, out=scratch)
    return out


def decay_into(x: Array, out: Array, buffers: Buffers) -> Array:
    """out = `decay` of x."""
    if x.dtype.kind == "c":
        out[...] = decay(x)
        return out
    wide = np.abs(x, out=buffers("wide", x.shape, np.float64))
    np.negative(wide, out=wide)
    out[...] = np.exp(wide, out=wide)
    return out


def times_probability(x: Array, probability: Array, scratch: Array | None = None) -> Array:
    """x *= probability, in the array of the probability; 0 at -inf, where -inf * 0 would be NaN."""
    if x.dtype.kind == "c":
        x = np.where(x.real == -np.inf, np.finfo(x.dtype).min, x)
    finite = np.maximum(x, np.finfo(x.dtype).min, out=scratch) if x.dtype.kind == "f" else x
    return np.asarray(np.multiply(finite, probability, out=probability))


@quiet
def tanh_forward(x: npt.ArrayLike, *, threads: int | None = None) -> tuple[Any, TanhSaved]:
    """Hyperbolic tangent, with what its backward needs: see `tanh`."""
    x, threads = admit("x", x), admit_threads(threads)
    (out,) = by_elements(lambda x, out, _: np.tanh(x, out=out), x, threads=threads)
    return round_to(out, x), TanhSaved(x, out, threads)


@backward_of(TanhSaved)
def tanh_backward(d_out: npt.ArrayLike, saved: TanhSaved) -> Any:
    """Undo out = tanh(x): d_x = d_out * sech²(x). 1 - tanh²(x) would cancel where tanh is near 1."""

    def formula(d_out: Array, x: Array, out: Array, d_x: Array, buffers: Buffers) -> None:
        if x.dtype.kind == "c":
            d_x[...] = d_out * sech_squared(x, out)
            return
        small = decay_into(2 * x, buffers("decay", x.shape, x.dtype), buffers)
        np.multiply(4 * d_out, small, out=d_x)
        small += 1
        small *= small
        d_x /= small

    return elements_back(formula, d_out, saved, saved.x, saved.out)


@explained
def tanh(x: npt.ArrayLike, *, threads: int | None = None) -> Any:
    """Hyperbolic tangent: tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Parameters
    ----------
    x : any shape.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: sech²(x).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers and threads a whole number >= 1.

    Examples
    --------
    >>> tanh([0, 1])
    array([0.        , 0.76159416])

    References
    ----------
    LeCun, Bottou, Orr, Müller 1998 (Efficient BackProp).
    """
    return tanh_forward(promote(x), threads=threads)[0]


@quiet
def sigmoid_forward(x: npt.ArrayLike, *, threads: int | None = None) -> tuple[Any, SigmoidSaved]:
    """The logistic function, with what its backward needs: see `sigmoid`."""
    x, threads = admit("x", x), admit_threads(threads)

    def formula(x: Array, out: Array, small: Array, buffers: Buffers) -> None:
        logistic_of(x, decay_into(x, small, buffers), out)

    out, small = by_elements(formula, x, results=2, threads=threads)
    return round_to(out, x, fresh=True), SigmoidSaved(x, small, threads)


@backward_of(SigmoidSaved)
def sigmoid_backward(d_out: npt.ArrayLike, saved: SigmoidSaved) -> Any:
    """Undo out = σ(x): d_x = d_out * σ(x) σ(-x). 1 - σ(x) would cancel where σ(x) is near 1."""

    def formula(d_out: Array, x: Array, small: Array, d_x: Array, _: Buffers) -> None:
        slope = sech_squared(x / 2) / 4 if x.dtype.kind == "c" else small / (1 + small) ** 2
        np.multiply(d_out, slope, out=d_x)

    return elements_back(formula, d_out, saved, saved.x, saved.decay)


@explained
def sigmoid(x: npt.ArrayLike, *, threads: int | None = None) -> Any:
    """The logistic function: σ(x) = 1 / (1 + exp(-x)).

    Parameters
    ----------
    x : any shape.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: σ(x) σ(-x).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers and threads a whole number >= 1.

    Examples
    --------
    >>> sigmoid([0, 2])
    array([0.5       , 0.88079708])

    References
    ----------
    Verhulst 1845; in networks Rumelhart, Hinton, Williams 1986.
    """
    return sigmoid_forward(promote(x), threads=threads)[0]


@quiet
def relu_forward(x: npt.ArrayLike, *, threads: int | None = None) -> tuple[Any, ReluSaved]:
    """The positive part, with what its backward needs: see `relu`."""
    x, threads = admit("x", x), admit_threads(threads)
    (out,) = by_elements(
        lambda x, out, _: choose(~(x.real <= 0), x, out=out), x, threads=threads, alone=ALONE_IF_CHEAP
    )
    return round_to(out, x, fresh=True), ReluSaved(x, threads)


@backward_of(ReluSaved)
def relu_backward(d_out: npt.ArrayLike, saved: ReluSaved) -> Any:
    """Undo out = max(x, 0): d_x = d_out where x > 0, else 0 (at x = 0 too, as in PyTorch)."""

    def formula(d_out: Array, x: Array, d_x: Array, _: Buffers) -> None:
        choose(~(x.real <= 0), d_out, out=d_x)

    return elements_back(formula, d_out, saved, saved.x, alone=ALONE_IF_CHEAP)


@explained
def relu(x: npt.ArrayLike, *, threads: int | None = None) -> Any:
    """The rectifier: relu(x) = max(x, 0).

    Parameters
    ----------
    x : any shape. The sign of a complex number is that of its real part.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: 1 where x > 0, else 0.

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers and threads a whole number >= 1.

    Examples
    --------
    >>> relu([-1, 2])
    array([0., 2.])

    References
    ----------
    Nair and Hinton 2010; Glorot, Bordes, Bengio 2011.
    """
    return relu_forward(promote(x), threads=threads)[0]


@quiet
def leaky_relu_forward(
    x: npt.ArrayLike, slope: float = 0.01, *, threads: int | None = None
) -> tuple[Any, LeakyReluSaved]:
    """The leaky rectifier, with what its backward needs: see `leaky_relu`."""
    x, slope, threads = admit("x", x), real_number("slope", slope), admit_threads(threads)

    def formula(x: Array, out: Array, _: Buffers) -> None:
        choose(x.real <= 0, slope * x, x, out=out)

    (out,) = by_elements(formula, x, threads=threads, alone=ALONE_IF_CHEAP)
    return round_to(out, x, fresh=True), LeakyReluSaved(x, slope, threads)


@backward_of(LeakyReluSaved)
def leaky_relu_backward(d_out: npt.ArrayLike, saved: LeakyReluSaved) -> Any:
    """Undo out = x where x > 0, else slope * x: d_x = d_out there, else slope * d_out."""

    def formula(d_out: Array, x: Array, d_x: Array, _: Buffers) -> None:
        choose(x.real <= 0, saved.slope * d_out, d_out, out=d_x)

    return elements_back(formula, d_out, saved, saved.x, alone=ALONE_IF_CHEAP)


@explained
def leaky_relu(x: npt.ArrayLike, slope: float = 0.01, *, threads: int | None = None) -> Any:
    """The leaky rectifier: x where x > 0, else slope * x.

    Parameters
    ----------
    x : any shape. The sign of a complex number is that of its real part.
    slope : a number.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: 1 where x > 0, else slope.

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers, slope a finite number and threads a whole number >= 1.

    Examples
    --------
    >>> leaky_relu([-1, 2], slope=0.1)
    array([-0.1,  2. ])

    References
    ----------
    Maas, Hannun, Ng 2013, section 2.
    """
    return leaky_relu_forward(promote(x), slope, threads=threads)[0]
