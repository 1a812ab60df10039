"""Smooth rectifiers: silu and softplus.

silu(x) = x σ(x)          softplus(x) = log(1 + exp(x)), whose derivative is σ(x)
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import backward_of, cotangent, gradient_like, promote, round_to, upcast
from ..base.stable import decay, log1p
from .activations import ActivationSaved, logistic


def stable_softplus(x: Array) -> Array:
    """softplus(x) = max(x, 0) + log1p(exp(-|x|)), without overflow or cancellation."""
    positive_part = np.maximum(x, 0) if x.dtype.kind != "c" else np.where(x.real > 0, x, 0)
    return np.asarray(positive_part + log1p(decay(x)))


class SiluSaved(ActivationSaved):
    """The input of silu."""


class SoftplusSaved(ActivationSaved):
    """The input of softplus."""


@quiet
def silu_forward(x: npt.ArrayLike) -> tuple[Any, SiluSaved]:
    """The sigmoid linear unit, with what its backward needs: see `silu`."""
    x = admit("x", x)
    (inner,) = upcast(x)
    return round_to(_times_logistic(inner), x), SiluSaved(x)


def _times_logistic(x: Array) -> Array:
    """x σ(x), 0 at -inf."""
    return np.where(x.real == -np.inf, 0, x * logistic(x))


@backward_of(SiluSaved)
def silu_backward(d_out: npt.ArrayLike, saved: SiluSaved) -> Any:
    """Undo out = x σ(x): d_x = d_out * σ(x) (1 + x σ(-x)), since σ' = σ(x) σ(-x)."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    (x,) = upcast(saved.x)
    slope = logistic(x) * (1 - _times_logistic(-x))
    return gradient_like(d_out * np.where(x.real == -np.inf, 0, slope), saved.x)


@explained
def silu(x: npt.ArrayLike) -> Any:
    """The sigmoid linear unit, or swish: silu(x) = x σ(x).

    Parameters
    ----------
    x : any shape.

    Returns
    -------
    The shape of x. Derivative: σ(x) (1 + x σ(-x)).

    Raises
    ------
    TypeError
        Unless x is an array of numbers.

    Examples
    --------
    >>> silu([-1, 0, 1])
    array([-0.26894142,  0.        ,  0.73105858])

    References
    ----------
    Elfwing, Uchibe, Doya 2018, section 2; swish with β = 1 in Ramachandran, Zoph, Le 2017.
    """
    return silu_forward(promote(x))[0]


@quiet
def softplus_forward(x: npt.ArrayLike) -> tuple[Any, SoftplusSaved]:
    """The smooth positive part, with what its backward needs: see `softplus`."""
    x = admit("x", x)
    return round_to(stable_softplus(*upcast(x)), x), SoftplusSaved(x)


@backward_of(SoftplusSaved)
def softplus_backward(d_out: npt.ArrayLike, saved: SoftplusSaved) -> Any:
    """Undo out = log(1 + exp(x)): d_x = d_out * σ(x)."""
    d_out = cotangent("d_out", d_out, saved.x.shape, saved.x)
    return gradient_like(d_out * logistic(*upcast(saved.x)), saved.x)


@explained
def softplus(x: npt.ArrayLike) -> Any:
    """The smooth positive part: softplus(x) = log(1 + exp(x)).

    Parameters
    ----------
    x : any shape.

    Returns
    -------
    The shape of x. Derivative: σ(x).

    Raises
    ------
    TypeError
        Unless x is an array of numbers.

    Examples
    --------
    >>> softplus([-1, 0, 1000])
    array([3.13261688e-01, 6.93147181e-01, 1.00000000e+03])

    References
    ----------
    Dugas et al. 2001.
    """
    return softplus_forward(promote(x))[0]
