"""What comes in and goes out: admission, dtypes, broadcasts, and products that keep hidden things hidden.

The other files of this folder are mathematics; whatever a careful program needs around the mathematics
stands here, under names that say what they do.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from .admission import Array, admit, compute_dtype, holds_masked_array, quiet, whole_numbers

_Class = TypeVar("_Class", bound=type)
_Backward = TypeVar("_Backward", bound=Callable[..., Any])


def backward_of(saved_by_forward: type) -> Callable[[_Backward], _Backward]:
    """Decorates every public backward: quiet, and sure that `saved` is what its own forward gave."""

    def decorate(backward: _Backward) -> _Backward:
        forward = backward.__name__.replace("_backward", "_forward")

        @wraps(backward)
        @quiet
        def checked(d_out: Any, saved: Any, **rest: Any) -> Any:
            if not isinstance(saved, saved_by_forward):
                raise TypeError(f"saved is {type(saved).__name__}, not what {forward} gave")
            return backward(d_out, saved, **rest)

        return cast(_Backward, checked)

    return decorate


class Pair(NamedTuple):
    """A function and what undoes it: out, saved = forward(…); gradients = backward(d_out, saved)."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]


def shape_repr(saved: _Class) -> _Class:
    """Class decorator for the tuples that forward saves: their repr names each field with its shape."""

    def describe(field: object) -> str:
        if isinstance(field, np.ndarray):
            return f"{field.dtype}{field.shape}"
        if isinstance(field, tuple) and not hasattr(field, "_fields"):
            return "(" + ", ".join(map(describe, field)) + ")"
        if isinstance(field, dict):
            return f"{len(field)} of them"
        return repr(field)

    def __repr__(self: Any) -> str:
        fields = (f"{name}={describe(field)}" for name, field in zip(self._fields, self, strict=True))
        return f"{type(self).__name__}({', '.join(fields)})"

    saved.__repr__ = __repr__  # type: ignore[method-assign,assignment]
    return saved


# --------------------------------------------------------------------------------------- what comes in


def promote(x: Any) -> Any:
    """What the plain forms take besides: lists and whole numbers become float64."""
    if isinstance(x, (list, tuple, range)) and not holds_masked_array(x):
        try:
            x = np.asarray(x)
        except ValueError:
            return x  # ragged: `admit` says so, and knows its name
    return x.astype(np.float64) if isinstance(x, (np.ndarray, np.integer)) and x.dtype.kind in "iu" else x


def positions(name: str, x: object, least: int | None = None) -> Array:
    """Whole numbers that are distances between positions: so far and no farther that sums do not wrap."""
    array = np.minimum(whole_numbers(name, x, least), 2**62)
    return np.asarray(np.maximum(array.astype(np.int64), -(2**62)))


def check_broadcast(name: str, array: Array, shape: tuple[int, ...], what: str) -> Array:
    """`array`, once it is sure that it broadcasts to `shape` without adding axes to it."""
    short = len(shape) - array.ndim
    if short < 0 or any(a not in (1, s) for a, s in zip(array.shape, shape[max(short, 0) :], strict=False)):
        raise ValueError(f"{name} has shape {array.shape}, which does not broadcast to {what} {shape}")
    return array


