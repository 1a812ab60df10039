"""Numbers of a map of weights (..., S): how spread out it is, and how like another order of the tokens."""

import numpy as np

from ...functional.base.admission import Array


def entropy(weights: Array) -> Array:
    """-Σ w log w of each row, its sum made 1; 0 for a row of zeros.

    Examples
    --------
    >>> np.exp(entropy(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])))
    array([2., 1.])
    """
    total = weights.sum(axis=-1, keepdims=True)
    shares = weights / np.where(total > 0, total, 1)
    found: Array = np.abs((shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=-1))
    return found


def entropy_share(weights: Array, visible: Array) -> float:
    """The entropy over the log of the number of visible keys, the mean of the rows with two or more.

    1 for uniform weights, 0 for one key; NaN where no row has two.

    Examples
    --------
    >>> visible = np.array([[True, True, False], [True, True, True]])
    >>> entropy_share(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]), visible)
    0.5
    """
    counts = visible.sum(axis=-1)
    several = counts > 1
    if not several.any():
        return float("nan")
    return float((entropy(weights)[several] / np.log(counts[several])).mean())


def effective_keys(weights: Array) -> float:
    """exp(entropy), the number of keys among which uniform weights would be as spread out; the mean.

    Examples
    --------
    >>> effective_keys(np.array([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0]]))
    2.5
    """
    return float(np.exp(entropy(weights)).mean())


def total_variation(one: Array, other: Array) -> Array:
    """Half of Σ |difference|: the share of weight that has to be moved from one map to the other.

    Examples
    --------
    >>> total_variation(np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.5, 0.25]]))
    array([0.25])
    """
    distance: Array = np.abs(one - other).sum(axis=-1) / 2
    return distance


def ranks(x: Array) -> Array:
    """Places in ascending order from 0; equal numbers share the mean of theirs.

    Examples
    --------
    >>> ranks(np.array([0.3, 0.1, 0.3]))
    array([1.5, 0. , 1.5])
    """
    below = (x[:, None] > x).sum(axis=1)
    equal = (x[:, None] == x).sum(axis=1)
    return np.asarray(below + (equal - 1) / 2)


def rank_correlation(one: Array, other: Array) -> float:
    """Spearman's: the correlation of the ranks; NaN where one of both is constant.

    Examples
    --------
    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.3, 0.2, 0.1]))
    -1.0
    """
    a, b = (ranks(x) - (len(x) - 1) / 2 for x in (one, other))
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm > 0 else float("nan")


def signed(x: float) -> str:
    """With its sign, and without one where it rounds to 0.

    Examples
    --------
    >>> signed(0.25), signed(-3e-17)
    ('+0.2500', '0.0000')
    """
    text = f"{x:+.4f}"
    return text[1:] if float(text) == 0 else text
