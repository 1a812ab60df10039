"""Clean and normalise the raw data.

    clean       missing (NaN) and infinite values are counted, then replaced by the column's mean
    normalise   x = (raw - mean) / deviation, column by column

Mean and deviation come from the training part alone and are saved with the model: nothing of the held-out
part may influence it. If a column holds another quantity in each token, each token has its own
statistics. Padding is not counted, and becomes 0.
"""

from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .data import Data, Examples

CONSTANT = 4 * np.finfo(np.float64).eps
"""A column is constant if its values differ by no more than this, relative to the largest."""


class Normalisation(NamedTuple):
    """Statistics of the training part, one entry per column."""

    mean: Array
    """(input_dim,), or (T, input_dim) where each token has its own"""
    deviation: Array
    """The same shape; 1 where a column is constant"""


class Prepared(NamedTuple):
    """Data as a model receives them."""

    train: Examples
    test: Examples
    normalisation: Normalisation
    raw: Data
    """The same examples before cleaning."""

    @property
    def validation(self) -> Examples | None:
        """The validation part, where training stops early by it."""
        part = self.raw.validation
        return None if part is None else normalise_examples(part, self.normalisation)


def prepare(data: Data, normalisation: Normalisation | None = None) -> Prepared:
    """Clean and normalise both parts, by `normalisation` or else by that of the training part.

    Raises
    ------
    ValueError
        If the normalisation has another number of columns than the data, or a column of the
        training part holds no finite value at all.
    """
    if normalisation is None:
        normalisation = fit_normalisation(real_values(data.train), data.by_place)
    train, test = (normalise_examples(part, normalisation) for part in (data.train, data.test))
    return Prepared(train, test, normalisation, data)


def normalise_examples(part: Examples, normalisation: Normalisation) -> Examples:
    """The examples with x normalised, and 0 where it is padding."""
    x = normalise(part.x, normalisation)
    if part.lengths is not None:
        x[np.arange(x.shape[1]) >= part.lengths[:, None]] = 0.0
    return part._replace(x=x)


def real_values(part: Examples) -> Array:
    """Raw values (N, T, input_dim); with padding, those of the real tokens only, (M, input_dim)."""
    if part.lengths is None:
        return part.x
    values: Array = part.x[np.arange(part.x.shape[1]) < part.lengths[:, None]]
    return values


def count_missing(raw: Array) -> int:
    """Number of values that are NaN or infinite."""
    return int(raw.size - np.isfinite(raw).sum())


def fit_normalisation(raw: Array, by_place: bool = False) -> Normalisation:
    """Mean and deviation of every column of raw (..., input_dim), over its finite values.

    With `by_place`, of every column of every token of raw (N, T, input_dim).

    Examples
    --------
    >>> fit_normalisation(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]]))
    Normalisation(mean=array([2., 5.]), deviation=array([1., 1.]))
    """
    rows = raw if by_place else raw.reshape(-1, raw.shape[-1])
    finite = np.isfinite(rows)
    count = finite.sum(axis=0)
    if not count.all():
        column = int(np.argmin(count))
        raise ValueError(f"column {column} of the training data holds no finite value")
    with np.errstate(over="ignore", invalid="ignore"):  # overflow is refused below
        mean = np.where(finite, rows, 0.0).sum(axis=0) / count
        deviation = _root_mean_square(np.where(finite, rows - mean, 0.0), count)
    if not np.isfinite(deviation).all():
        column = int(np.argmin(np.isfinite(deviation)))
        raise ValueError(f"column {column} of the training data holds numbers too large to be normalised")
    lowest = np.where(finite, rows, np.inf).min(axis=0)
    highest = np.where(finite, rows, -np.inf).max(axis=0)
    size = np.maximum(np.abs(lowest), np.abs(highest))
    constant = highest / 2 - lowest / 2 <= CONSTANT / 2 * size  # halves do not overflow
    return Normalisation(np.where(constant, lowest, mean), np.where(constant, 1.0, deviation))


def _root_mean_square(centred: Array, count: Array) -> Array:
    """By column, scaled by a power of two, so that squares neither overflow nor vanish."""
    _, exponent = np.frexp(np.abs(centred).max(axis=0))
    scaled = np.ldexp(centred, -exponent)
    root: Array = np.ldexp(np.sqrt((scaled * scaled).sum(axis=0) / count), exponent)
    return root


def normalise(raw: Array, normalisation: Normalisation) -> Array:
    """raw (..., input_dim) with missing values replaced by the means, then centred and scaled.

    Examples
    --------
    >>> normalise(np.array([[3.0], [np.nan]]), Normalisation(np.array([2.0]), np.array([0.5])))
    array([[2.],
           [0.]])
    """
    mean, deviation = normalisation
    if mean.shape != raw.shape[-mean.ndim :]:
        raise ValueError(
            f"the normalisation has {_columns(mean.shape)}, the data have "
            f"{_columns(raw.shape[-mean.ndim :])}; they must be equal"
        )
    cleaned = np.where(np.isfinite(raw), raw, mean)
    return (cleaned - mean) / deviation


def _columns(shape: tuple[int, ...]) -> str:
    return " tokens of ".join(map(str, shape)) + " columns"
