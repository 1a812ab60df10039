"""Attention rollout: how much of each token at the bottom reaches each token at the top, layer upon layer.

    flow = (A_i + I) / 2, A_i the mean over the heads       half of a token comes past the attention
    rollout = flow_n @ … @ flow_2 @ flow_1                  every row sums to 1

It follows the weights alone: values, projections and feed-forward layers are left out. Relevance asks in
addition which weights the answer depends on:

    relevance = relevance + mean over the heads of max(A_i * dA_i, 0) @ relevance, from I on
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
    arrays = _alike("maps", maps)
    T = arrays[0].shape[-1]
    flow = np.eye(T)
    for one in arrays:
        flow = (one.mean(axis=-3) + np.eye(T)) / 2 @ flow
    return flow


def relevance(maps: Sequence[npt.ArrayLike], d_maps: Sequence[npt.ArrayLike]) -> Array:
    """How much the answer at each token (..., T, T) draws on those of the first layer, beyond its own.

    maps : weights (..., heads, T, T) of all layers; d_maps : the gradients of the answer by them

    Raises
    ------
    ValueError
        If there is no map, maps have different shapes, or gradients others than the maps.

    Examples
    --------
    >>> half = np.array([[[0.5, 0.5], [0.0, 1.0]]])
    >>> relevance([half, half], [2 * half, np.array([[[-1.0, 3.0], [0.0, 0.0]]])])
    array([[1.5, 5. ],
           [0. , 3. ]])

    References
    ----------
    Chefer, Gur, Wolf 2021, Generic attention-model explainability, equations 5 and 6.
    """
    arrays, gradients = _alike("maps", maps), _alike("d_maps", d_maps)
    if len(arrays) != len(gradients) or arrays[0].shape != gradients[0].shape:
        raise ValueError(
            f"d_maps has {len(gradients)} gradients {gradients[0].shape}; {len(arrays)} of "
            f"{arrays[0].shape}, as maps, are expected"
        )
    flow = np.eye(arrays[0].shape[-1])
    for one, gradient in zip(arrays, gradients, strict=True):
        flow = flow + np.maximum(one * gradient, 0).mean(axis=-3) @ flow
    return flow


def _alike(name: str, maps: Sequence[npt.ArrayLike]) -> list[Array]:
    """The maps, all of one shape (..., heads, T, T)."""
    if not len(maps):
        raise ValueError(
            f"{name} has {len(maps)} entries; the weights (..., heads, T, T) of each layer are expected"
        )
    arrays = [admit(name, one, 3) for one in maps]
    T = arrays[0].shape[-1]
    for one in arrays:
        if one.shape != arrays[0].shape or one.shape[-2] != T:
            raise ValueError(
                f"{name} holds shapes {arrays[0].shape} and {one.shape}; (..., heads, T, T) alike is expected"
            )
    return arrays
