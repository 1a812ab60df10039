"""Around the mathematics: pairs, promotion, dtypes, broadcasting, and products that ignore masked entries.

A formula calls these before its first line and after its last, so that the lines between are the equation.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from .admission import Array, admit, compute_dtype, contains_masked_array, quiet, whole_numbers

_Class = TypeVar("_Class", bound=type)
_Backward = TypeVar("_Backward", bound=Callable[..., Any])


def backward_of(saved_type: type) -> Callable[[_Backward], _Backward]:
    """Decorator of public backwards: quiet, and TypeError unless `saved` is the tuple of its own forward."""

    def decorate(backward: _Backward) -> _Backward:
        forward = backward.__name__.replace("_backward", "_forward")

        @quiet
        @wraps(backward)
        def checked(d_out: Any, saved: Any, **rest: Any) -> Any:
            if type(saved) is not saved_type:
                raise TypeError(f"saved is {type(saved).__name__}, not what {forward} returned")
            return backward(d_out, saved, **rest)

        return cast(_Backward, checked)

    return decorate


def shape_repr(saved: _Class) -> _Class:
    """Class decorator for NamedTuples: their repr shows arrays by dtype and shape, functions by name."""

    def describe(field: object) -> str:
        if isinstance(field, np.ndarray):
            return f"{field.dtype}{field.shape}"
        if isinstance(field, tuple) and not hasattr(field, "_fields"):
            return "(" + ", ".join(map(describe, field)) + ")"
        if isinstance(field, dict):
            return f"dict of {len(field)}"
        return getattr(field, "__name__", type(field).__name__) if callable(field) else repr(field)

    def __repr__(self: Any) -> str:
        fields = (f"{name}={describe(field)}" for name, field in zip(self._fields, self, strict=True))
        return f"{type(self).__name__}({', '.join(fields)})"

    saved.__repr__ = __repr__  # type: ignore[method-assign,assignment]
    return saved


@shape_repr
class Pair(NamedTuple):
    """A function and its derivative: out, saved = forward(…); gradients = backward(d_out, saved)."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]


# ------------------------------------------------------------------------------------------ admission


def promote(x: Any) -> Any:
    """For the plain forms: lists and whole numbers as float64, anything else unchanged."""
    if isinstance(x, (list, tuple, range)):
        try:
            x = x if contains_masked_array(x) else np.asarray(x)
        except Exception:
            return x  # ragged, or no numbers: `admit` raises, naming the argument
    return x.astype(np.float64) if isinstance(x, (np.ndarray, np.integer)) and x.dtype.kind in "iu" else x


def whole_number(name: str, x: object, least: int | None = None) -> int:
    """One whole number; TypeError or ValueError for anything else."""
    if type(x) is int and 0 <= x < 2**63 and (least is None or least <= x):
        return x  # the common case
    array = whole_numbers(name, x, least)
    if array.ndim:
        raise TypeError(f"{name} has shape {array.shape}; one whole number is expected")
    return int(array)


def positions(name: str, x: object, least: int | None = None) -> Array:
    """Whole numbers used as positions or distances, clipped to ±2**62 so that sums do not wrap around."""
    array = np.minimum(whole_numbers(name, x, least), 2**62)
    return np.asarray(np.maximum(array.astype(np.int64), -(2**62)))


def check_broadcast(name: str, array: Array, shape: tuple[int, ...], target: str) -> Array:
    """`array`, if it broadcasts to `shape` (of `target`) without adding axes; ValueError otherwise."""
    if array.shape == shape:
        return array  # the common case
    short = len(shape) - array.ndim
    if short < 0 or any(a not in (1, s) for a, s in zip(array.shape, shape[max(short, 0) :], strict=False)):
        raise ValueError(f"{name} has shape {array.shape}, which does not broadcast to {target} {shape}")
    return array


