"""Validation of arguments: floating arrays, numbers, whole numbers, choices; errors name the argument."""

import math
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""Any NumPy array; `admit` restricts the dtype."""

_Function = TypeVar("_Function", bound=Callable[..., Any])

FLOATS = tuple(map(np.dtype, ("float16", "float32", "float64", "complex64", "complex128")))


def explained(function: _Function) -> _Function:
    """Decorator of public functions: a call that does not fit is told what to write; see `hints`."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except (TypeError, ValueError) as error:
            sentence = import_module(".hints", __package__).explain(function, args, options, error)
            if sentence is None:
                raise
        raise sentence

    return cast(_Function, call)


def quiet(function: _Function) -> _Function:
    """Decorator, `explained` too: inf and NaN propagate as in IEEE 754, under any errstate."""
    return explained(np.errstate(all="ignore")(function))


def shown(x: object) -> str:
    """A value as a message shows it: one short line; see `wording`."""
    return cast(str, import_module(".wording", __package__).brief(x))


def contains_masked_array(x: object) -> bool:
    """True for a masked array, and for a list or tuple that contains one."""
    return isinstance(x, np.ma.MaskedArray) or (
        isinstance(x, (list, tuple)) and any(map(contains_masked_array, x))
    )


def as_array(name: str, x: object, expected: str = "an array of numbers") -> Array:
    """`x` as a plain array in native byte order. TypeError for masked arrays, objects and ragged lists."""
    try:
        masked = contains_masked_array(x)
        if isinstance(x, int) and not isinstance(x, bool):
            x = float(x)
        array = np.asarray(x)
    except Exception as error:
        written = " (write .float())" if "BFloat16" in str(error) else ""
        raise TypeError(
            f"{name} cannot be read as an array: {error}; {expected} is expected{written}"
        ) from error
    if masked:
        raise TypeError(
            f"{name} is a masked array, whose mask NumPy would drop in silence; pass a plain array"
        )
    if array.dtype.type.__module__.startswith("ml_dtypes"):
        raise TypeError(f"{name} has dtype {array.dtype}; write .astype(np.float32)")
    if array.dtype.kind not in "biufc":
        came = f" {shown(x)}" if isinstance(x, str) else ""
        raise TypeError(f"{name} is {type(x).__name__}{came} (dtype {array.dtype}); {expected} is expected")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def admit(name: str, x: object, ndim: int = 0) -> Array:
    """A differentiable argument: floating or complex, at least `ndim` axes. A Python number is a float64.

    Raises TypeError for any other dtype, ValueError for fewer axes.
    """
    if type(x) is np.ndarray and x.dtype in FLOATS and x.ndim >= ndim:
        return x  # the common case
    array = as_array(name, x)
    if array.dtype not in FLOATS:
        raise TypeError(
            f"{name} has dtype {array.dtype}; float16, float32, float64, complex64 or complex128 is expected "
            "(write .astype(float) to differentiate with respect to whole numbers)"
        )
    if array.ndim < ndim:
        expected = "axis is" if ndim == 1 else "axes are"
        raise ValueError(f"{name} has shape {array.shape}; at least {ndim} {expected} expected")
    return array


def real_number(name: str, x: object) -> float:
    """A real, finite setting such as a slope or a cap; TypeError or ValueError for anything else."""
    if type(x) is float and math.isfinite(x):
        return x
    array = as_array(name, x, "one real number")
    if array.ndim or array.dtype.kind not in "iuf":
        raise TypeError(f"{name} is {shown(x)}; one real number is expected")
    if not math.isfinite(array):
        raise ValueError(f"{name} is {x!r}; a finite number is expected")
    return float(array)


def whole_numbers(name: str, x: object, least: int | None = None) -> Array:
    """Whole numbers as int64 (uint64 if one exceeds it): lengths, document ids, indices."""
    if isinstance(x, int) and not -(2**63) <= x < 2**64:
        raise ValueError(f"{name} is a whole number of {x.bit_length()} bits; at most 64 are expected")
    array = as_array(name, np.asarray(x) if isinstance(x, int) else x, "a whole number, or an array of them,")
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name} has dtype {array.dtype}; whole numbers are expected")
    if least is not None and array.size and array.min() < least:
        raise ValueError(f"{name} holds {array.min()}; at least {least} is expected")
    fits = array.dtype != np.uint64 or not array.size or array.max() <= np.iinfo(np.int64).max
    return array.astype(np.int64) if fits else array.copy()


def one_of(name: str, choice: object, known: tuple[str, ...]) -> str:
    """`choice`, if it is one of the names `known`; ValueError otherwise."""
    if not isinstance(choice, str) or choice not in known:
        raise ValueError(import_module(".wording", __package__).not_one_of(name, choice, known))
    return choice


def compute_dtype(*arrays: Array) -> np.dtype[Any]:
    """The dtype of intermediate results: the arrays' result_type, with float16 widened to float32."""
    dtype = np.result_type(*arrays)
    return np.dtype(np.float32) if dtype == np.float16 else dtype
