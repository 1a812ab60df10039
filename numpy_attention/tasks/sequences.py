"""Sequences in an npz file: x (N, T, F), y (N,) and, where they differ, lengths (N,)."""

import numpy as np

from ..files import PathLike, read_npz
from ..functional.base.admission import Array
from ..functional.base.wording import cut, some_names
from .classification.data import Examples

NAMES = ("x", "y", "lengths")


def read_sequences(
    path: PathLike, *, strict: bool = False, labelled: bool = True
) -> tuple[Examples, tuple[str, ...]]:
    """The examples of a file, and their classes in order.

    Parameters
    ----------
    path
        The file; pickled objects in it are refused.
    strict
        True to refuse missing and infinite values.
    labelled
        True to require y; otherwise y is 0 where the file has none.

    Raises
    ------
    ValueError
        If the file is damaged, or an array is missing, unknown, or has another dtype or shape.
    OSError
        If it cannot be read.
    """
    arrays = read_npz(path)
    for name in arrays:
        if name not in NAMES:
            raise ValueError(f"{path} has an array {name!r}; x, y and lengths are expected")
    for name in ("x", "y") if labelled else ("x",):
        if name not in arrays:
            raise ValueError(f"{path} has no array {name!r}")
    x = _values(path, arrays["x"])
    y = arrays.get("y", np.zeros(len(x), np.int64))
    if y.shape != x.shape[:1] or y.dtype.kind not in "biuUf":
        raise ValueError(f"{path}: y is {y.dtype} {y.shape}; a label for each of the {len(x)} examples, "
                         "numbers or text, is expected")  # fmt: skip
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError(f"{path}: y[{int(np.argmin(np.isfinite(y)))}] is missing; every label is expected")
    lengths = None if "lengths" not in arrays else _lengths(path, arrays["lengths"], x)
    classes, numbers = np.unique(y, return_inverse=True)
    examples = Examples(x, numbers.astype(np.float64), lengths=lengths)
    if strict:
        _refuse_missing(path, examples)
    return examples, tuple(_label_text(label) for label in classes)


def renumber_classes(
    examples: Examples, labels: tuple[str, ...], classes: tuple[str, ...], path: PathLike
) -> Examples:
    """Examples with y as indices into `classes`, instead of into `labels`, the classes of their file.

    Where classes are words, the labels of a file may be their indices, or False and True.

    Raises
    ------
    ValueError
        If a label is not one of the classes.
    """
    indices = tuple(map(str, range(len(classes))))
    if not set(labels) & set(classes) and set(labels) <= {*indices, "False", "True"}:
        labels = tuple(classes[int(x) if x in indices else int(x == "True")] for x in labels)
    for label in labels:
        if label not in classes:
            raise ValueError(f"{path}: y holds {cut(label)}; one of {some_names(classes)} is expected")
    places = np.array([classes.index(label) for label in labels], dtype=np.float64)
    return examples._replace(y=places[examples.y.astype(np.int64)])


def _values(path: PathLike, x: Array) -> Array:
    if x.ndim != 3 or x.dtype.kind not in "biuf" or not x.size:
        raise ValueError(f"{path}: x is {x.dtype} {x.shape}; numbers (N, T, F), one at least, are expected")
    return x.astype(np.float64)


def _lengths(path: PathLike, lengths: Array, x: Array) -> Array:
    if lengths.shape != x.shape[:1] or lengths.dtype.kind not in "iu":
        expected = f"a whole number for each of the {len(x)} examples is expected"
        raise ValueError(f"{path}: lengths is {lengths.dtype} {lengths.shape}; {expected}")
    wrong = (lengths < 1) | (lengths > x.shape[1])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{path}: lengths[{row}] is {lengths[row]}; a number from 1 to {x.shape[1]} is expected"
        )
    return lengths.astype(np.int64)


def _refuse_missing(path: PathLike, examples: Examples) -> None:
    missing = ~np.isfinite(examples.x)
    if examples.lengths is not None:
        missing &= (np.arange(examples.x.shape[1]) < examples.lengths[:, None])[..., None]
    if missing.any():
        row, token, column = np.unravel_index(np.argmax(missing), missing.shape)
        raise ValueError(f"{path}: x[{row}, {token}, {column}] is missing or infinite; a number is expected")


def _label_text(label: object) -> str:
    """A label as text: 3 for 3.0 and for np.int64(3)."""
    return str(label).removesuffix(".0") if isinstance(label, np.floating) else str(label)
