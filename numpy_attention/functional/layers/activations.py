"""Activations, element by element: each forward, and the slope by which its backward multiplies.

The stable forms select by the sign of the real part, so that they hold at ±1e4 and for complex input.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.arrays import (
    Array,
    admit,
    cotangent,
    finished,
    like,
    number,
    promoted,
    quiet,
    shows_shapes,
    undoes,
    wide,
)


@shows_shapes
class ActivationSaved(NamedTuple):
    """What an activation's backward needs: its input."""

    x: Array


@shows_shapes
class TanhSaved(NamedTuple):
    """The input, and its tanh in the precision it was computed in."""

    x: Array
    out: Array


@shows_shapes
class LeakyReluSaved(NamedTuple):
    """The input, and the slope below zero."""

    x: Array
    slope: float


def decay(x: Array) -> Array:
    """exp(-|x|), of which every stable form is made; |x| is ±x by the sign of the real part.

    Computed in float64 and rounded once: NumPy's own float32 exp is good to 2.5 units in the last place.
    """
    downwards = -np.abs(x) if x.dtype.kind != "c" else np.where(x.real > 0, -x, x)
    fallen = np.exp(downwards, dtype=np.result_type(x, np.float64))
    return np.asarray(fallen).astype(x.dtype, copy=False)


def logistic(x: Array) -> Array:
    """σ(x) = 1 / (1 + exp(-x)), without overflow and without cancellation."""
    small = decay(x)
    return np.asarray(np.where(x.real > 0, 1, small) / (1 + small))


def sech_squared(x: Array, tanh: Array | None = None) -> Array:
    """1 / cosh²(x), the slope of tanh; a quarter of it at x / 2 is that of σ: σ(x) σ(-x).

    4 exp(-2|x|) / (1 + exp(-2|x|))² does not overflow; near 0 it is 1 - tanh², whose own slope is then not
    left over from a cancellation. `tanh` is tanh(x), from whoever has it already.
    """
    small = decay(2 * x)
    far = 4 * small / (1 + small) ** 2
    near = 1 - (np.tanh(x) if tanh is None else tanh) ** 2
    return np.where(np.abs(x.real) < 0.5, near, far)


def log1p(x: Array) -> Array:
    """log(1 + x), for complex x too (NumPy's own loses the digits of a small real part)."""
    if x.dtype.kind != "c":
        return np.asarray(np.log1p(x))
    a, b = x.real, x.imag
    return np.asarray(0.5 * np.log1p(a * (2 + a) + b * b) + 1j * np.arctan2(b, 1 + a))


@quiet
def tanh_forward(x: npt.ArrayLike) -> tuple[Any, TanhSaved]:
    """Hyperbolic tangent, with what its backward needs: see `tanh`."""
    x = admit("x", x)
    out = np.asarray(np.tanh(*wide(x)))
    return finished(out, x), TanhSaved(x, out)


@undoes(TanhSaved)
def tanh_backward(d_out: npt.ArrayLike, saved: TanhSaved) -> Any:
    """d_x = d_out * sech²(x). Not 1 - tanh²(x): where tanh is near 1 that difference has no digits left."""
    x, out = saved
    d_out = cotangent("d_out", d_out, x.shape, x)
    (inner,) = wide(x)
    return like(d_out * sech_squared(inner, out), x, fresh=True)


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
        For what is no array of numbers.

    Examples
    --------
    >>> tanh([0, 1])
    array([0.        , 0.76159416])

    References
    ----------
    LeCun, Bottou, Orr, Müller 1998 (Efficient BackProp).
    """
    return tanh_forward(promoted(x))[0]


@quiet
def sigmoid_forward(x: npt.ArrayLike) -> tuple[Any, ActivationSaved]:
    """The logistic function, with what its backward needs: see `sigmoid`."""
    x = admit("x", x)
    return finished(logistic(*wide(x)), x), ActivationSaved(x)


@undoes(ActivationSaved)
def sigmoid_backward(d_out: npt.ArrayLike, saved: ActivationSaved) -> Any:
    """d_x = d_out * σ(x) σ(-x). Not σ(1 - σ): 1 - σ(x) has no digits left where σ(x) is near 1."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    (x,) = wide(saved.x)
    return like(d_out * (sech_squared(x / 2) / 4), saved.x)


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
        For what is no array of numbers.

    Examples
    --------
    >>> sigmoid([0, 2])
    array([0.5       , 0.88079708])

    References
    ----------
    Verhulst 1845; in networks Rumelhart, Hinton, Williams 1986.
    """
    return sigmoid_forward(promoted(x))[0]


@quiet
def relu_forward(x: npt.ArrayLike) -> tuple[Any, ActivationSaved]:
    """The positive part, with what its backward needs: see `relu`."""
    x = admit("x", x)
    return finished(np.where(x.real <= 0, 0, x), x), ActivationSaved(x)


@undoes(ActivationSaved)
def relu_backward(d_out: npt.ArrayLike, saved: ActivationSaved) -> Any:
    """d_x = d_out where x > 0, else 0 (at x = 0 too, as PyTorch has it)."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    return like(np.where(saved.x.real <= 0, 0, d_out), saved.x)


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
        For what is no array of numbers.

    Examples
    --------
    >>> relu([-1, 2])
    array([0., 2.])

    References
    ----------
    Nair and Hinton 2010; Glorot, Bordes, Bengio 2011.
    """
    return relu_forward(promoted(x))[0]


@quiet
def leaky_relu_forward(x: npt.ArrayLike, slope: float = 0.01) -> tuple[Any, LeakyReluSaved]:
    """The rectifier that leaks, with what its backward needs: see `leaky_relu`."""
    x, slope = admit("x", x), number("slope", slope)
    (inner,) = wide(x)
    return finished(np.where(x.real <= 0, slope * inner, inner), x), LeakyReluSaved(x, slope)


@undoes(LeakyReluSaved)
def leaky_relu_backward(d_out: npt.ArrayLike, saved: LeakyReluSaved) -> Any:
    """d_x = d_out where x > 0, else slope * d_out."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    return like(np.where(saved.x.real <= 0, saved.slope * d_out, d_out), saved.x)


def leaky_relu(x: npt.ArrayLike, slope: float = 0.01) -> Any:
    """The rectifier that leaks: x where x > 0, else slope * x.

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
        For what is no array of numbers, or a slope that is no finite number.

    Examples
    --------
    >>> leaky_relu([-1, 2], slope=0.1)
    array([-0.1,  2. ])

    References
    ----------
    Maas, Hannun, Ng 2013, section 2.
    """
    return leaky_relu_forward(promoted(x), slope)[0]
