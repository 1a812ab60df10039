"""Targets of losses: numbers, classes or distributions, with their weights."""

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, as_array, shown, whole_numbers
from ..base.arrays import check_broadcast, upcast, whole_number


def admit_targets(targets: npt.ArrayLike, name: str, predictions: Array) -> Array:
    """Admit real targets of the predictions' shape, in the precision of their real part."""
    array = as_array("targets", targets)
    if array.dtype.kind == "c":
        raise TypeError(f"targets has dtype {array.dtype}; real numbers are expected")
    if array.shape != predictions.shape:
        raise ValueError(f"targets has shape {array.shape}; that of {name}, {predictions.shape}, is expected")
    return array.astype(upcast(predictions)[0].real.dtype, copy=False)


def check_probabilities(name: str, array: Array) -> Array:
    """`array`; raises unless (the real parts of) its entries are in [0, 1]."""
    outside = ~((array.real >= 0) & (array.real <= 1))
    if outside.any():
        raise ValueError(f"{name} holds {array[outside][0]}; numbers in [0, 1] are expected")
    return array


def admit_weights(name: str, weights: npt.ArrayLike, logits: Array, shape: tuple[int, ...], of: str) -> Array:
    """Admit finite numbers >= 0 that broadcast to `shape`, in the precision of the logits' real part."""
    array = as_array(name, weights)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {array.dtype}; real numbers are expected")
    outside = ~(np.isfinite(array) & (array >= 0))
    if outside.any():
        raise ValueError(f"{name} holds {array[outside][0]}; finite numbers >= 0 are expected")
    return check_broadcast(name, array, shape, of).astype(upcast(logits)[0].real.dtype)


def admit_classes(targets: npt.ArrayLike, logits: Array, ignore_index: int | None) -> tuple[Array, Array]:
    """Admit targets, a class for each row of logits; False in the second result where ignored."""
    if (array := as_array("targets", targets)).dtype.kind not in "iu" and array.size:
        raise TypeError(
            f"targets has dtype {array.dtype}; whole numbers are expected, or probabilities in the shape of "
            f"logits, {logits.shape}"
        )
    array = whole_numbers("targets", array)
    if array.shape != logits.shape[:-1]:
        written = " (write .astype(float) for probabilities)" if array.shape == logits.shape else ""
        raise ValueError(
            f"targets has shape {array.shape}; that of logits without its last axis, "
            f"{logits.shape[:-1]}, is expected{written}"
        )
    counted = np.ones(array.shape, dtype=bool)
    if ignore_index is not None:
        counted = np.asarray(array != whole_number("ignore_index", ignore_index))
    outside = counted & ((array < 0) | (array >= logits.shape[-1]))
    if outside.any():
        raise ValueError(
            f"targets holds {array[outside][0]}; a class in [0, {logits.shape[-1]}), the last axis of "
            "logits, is expected"
        )
    return array, counted


def admit_distributions(targets: Array, logits: Array, ignore_index: int | None) -> tuple[Array, Array]:
    """Admit targets, a distribution for each row of logits; every row counts."""
    if ignore_index is not None:
        raise ValueError(
            f"ignore_index is {shown(ignore_index)}, but targets are distributions; give rows of zeros"
        )
    return check_probabilities("targets", targets), np.full(logits.shape[:-1], logits.shape[-1] > 0)


def admit_class_weights(weight: npt.ArrayLike | None, logits: Array) -> Array | None:
    """Admit a number >= 0 for each class."""
    if weight is None:
        return None
    array, classes = as_array("weight", weight), logits.shape[-1:]
    if array.shape != classes:
        raise ValueError(f"weight has shape {array.shape}; {classes}, a number for each class, is expected")
    return admit_weights("weight", array, logits, classes, "classes")


def target_entries(targets: Array, counted: Array) -> tuple[Array, Array]:
    """Index of the counted targets' entries in rows (n, C); targets, counted (n, 1)."""
    return np.flatnonzero(counted), targets[counted]


def target_distribution(
    rows: Array, targets: Array, counted: Array, smoothing: float, class_weights: Array | None
) -> Array:
    """The smoothed distribution of rows (..., C) times class weights; targets (..., C), classes (..., 1)."""
    if targets.dtype.kind in "iu":
        targets = ((targets == np.arange(rows.shape[-1])) & counted).astype(rows.real.dtype)
    distribution = (1 - smoothing) * targets + smoothing / max(rows.shape[-1], 1)
    return np.asarray(distribution if class_weights is None else distribution * class_weights)


def is_distribution(targets: Array, shape: tuple[int, ...]) -> bool:
    """True for floats in the shape of the logits: a distribution for each row, not a class."""
    return targets.dtype.kind in "fc" and targets.shape == shape
