"""Attention rollout: how much of each token at the bottom reaches each token at the top, layer upon layer.

    flow = (A_i + I) / 2, A_i the mean over the heads       half of a token comes past the attention
    rollout = flow_n @ … @ flow_2 @ flow_1                  every row sums to 1

It follows the weights alone: values, projections and feed-forward layers are left out.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, admit


def rollout(maps: Sequence[npt.ArrayLike]) -> Array:
    """Weights (..., T, T) on the first layer's tokens, from the maps (..., heads, T, T) of all layers.

    Raises
    ------
    ValueError
        If there is no map, or a map has another shape than the first.

    Examples
    --------
    >>> half = np.array([[[0.5, 0.5], [0.0, 1.0]]])
    >>> rollout([half, half])
    array([[0.5625, 0.4375],
           [0.    , 1.    ]])

    References
    ----------
    Abnar, Zuidema 2020, section 3.
    """
    if not len(maps):
        raise ValueError(
            f"maps has {len(maps)} entries; the weights (..., heads, T, T) of each layer are expected"
        )
    arrays = [admit("maps", one, 3) for one in maps]
    T = arrays[0].shape[-1]
    for one in arrays:
        if one.shape != arrays[0].shape or one.shape[-2] != T:
            raise ValueError(
                f"maps holds shapes {arrays[0].shape} and {one.shape}; (..., heads, T, T) alike is expected"
            )
    flow = np.eye(T)
    for one in arrays:
        flow = (one.mean(axis=-3) + np.eye(T)) / 2 @ flow
    return flow
