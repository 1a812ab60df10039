"""Elementwise activations: tanh, sigmoid, relu and leaky_relu.

Stable forms are selected by the sign of the real part, so they hold at ±1e4 and for complex input.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet, real_number
from ..base.arrays import backward_of, cotangent, gradient_like, promote, round_to, shape_repr, upcast
from ..base.stable import decay, sech_squared


@shape_repr
class ActivationSaved(NamedTuple):
    """The input."""

    x: Array


class SigmoidSaved(ActivationSaved):
    """The input of sigmoid."""


class ReluSaved(ActivationSaved):
    """The input of relu."""


@shape_repr
class TanhSaved(NamedTuple):
    """The input, and its tanh before rounding."""

    x: Array
    out: Array


@shape_repr
class LeakyReluSaved(NamedTuple):
    """The input, and the slope below zero."""

    x: Array
    slope: float


def logistic(x: Array) -> Array:
    """σ(x) = 1 / (1 + exp(-x)), without overflow and without cancellation."""
    small = decay(x)
    return np.asarray(np.where(x.real > 0, 1, small) / (1 + small))


@quiet
def tanh_forward(x: npt.ArrayLike) -> tuple[Any, TanhSaved]:
    """Hyperbolic tangent, with what its backward needs: see `tanh`."""
    x = admit("x", x)
    out = np.asarray(np.tanh(*upcast(x)))
    return round_to(out, x), TanhSaved(x, out)


@backward_of(TanhSaved)
def tanh_backward(d_out: npt.ArrayLike, saved: TanhSaved) -> Any:
    """Undo out = tanh(x): d_x = d_out * sech²(x). 1 - tanh²(x) would cancel where tanh is near 1."""
    x, out = saved
    d_out = cotangent("d_out", d_out, x.shape, x)
    (inner,) = upcast(x)
    return gradient_like(d_out * sech_squared(inner, out), x, fresh=True)


@explained
def tanh(x: npt.ArrayLike) -> Any:
    """Hyperbolic tangent: tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Parameters
    ----------
    x : any shape.

    Returns
    -------
    The shape of x. Derivative: sech²(x).

    Raises
    ------
    TypeError
        Unless x is an array of numbers.

    Examples
    --------
    >>> tanh([0, 1])
    array([0.        , 0.76159416])

    References
    ----------
    LeCun, Bottou, Orr, Müller 1998 (Efficient BackProp).
    """
    return tanh_forward(promote(x))[0]


@quiet
def sigmoid_forward(x: npt.ArrayLike) -> tuple[Any, SigmoidSaved]:
    """The logistic function, with what its backward needs: see `sigmoid`."""
    x = admit("x", x)
    return round_to(logistic(*upcast(x)), x), SigmoidSaved(x)


@backward_of(SigmoidSaved)
def sigmoid_backward(d_out: npt.ArrayLike, saved: SigmoidSaved) -> Any:
    """Undo out = σ(x): d_x = d_out * σ(x) σ(-x). 1 - σ(x) would cancel where σ(x) is near 1."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    (x,) = upcast(saved.x)
    return gradient_like(d_out * (sech_squared(x / 2) / 4), saved.x)


@explained
def sigmoid(x: npt.ArrayLike) -> Any:
    """The logistic function: σ(x) = 1 / (1 + exp(-x)).

    Parameters
    ----------
    x : any shape.

    Returns
    -------
    The shape of x. Derivative: σ(x) σ(-x).

    Raises
    ------
    TypeError
        Unless x is an array of numbers.

    Examples
    --------
    >>> sigmoid([0, 2])
    array([0.5       , 0.88079708])

    References
    ----------
    Verhulst 1845; in networks Rumelhart, Hinton, Williams 1986.
    """
    return sigmoid_forward(promote(x))[0]


@quiet
def relu_forward(x: npt.ArrayLike) -> tuple[Any, ReluSaved]:
    """The positive part, with what its backward needs: see `relu`."""
    x = admit("x", x)
    return round_to(np.where(x.real <= 0, 0, x), x), ReluSaved(x)


@backward_of(ReluSaved)
def relu_backward(d_out: npt.ArrayLike, saved: ReluSaved) -> Any:
    """Undo out = max(x, 0): d_x = d_out where x > 0, else 0 (at x = 0 too, as in PyTorch)."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    return gradient_like(np.where(saved.x.real <= 0, 0, d_out), saved.x)


@explained
def relu(x: npt.ArrayLike) -> Any:
    """The rectifier: relu(x) = max(x, 0).

    Parameters
    ----------
    x : any shape. The sign of a complex number is that of its real part.

    Returns
    -------
    The shape of x. Derivative: 1 where x > 0, else 0.

    Raises
    ------
    TypeError
        Unless x is an array of numbers.

    Examples
    --------
    >>> relu([-1, 2])
    array([0., 2.])

    References
    ----------
    Nair and Hinton 2010; Glorot, Bordes, Bengio 2011.
    """
    return relu_forward(promote(x))[0]


@quiet
def leaky_relu_forward(x: npt.ArrayLike, slope: float = 0.01) -> tuple[Any, LeakyReluSaved]:
    """The leaky rectifier, with what its backward needs: see `leaky_relu`."""
    x, slope = admit("x", x), real_number("slope", slope)
    (inner,) = upcast(x)
    return round_to(np.where(x.real <= 0, slope * inner, inner), x), LeakyReluSaved(x, slope)


@backward_of(LeakyReluSaved)
def leaky_relu_backward(d_out: npt.ArrayLike, saved: LeakyReluSaved) -> Any:
    """Undo out = x where x > 0, else slope * x: d_x = d_out there, else slope * d_out."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    return gradient_like(np.where(saved.x.real <= 0, saved.slope * d_out, d_out), saved.x)


@explained
def leaky_relu(x: npt.ArrayLike, slope: float = 0.01) -> Any:
    """The leaky rectifier: x where x > 0, else slope * x.

    Parameters
    ----------
    x : any shape. The sign of a complex number is that of its real part.
    slope : a number.

    Returns
    -------
    The shape of x. Derivative: 1 where x > 0, else slope.

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers and slope a finite number.

    Examples
    --------
    >>> leaky_relu([-1, 2], slope=0.1)
    array([-0.1,  2. ])

    References
    ----------
    Maas, Hannun, Ng 2013, section 2.
    """
    return leaky_relu_forward(promote(x), slope)[0]
