"""Smooth rectifiers: silu and softplus.

silu(x) = x σ(x)          softplus(x) = log(1 + exp(x)), whose derivative is σ(x)
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import backward_of, promote, round_to
from ..base.row_blocks import admit_threads, by_elements, elements_back
from ..base.stable import decay, log1p
from ..base.workers import Buffers
from .activations import DecaySaved, decay_into, logistic_of, times_probability


def stable_softplus(x: Array) -> Array:
    """softplus(x) = max(x, 0) + log1p(exp(-|x|)), without overflow or cancellation."""
    small = decay(x)
    _softplus_of(x, small, out := np.empty_like(small), Buffers())
    return out


def _softplus_of(x: Array, small: Array, out: Array, buffers: Buffers) -> None:
    """out = softplus(x), of small = exp(-|x|)."""
    if x.dtype.kind == "c":
        np.add(np.where(x.real > 0, x, 0), log1p(small), out=out)
        return
    total, error = (buffers(name, x.shape, np.float64) for name in ("wide", "error"))
    np.add(small, 1, out=total, dtype=np.float64)
    np.subtract(total, 1, out=error)
    np.subtract(small, error, out=error)
    error /= total  # log(1 + small) = log(total) + error, of 1 + small rounded to total
    np.log(total, out=total)
    out[...] = np.add(total, error, out=total)
    out += np.maximum(x, 0)


class SiluSaved(DecaySaved):
    """The input of silu, exp(-|x|), and the number of threads."""


class SoftplusSaved(DecaySaved):
    """The input of softplus, exp(-|x|), and the number of threads."""


@quiet
def silu_forward(x: npt.ArrayLike, *, threads: int | None = None) -> tuple[Any, SiluSaved]:
    """The sigmoid linear unit, with what its backward needs: see `silu`."""
    x, threads = admit("x", x), admit_threads(threads)
    out, small = by_elements(partial(_with_decay, _times_logistic), x, results=2, threads=threads)
    return round_to(out, x, fresh=True), SiluSaved(x, small, threads)


def _times_logistic(x: Array, small: Array, out: Array, _: Buffers) -> None:
    """out = x σ(x), of small = exp(-|x|)."""
    times_probability(x, logistic_of(x, small, out))


def _with_decay(function: Callable[..., None], x: Array, out: Array, small: Array, buffers: Buffers) -> None:
    """out = function(x, small), small = exp(-|x|)."""
    function(x, decay_into(x, small, buffers), out, buffers)


@backward_of(SiluSaved)
def silu_backward(d_out: npt.ArrayLike, saved: SiluSaved) -> Any:
    """Undo out = x σ(x): d_x = d_out * σ(x) (1 + x σ(-x)), since σ' = σ(x) σ(-x)."""

    def formula(d_out: Array, x: Array, small: Array, d_x: Array, buffers: Buffers) -> None:
        right = logistic_of(-x, small, buffers("right", x.shape, x.dtype))
        finite = x if x.dtype.kind == "c" else x.clip(np.finfo(x.dtype).min, np.finfo(x.dtype).max)
        right *= finite
        right += 1
        right *= logistic_of(x, small, buffers("left", x.shape, x.dtype))
        np.multiply(d_out, right, out=d_x)

    return elements_back(formula, d_out, saved, saved.x, saved.decay)


@explained
def silu(x: npt.ArrayLike, *, threads: int | None = None) -> Any:
    """The sigmoid linear unit, or swish: silu(x) = x σ(x).

    Parameters
    ----------
    x : any shape.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: σ(x) (1 + x σ(-x)).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers and threads a whole number >= 1.

    Examples
    --------
    >>> silu([-1, 0, 1])
    array([-0.26894142,  0.        ,  0.73105858])

    References
    ----------
    Elfwing, Uchibe, Doya 2018, section 2; swish with β = 1 in Ramachandran, Zoph, Le 2017.
    """
    return silu_forward(promote(x), threads=threads)[0]


@quiet
def softplus_forward(x: npt.ArrayLike, *, threads: int | None = None) -> tuple[Any, SoftplusSaved]:
    """The smooth positive part, with what its backward needs: see `softplus`."""
    x, threads = admit("x", x), admit_threads(threads)
    out, small = by_elements(partial(_with_decay, _softplus_of), x, results=2, threads=threads)
    return round_to(out, x, fresh=True), SoftplusSaved(x, small, threads)


@backward_of(SoftplusSaved)
def softplus_backward(d_out: npt.ArrayLike, saved: SoftplusSaved) -> Any:
    """Undo out = log(1 + exp(x)): d_x = d_out * σ(x)."""

    def formula(d_out: Array, x: Array, small: Array, d_x: Array, buffers: Buffers) -> None:
        np.multiply(d_out, logistic_of(x, small, buffers("left", x.shape, x.dtype)), out=d_x)

    return elements_back(formula, d_out, saved, saved.x, saved.decay)


@explained
def softplus(x: npt.ArrayLike, *, threads: int | None = None) -> Any:
    """The smooth positive part: softplus(x) = log(1 + exp(x)).

    Parameters
    ----------
    x : any shape.
    threads : number of threads, or None: as many as there are processors. No bit depends on it.

    Returns
    -------
    The shape of x. Derivative: σ(x).

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers and threads a whole number >= 1.

    Examples
    --------
    >>> softplus([-1, 0, 1000])
    array([3.13261688e-01, 6.93147181e-01, 1.00000000e+03])

    References
    ----------
    Dugas et al. 2001.
    """
    return softplus_forward(promote(x), threads=threads)[0]
