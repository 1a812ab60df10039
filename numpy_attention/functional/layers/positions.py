"""Positional encodings: rotary, which rotates pairs of entries of query and key, and sinusoidal.

    angle(p, i) = p * base^(-2i / width)                            pair i of position p, i < width / 2
    rotary      (a, b) -> (a cos - b sin, a sin + b cos)            pair by pair
    sinusoidal  entry 2i = sin(angle), entry 2i + 1 = cos(angle)

The product of a rotated query and a rotated key depends on the difference of their positions alone.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import (
    Array,
    admit,
    as_array,
    explained,
    one_of,
    quiet,
    real_number,
    shown,
    whole_numbers,
)
from ..base.arrays import backward_of, cotangent, gradient_like, promote, round_to, shape_repr, upcast

LAYOUTS = ("interleaved", "halves")


@shape_repr
class RotarySaved(NamedTuple):
    """The input, and the cosine and sine of every angle (..., L, width / 2); pairs as in `layout`."""

    x: Array
    cos: Array
    sin: Array
    layout: str


def _angles(positions: npt.ArrayLike, width: int, base: float) -> Array:
    """Angles (..., L, width / 2), in float64."""
    array = as_array("positions", positions)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"positions has dtype {array.dtype}; real numbers are expected")
    if not np.isfinite(array).all():
        raise ValueError(f"positions holds {array[~np.isfinite(array)][0]}; finite numbers are expected")
    base = real_number("base", base)
    if base <= 0:
        raise ValueError(f"base is {base}; a positive number is expected")
    rates = base ** (-np.arange(0, width, 2) / max(width, 1))
    return np.asarray(array[..., None].astype(np.float64) * rates)


def _admit_width(name: str, width: object, most: int | None = None) -> int:
    array = whole_numbers(name, width, least=0)
    if array.ndim or array % 2 or (most is not None and array > most):
        limit = "" if most is None else f" <= {most}, the last axis of x,"
        raise ValueError(f"{name} is {shown(width)}; an even whole number{limit} is expected")
    return int(array)


def _pairs(x: Array, width: int, layout: str) -> tuple[Array, Array]:
    """The first and second entries of all pairs, as views."""
    if layout == "interleaved":
        return x[..., 0:width:2], x[..., 1:width:2]
    return x[..., : width // 2], x[..., width // 2 : width]


def rotate_pairs(x: Array, cos: Array, sin: Array, layout: str) -> Array:
    """x with each pair rotated by its angle; entries beyond the width are unchanged."""
    width = 2 * cos.shape[-1]
    a, b = _pairs(x, width, layout)
    out = x.copy()
    first, second = _pairs(out, width, layout)
    first[...] = a * cos - b * sin
    second[...] = a * sin + b * cos
    return out


@quiet
def rotary_forward(
    x: npt.ArrayLike,
    positions: npt.ArrayLike,
    *,
    layout: str = "interleaved",
    width: int | None = None,
    base: float = 10000.0,
) -> tuple[Any, RotarySaved]:
    """Rotary positions, with what their backward needs: see `rotary`."""
    x = admit("x", x, 2)
    (inner,) = upcast(x)
    layout = one_of("layout", layout, LAYOUTS)
    rotated = ("the last axis of x", x.shape[-1]) if width is None else ("width", width, x.shape[-1])
    angles = _angles(positions, _admit_width(*rotated), base)
    length = x.shape[:-1]
    if angles.ndim - 1 > len(length) or any(
        n not in (1, m) for n, m in zip(angles.shape[-2::-1], length[::-1], strict=False)
    ):
        came = f"positions has shape {angles.shape[:-1]}"
        raise ValueError(f"{came}, which does not broadcast to x without its last axis, {length}")
    real = inner.real.dtype
    saved = RotarySaved(x, np.cos(angles).astype(real), np.sin(angles).astype(real), layout)
    return round_to(rotate_pairs(inner, *saved[1:]), x), saved


@backward_of(RotarySaved)
def rotary_backward(d_out: npt.ArrayLike, saved: RotarySaved) -> Any:
    """Undo out = rotation(angles) x: d_x = rotation(-angles) d_out, the transpose of a rotation."""
    x, cos, sin, layout = saved
    return gradient_like(rotate_pairs(cotangent("d_out", d_out, x.shape, x), cos, -sin, layout), x)


@explained
def rotary(
    x: npt.ArrayLike,
    positions: npt.ArrayLike,
    *,
    layout: str = "interleaved",
    width: int | None = None,
    base: float = 10000.0,
) -> Any:
    """Rotary positions: pair i of the token at position p is rotated by p * base^(-2i / width).

    Parameters
    ----------
    x : (..., L, D), query or key
    positions : numbers that broadcast to (..., L), whole or not: arange(L), or arange(offset, offset + L)
    layout : the entries of a pair, "interleaved" (2i, 2i + 1) or "halves" (i, i + width / 2); trained
        weights work with one of them only.
    width : even number of entries that are rotated, None for all. The others are unchanged.
    base : a positive number.

    Returns
    -------
    The shape of x.

    Raises
    ------
    TypeError, ValueError
        For an odd width, an unknown layout, and positions that do not broadcast or are not finite.

    Examples
    --------
    >>> rotary([[1.0, 0.0]], [np.pi / 2]).round(3)
    array([[0., 1.]])

    References
    ----------
    Su et al. 2021, equation 34; halves as in GPT-NeoX.
    """
    return rotary_forward(promote(x), positions, layout=layout, width=width, base=base)[0]


@quiet
def sinusoidal(positions: npt.ArrayLike, width: int, base: float = 10000.0) -> Any:
    """Sinusoidal positions, to be added to token embeddings: sines and cosines of width / 2 frequencies.

    Parameters
    ----------
    positions : numbers (...), whole or not
    width : an even whole number
    base : a positive number.

    Returns
    -------
    (..., width) in float64: entry 2i is sin(p * base^(-2i / width)), entry 2i + 1 the cosine.

    Raises
    ------
    TypeError, ValueError
        For an odd width, or positions that are not finite numbers.

    Examples
    --------
    >>> sinusoidal([0, 1], 2)
    array([[0.        , 1.        ],
           [0.84147098, 0.54030231]])

    References
    ----------
    Vaswani et al. 2017, section 3.5.
    """
    angles = _angles(positions, _admit_width("width", width), base)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return waves.reshape(*angles.shape[:-1], 2 * angles.shape[-1])
