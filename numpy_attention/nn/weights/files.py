"""Parameters saved and loaded, as .npz, never pickled, or .safetensors, checked and memory-mapped.

A file is written whole or not at all. What is read is nested by the dots of the names.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ...files import PathLike, read_npz, write_bytes, write_npz
from ...functional.base.admission import Array, as_array, one_of, quiet, shown
from ...functional.base.wording import brief
from ...optim.trees import unflatten
from ..parameters import Params
from .formats import (
    CODES,
    NARROW_FORMATS,
    NUMPY_FORMATS,
    ORDER,
    SIZES,
    read_numbers,
    too_large,
    write_numbers,
)
from .safetensors_header import Entry, check_name, read_header, write_header
from .state import flat_names, not_finite

SUFFIXES = (".npz", ".safetensors")
MOST_UNPACKED = 2**24
"""Bytes that a compressed .npz may unpack to, unless it is large itself."""

ROUNDED_TO = {
    "float64": "F64", "float32": "F32", "float16": "F16",
    "bfloat16": "BF16", "float8_e4m3": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip
"""The formats that `save_weights` rounds to, by name, and their codes."""


@quiet
def save_weights(path: PathLike, params: Mapping[str, Any], *, dtype: str | None = None) -> None:
    """Save parameters, or anything that is nested like them, as .npz or .safetensors, whole or not at all.

    Parameters
    ----------
    path : ends in .npz or .safetensors; its folder must exist
    params : a dict of arrays, nested as you like, or flat with dots in its names
    dtype : "float64", "float32", "float16", "bfloat16", "float8_e4m3" or "float8_e5m2", to which floating
        numbers are rounded, ties to even; None for arrays as they are. The last three need .safetensors.

    Raises
    ------
    TypeError, ValueError
        If the file cannot hold an array's dtype, or `dtype` one of its numbers; if two names are the same; if
        path ends in something else.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(f"{folder}/layer.safetensors", {"norm": {"weight": np.array([1.0, 0.5])}})
    ...     load_weights(f"{folder}/layer.safetensors")
    {'norm': {'weight': array([1. , 0.5])}}

    References
    ----------
    The safetensors format, https://github.com/huggingface/safetensors.
    """
    suffix = _suffix(path)
    arrays = {name: _stored(name, array) for name, array in flat_names("params", params).items()}
    rounded = None if dtype is None else ROUNDED_TO[one_of("dtype", dtype, tuple(ROUNDED_TO))]
    codes = {name: _code(suffix, name, array, rounded) for name, array in arrays.items()}
    if suffix == ".npz":
        write_npz(
            path,
            {
                name: array.astype(NUMPY_FORMATS.get(codes[name] or "", array.dtype), copy=False)
                for name, array in arrays.items()
            },
        )
    else:
        write_bytes(path, _pieces(arrays, codes))


@quiet
def load_weights(path: PathLike, *, finite: bool = True) -> Params:
    """The arrays of a .npz or .safetensors file, nested by the dots of their names.

    The numbers of a .safetensors file are memory-mapped; changing them changes no file, and those of a file
    that exceeds the memory are read-only. bfloat16 and float8
    come as float32, which holds each of their numbers exactly. Where the `safetensors` package is installed,
    it opens the file too, after its header was checked here, and both must find the same arrays.

    Parameters
    ----------
    path : ends in .npz or .safetensors
    finite : True refuses NaN and infinities, False loads them

    Raises
    ------
    ValueError
        If the file is damaged or hostile, two of its names contradict each other, or a number is not finite:
        one sentence that names file and array. Memory is bounded by a small multiple of the file's size.
    OSError
        If the file does not exist or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(f"{folder}/layer.npz", {"linear": {"weight": np.eye(2), "bias": np.zeros(2)}})
    ...     params = load_weights(f"{folder}/layer.npz")
    >>> params["linear"]["bias"]
    array([0., 0.])
    """
    arrays = _read_npz(path) if _suffix(path) == ".npz" else read_safetensors(path)
    for name, array in arrays.items():
        problem = not_finite(array) if finite else None
        if problem:
            raise ValueError(f"{path}: {brief(name)} {problem} (load_weights(…, finite=False) loads it)")
    try:
        return unflatten(arrays)
    except ValueError as error:
        raise ValueError(f"{path} has names that contradict each other: {error}") from None


def read_safetensors(path: PathLike) -> dict[str, Array]:
    """The arrays of a .safetensors file by name, in the order of their bytes; see `load_weights`."""
    with open(path, "rb") as file:
        empty = not os.fstat(file.fileno()).st_size  # nothing to map
        mapped = np.zeros(0, np.uint8) if empty else _map(file)
    try:
        entries, start = read_header(mapped)
        _check_with_package(path, entries)
        return {
            entry.name: _mapped(entry, mapped[start + entry.begin : start + entry.end]) for entry in entries
        }
    except ValueError as error:
        raise ValueError(f"{path} is not a whole .safetensors file: {error}") from None


def _map(file: Any) -> Array:
    """The bytes of a file, mapped: copied where they are changed, or read-only if memory is too small."""
    try:
        return np.asarray(np.memmap(file, np.uint8, "c"))
    except OSError:
        return np.asarray(np.memmap(file, np.uint8, "r"))


def _mapped(entry: Entry, raw: Array) -> Array:
    return read_numbers(entry.code, raw).reshape(entry.shape)


def _check_with_package(path: PathLike, entries: Sequence[Entry]) -> None:
    """Raise unless the `safetensors` package, where it is installed, finds the same tensors in the file."""
    try:
        package = import_module("safetensors")
    except ImportError:
        return
    try:
        with package.safe_open(path, "np") as file:
            theirs = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {name: (each.get_dtype(), tuple(each.get_shape())) for name, each in theirs.items()}
    except package.SafetensorError as error:
        raise ValueError(f"the safetensors package says: {error}") from None
    if found != {entry.name: (entry.code, entry.shape) for entry in entries}:
        came = f"{len(entries)} tensors here and {len(found)} in the safetensors package"
        raise ValueError(f"it has {came}; the same ones are expected")


def _read_npz(path: PathLike) -> dict[str, Array]:
    arrays = read_npz(path, most_unpacked=MOST_UNPACKED)
    for name, array in arrays.items():
        if array.dtype.kind not in "biufc":
            raise ValueError(f"{path}: {brief(name)} has dtype {array.dtype}; numbers are expected")
        try:
            check_name(name)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return arrays


def _suffix(path: PathLike) -> str:
    """.npz or .safetensors; ValueError for any other ending."""
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        pickled = suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl")
        written = " (in PyTorch: safetensors.torch.save_file(model.state_dict(), …))" if pickled else ""
        raise ValueError(
            f"path is {shown(os.fspath(path))}; a name in .npz or .safetensors is expected{written}"
        )
    return suffix


def _stored(name: str, x: Any) -> Array:
    """An array as it is saved: any numbers, those of ml_dtypes too."""
    narrow = any(str(getattr(x, "dtype", "")) == form.dtype for form in NARROW_FORMATS.values())
    return x if narrow and isinstance(x, np.ndarray) else as_array(f"params[{name!r}]", x)


def _code(suffix: str, name: str, array: Array, rounded: str | None) -> str | None:
    """The format in which an array is saved; raises if the file has none that holds it."""
    own = CODES.get(array.dtype.name)
    code = rounded if rounded and (array.dtype.kind == "f" or own in NARROW_FORMATS) else own
    text = f"params[{name!r}]"
    if suffix == ".npz" and code in NARROW_FORMATS:
        raise TypeError(
            f"{text} would be {NARROW_FORMATS[code].dtype}, which .npz has not; write .safetensors"
        )
    if suffix == ".safetensors" and code is None:
        raise TypeError(f"{text} has dtype {array.dtype}, which .safetensors has not; write .npz")
    if code is not None and (beyond := too_large(code, array)) is not None:
        raise ValueError(
            f"{text} holds {beyond}, beyond the largest number of {code}; another dtype is expected"
        )
    return code


def _pieces(arrays: Mapping[str, Array], codes: Mapping[str, Any]) -> Iterator[bytes | Array]:
    """The bytes of a .safetensors file: its header, then array after array."""
    entries: list[Entry] = []
    for name in sorted(arrays, key=lambda name: (ORDER.index(codes[name]), name)):
        begin, code = entries[-1].end if entries else 0, codes[name]
        end = begin + SIZES[code] * arrays[name].size
        entries.append(Entry(name, code, arrays[name].shape, begin, end))
    yield write_header(entries)
    for entry in entries:
        yield write_numbers(entry.code, arrays[entry.name])