def common_batch(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that the named batch shapes broadcast to; ValueError if they do not."""
    given = [*shapes.values()]
    if given and given.count(given[0]) == len(given):
        return given[0]  # the common case
    try:
        return np.broadcast_shapes(*given)
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"the batch axes do not broadcast together: {listed}") from None


def check_equal(left: str, left_length: int, right: str, right_length: int) -> None:
    """Raise ValueError unless two axes have the same length."""
    if left_length != right_length:
        raise ValueError(f"{left} is {left_length}, but {right} is {right_length}; they must be equal")


def cotangent(name: str, d_out: object, shape: tuple[int, ...], *arguments: Array) -> Array:
    """d_out, validated to have the output's shape, in the compute dtype of d_out and the arguments."""
    array = admit(name, d_out)
    if array.shape != shape:
        of = name.removeprefix("d_") if name in ("d_weights", "d_lse") else "the output"
        raise ValueError(f"{name} has shape {array.shape}; that of {of}, {shape}, is expected")
    return array.astype(compute_dtype(array, *arguments), copy=False)


# -------------------------------------------------------------------------------------------- dtypes


def all_have(dtype: np.dtype[Any], arrays: Sequence[Array]) -> bool:
    """True if all arrays have this dtype: much sooner known than a result_type."""
    for array in arrays:  # noqa: SIM110  `all` takes three times as long
        if array.dtype != dtype:
            return False
    return True


def upcast(*arrays: Array) -> list[Array]:
    """The arrays in their common `compute_dtype`."""
    if all_have(arrays[0].dtype, arrays[1:]) and arrays[0].dtype != np.float16:
        return list(arrays)  # the common case
    dtype = compute_dtype(*arrays)
    return [array.astype(dtype, copy=False) for array in arrays]


def cast_optional(array: Array, *arguments: Array) -> Array:
    """An optional argument in the precision of the required ones: it never promotes, but stays complex."""
    if array.dtype != np.float16 and all_have(array.dtype, arguments):
        return array
    kind = np.complex64 if array.dtype.kind == "c" else np.float16
    return array.astype(np.result_type(compute_dtype(*arguments), kind), copy=False)


def to_float64(*arrays: Array | None) -> list[Any]:
    """The arrays in float64, or complex128 if any is complex; None stays None."""
    present = [array for array in arrays if array is not None]
    dtype = np.result_type(np.float64, *present)
    return [None if array is None else array.astype(dtype) for array in arrays]


def round_to(out: Array, *arguments: Array, fresh: bool = False) -> Any:
    """`out` rounded once to its arguments' result_type, complex if `out` is: a new array, or a scalar.

    fresh: `out` shares memory with nothing, so it may be returned itself.
    """
    if fresh and out.ndim and all_have(out.dtype, arguments):
        return out  # the common case
    dtype = np.result_type(*arguments)
    if out.dtype.kind == "c":
        dtype = np.result_type(dtype, np.complex64)
    return np.array(out, dtype=dtype, copy=None if fresh else True)[()]


def gradient_like(gradient: Array, argument: Array, fresh: bool = False) -> Any:
    """`gradient` summed to the argument's shape, in its dtype, sharing memory with nothing."""
    return round_to(unbroadcast(gradient, argument.shape), argument, fresh=fresh)


# -------------------------------------------------------------------------------------------- shapes


def accurate_sum(x: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """Sum accumulated in float64 (complex128): NumPy's own is pairwise along the last axis only."""
    summed = x.sum(axis=axis, keepdims=keepdims, dtype=np.result_type(x, np.float64))
    return np.asarray(summed).astype(x.dtype, copy=False)


class Groups(NamedTuple):
    """Equal indices brought together: the indices that occur, the sorting order, where each group starts."""

    used: Array
    order: Array
    starts: Array


def group(indices: Array) -> Groups:
    """Equal indices brought together by a stable sort: `np.add.at` would go number by number."""
    order = np.argsort(indices, axis=None, kind="stable")
    ascending = indices.reshape(-1)[order]
    starts = np.flatnonzero(np.diff(ascending, prepend=-1))
    return Groups(ascending[starts], order, starts)


def sum_groups(rows: Array, groups: Groups) -> Array:
    """Σ of the rows (n, ...) of each group, in float64 (complex128), paired off as `np.add.reduce` does."""
    wide = np.result_type(rows, np.float64)
    return np.asarray(np.add.reduceat(rows[groups.order], groups.starts, dtype=wide))


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over every axis along which an argument of `shape` was broadcast."""
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


# -------------------------------------------------------------------- masked entries have no influence


def norms(x: Array) -> Array:
    """The Euclidean norm of each row."""
    return np.asarray(np.sqrt(np.einsum("...d,...d->...", x, x)))


def keep_visible(x: Array, visible: Array | None, fresh: bool = False) -> Array:
    """`x` where visible, 0 elsewhere: selected, never multiplied, because 0 * NaN is NaN.

    fresh: `x` shares memory with nothing, so zeros may be written into it.
    """
    if fresh and visible is not None:
        np.copyto(x, 0, where=~visible)
        return x
    return x if visible is None else np.where(visible, x, 0)


def beside_zeros(x: Array, visible: Array | None) -> Array:
    """`x` with 0 where masked; `x` itself if it is finite, because it meets weights that are 0 there.

    One look at the extremes proves that, and that differences between entries of `x` do not overflow.
    """
    if visible is None or (x.dtype.kind != "c" and np.isfinite(x.max(initial=0) - x.min(initial=0))):
        return x
    return keep_visible(x, visible)


def visible_product(weights: Array, matrix: Array, visible: Array | None) -> Array:
    """weights (..., M, K) @ matrix (..., K, N), to which masked pairs contribute nothing.

    weights are exactly 0 where visible (..., M, K) is False, yet 0 * NaN is NaN. So the product runs over
    the finite entries, always from a fresh copy (BLAS rounds differently for another layout); rows of matrix
    that are not finite are added afterwards, pair by pair, where visible.
    """
    if visible is None:
        return weights @ matrix
    finite = np.isfinite(matrix)
    all_finite = finite.all()
    clean = np.ascontiguousarray(matrix if all_finite else np.where(finite, matrix, 0))
    product: Array = weights @ clean + 0.0  # + 0.0 turns -0.0, a sum of masked zeros, into 0.0
    if not all_finite:
        nonfinite = np.where(finite, 0, matrix)
        every_row = tuple(range(matrix.ndim - 2)) + (matrix.ndim - 1,)
        for k in np.flatnonzero(~finite.all(axis=every_row)):
            contribution = weights[..., :, k, None] * nonfinite[..., None, k, :]
            product = product + keep_visible(contribution, visible[..., :, k, None])
    return product