def common_batch(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which the named batch shapes broadcast."""
    if len(set(shapes.values())) == 1:
        return next(iter(shapes.values()))
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"the batch axes do not broadcast together: {told}") from None


def check_equal(left: str, left_length: int, right: str, right_length: int) -> None:
    """Refuse two axes that should have one length."""
    if left_length != right_length:
        raise ValueError(f"{left} is {left_length}, but {right} is {right_length}; they must be equal")


def cotangent(name: str, d_out: object, shape: tuple[int, ...], *arguments: Array) -> Array:
    """The gradient that comes down from above: it has the output's shape, and is complex if anything is."""
    array = admit(name, d_out)
    if array.shape != shape:
        of = name.removeprefix("d_") if name in ("d_weights", "d_lse") else "the output"
        raise ValueError(f"{name} has shape {array.shape}; that of {of}, {shape}, is expected")
    return array.astype(compute_dtype(array, *arguments), copy=False)


# -------------------------------------------------------------------------------------------- dtypes


def upcast(*arrays: Array) -> list[Array]:
    """The arrays in the dtype that is computed in."""
    dtype = compute_dtype(*arrays)
    return [array.astype(dtype, copy=False) for array in arrays]


def cast_optional(array: Array, *arguments: Array) -> Array:
    """An optional argument in the precision of the others: it never promotes, but stays complex."""
    kind = np.complex64 if array.dtype.kind == "c" else np.float16
    return array.astype(np.result_type(compute_dtype(*arguments), kind), copy=False)


def to_float64(*arrays: Array | None) -> list[Any]:
    """The arrays in float64, or complex128 if any of them is complex: what the reference computes in."""
    given = [array for array in arrays if array is not None]
    dtype = np.result_type(np.float64, *given)
    return [None if array is None else array.astype(dtype) for array in arrays]


def round_to(out: Array, *arguments: Array, fresh: bool = False) -> Any:
    """`out` in its arguments' result_type, rounded once; complex if it is; a new array, or a scalar.

    fresh: nobody else has `out`, so that it may be that array itself.
    """
    dtype = np.result_type(*arguments)
    if out.dtype.kind == "c":
        dtype = np.result_type(dtype, np.complex64)
    return np.array(out, dtype=dtype, copy=None if fresh else True)[()]


def gradient_like(gradient: Array, argument: Array, fresh: bool = False) -> Any:
    """A gradient as its argument wants it: summed to its shape, in its dtype, sharing memory with nothing."""
    return round_to(unbroadcast(gradient, argument.shape), argument, fresh=fresh)


# -------------------------------------------------------------------------------------------- shapes


def accurate_sum(x: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """A sum accumulated in float64 (complex128): NumPy's own is not pairwise along any axis but the last."""
    summed = x.sum(axis=axis, keepdims=keepdims, dtype=np.result_type(x, np.float64))
    return np.asarray(summed).astype(x.dtype, copy=False)


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: sum over every axis along which an argument of `shape` was repeated."""
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    axes = tuple(range(added)) + tuple(
        added + axis for axis, length in enumerate(shape) if length == 1 != gradient.shape[added + axis]
    )
    return accurate_sum(gradient, axes).reshape(shape) if axes else gradient.reshape(shape)


def transposed(matrix: Array) -> Array:
    """The last two axes exchanged."""
    return matrix.swapaxes(-1, -2)


# -------------------------------------------------------------------- what is hidden has no influence


def keep_visible(x: Array, visible: Array | None) -> Array:
    """`x` where it may be seen, 0 elsewhere: selected, never multiplied, for 0 * NaN is NaN."""
    return x if visible is None else np.where(visible, x, 0)


def visible_product(weights: Array, matrix: Array, visible: Array | None) -> Array:
    """weights (..., M, K) @ matrix (..., K, N), where a hidden pair contributes nothing at all.

    weights are exactly 0 wherever visible (..., M, K) is False, yet 0 * NaN is NaN. So the product runs
    over the finite entries, always through a fresh copy (another layout would give BLAS's other bits), and
    whatever is not finite is added afterwards, pair by pair, to those alone who may see it.
    """
    if visible is None:
        return weights @ matrix
    finite = np.isfinite(matrix)
    clean = np.ascontiguousarray(np.where(finite, matrix, 0))  # whatever layout came
    product: Array = weights @ clean + 0.0  # + 0.0: a sum of hidden zeros has no sign
    if not finite.all():
        spoiled = np.where(finite, 0, matrix)
        every_row = tuple(range(matrix.ndim - 2)) + (matrix.ndim - 1,)
        for k in np.flatnonzero(~finite.all(axis=every_row)):
            touch = weights[..., :, k, None] * spoiled[..., None, k, :]
            product = product + np.where(visible[..., :, k, None], touch, 0)
    return product
