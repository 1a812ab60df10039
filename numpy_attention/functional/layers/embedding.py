"""The embedding: a row of a table for each index."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet, whole_numbers
from ..base.arrays import backward_of, cotangent, group, promote, round_to, shape_repr, sum_groups


@shape_repr
class EmbeddingSaved(NamedTuple):
    """The arguments."""

    indices: Array
    weight: Array


@quiet
def embedding_forward(indices: npt.ArrayLike, weight: npt.ArrayLike) -> tuple[Any, EmbeddingSaved]:
    """Rows of a table, with what their backward needs: see `embedding`."""
    indices, weight = whole_numbers("indices", indices, least=0), admit("weight", weight)
    if weight.ndim != 2:
        raise ValueError(f"weight has shape {weight.shape}; (rows, width) is expected")
    if indices.size and indices.max() >= weight.shape[0]:
        raise ValueError(
            f"indices holds {indices.max()}; less than {len(weight)}, the rows of weight, is expected"
        )
    return look_up(indices, weight)


def look_up(indices: Array, weight: Array) -> tuple[Any, EmbeddingSaved]:
    """`embedding_forward` of whole numbers that are known to be rows of the table."""
    return round_to(weight[indices], weight, fresh=True), EmbeddingSaved(indices, weight)


@backward_of(EmbeddingSaved)
def embedding_backward(d_out: npt.ArrayLike, saved: EmbeddingSaved) -> Any:
    """Undo out = weight[indices]: d_weight[r] = Σ d_out over the positions whose index is r, in float64."""
    indices, weight = saved
    d_out = cotangent("d_out", d_out, (*indices.shape, weight.shape[1]), weight)
    groups = group(indices)
    d_rows = round_to(sum_groups(d_out.reshape(indices.size, weight.shape[1]), groups), weight, fresh=True)
    d_weight = np.zeros(weight.shape, d_rows.dtype)
    d_weight[groups.used] = d_rows
    return d_weight


@explained
def embedding(indices: npt.ArrayLike, weight: npt.ArrayLike) -> Any:
    """The embedding: out = weight[indices], a row of the table for each index.

    Parameters
    ----------
    indices : whole numbers (...), each a row of weight
    weight : (rows, width)

    Returns
    -------
    (..., width), in the dtype of weight. The gradient is that of weight alone.

    Raises
    ------
    TypeError, ValueError
        Unless indices are whole numbers in [0, rows) and weight has two axes.

    Examples
    --------
    >>> embedding([2, 0], [[1, 2], [3, 4], [5, 6]])
    array([[5., 6.],
           [1., 2.]])

    References
    ----------
    Bengio, Ducharme, Vincent, Jauvin 2003.
    """
    return embedding_forward(indices, promote(weight))[0]
