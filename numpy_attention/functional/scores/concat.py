"""Concat scores: one neuron applied to query and key.

    scores_ls = act(weight · [query_l; key_s])

query (..., L, Dq)  key (..., S, Dk)  scores (..., L, S). Pairs [query_l; key_s] are never built: weight
splits into a part for the query and one for the key, so each vector is projected once.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, one_of, quiet
from ..base.arrays import (
    Pair,
    accurate_sum,
    backward_of,
    check_equal,
    common_batch,
    cotangent,
    gradient_like,
    promote,
    shape_repr,
    transposed,
    upcast,
)
from ..layers import activations


@shape_repr
class ConcatSaved(NamedTuple):
    """The arguments, and inner, the tuple saved by the activation of inner (..., L, S)."""

    query: Array
    key: Array
    weight: Array
    activation: str
    inner: Any


@shape_repr
class ConcatGradients(NamedTuple):
    """In the forward's order."""

    d_query: Any
    d_key: Any
    d_weight: Any


def _identity_forward(x: Array) -> tuple[Array, activations.ActivationSaved]:
    return x.copy(), activations.ActivationSaved(x)


def _identity_backward(d_out: Array, saved: activations.ActivationSaved) -> Array:
    return d_out


ACTIVATIONS = {
    "tanh": Pair(activations.tanh_forward, activations.tanh_backward),
    "sigmoid": Pair(activations.sigmoid_forward, activations.sigmoid_backward),
    "relu": Pair(activations.relu_forward, activations.relu_backward),
    "leaky_relu": Pair(activations.leaky_relu_forward, activations.leaky_relu_backward),
    "identity": Pair(_identity_forward, _identity_backward),
}
"""The pairs by the names that `concat_scores` takes; leaky_relu with its default slope."""


@quiet
def concat_scores_forward(
    query: npt.ArrayLike, key: npt.ArrayLike, weight: npt.ArrayLike, *, activation: str = "tanh"
) -> tuple[Any, ConcatSaved]:
    """One neuron applied to query and key, with what its backward needs: see `concat_scores`."""
    query, key, weight = admit("query", query, 2), admit("key", key, 2), admit("weight", weight, 1)
    activation = one_of("activation", activation, tuple(ACTIVATIONS))
    width = query.shape[-1] + key.shape[-1]
    check_equal("Dq + Dk, the last axes of query and key,", width, "that of weight", weight.shape[-1])
    common_batch(query=query.shape[:-2], key=key.shape[:-2], weight=weight.shape[:-1])
    rows, columns, wide_weight = upcast(query, key, weight)
    weight_query, weight_key = np.split(wide_weight, [query.shape[-1]], axis=-1)
    projected_query = rows @ weight_query[..., :, None]  # (..., L, 1)
    projected_key = columns @ weight_key[..., :, None]  # (..., S, 1)
    inner = projected_query + transposed(projected_key)  # (..., L, S)
    out, inner_saved = ACTIVATIONS[activation].forward(inner)  # a new array
    out = out.astype(np.result_type(query, key, weight), copy=False)
    return out, ConcatSaved(query, key, weight, activation, inner_saved)


@backward_of(ConcatSaved)
def concat_scores_backward(d_out: npt.ArrayLike, saved: ConcatSaved) -> ConcatGradients:
    """From out = act(inner): d_inner = d_out * act'(inner), the activation's own backward.

    From inner_ls = projected_query_l + projected_key_s, each summed over the index it lacks:

    d_projected_query_l = Σ_s d_inner_ls;  d_projected_key_s = Σ_l d_inner_ls

    From projected_query_l = weight_query · query_l, and projected_key likewise:

    d_query_l = d_projected_query_l weight_query;  d_weight_query = Σ_l d_projected_query_l query_l
    """
    query, key, weight, activation, inner = saved
    batch = common_batch(query=query.shape[:-2], key=key.shape[:-2], weight=weight.shape[:-1])
    shape = (*batch, query.shape[-2], key.shape[-2])
    d_out = cotangent("d_out", d_out, shape, query, key, weight)
    rows, columns, wide_weight = upcast(query, key, weight)
    weight_query, weight_key = np.split(wide_weight, [query.shape[-1]], axis=-1)
    d_inner = ACTIVATIONS[activation].backward(d_out, inner)
    d_projected_query = accurate_sum(d_inner, axis=-1, keepdims=True)  # (..., L, 1)
    d_projected_key = transposed(accurate_sum(d_inner, axis=-2, keepdims=True))  # (..., S, 1)
    d_weight_query = transposed(d_projected_query) @ rows  # (..., 1, Dq)
    d_weight_key = transposed(d_projected_key) @ columns  # (..., 1, Dk)
    d_joint = np.concatenate([d_weight_query, d_weight_key], axis=-1)[..., 0, :]
    return ConcatGradients(
        d_query=gradient_like(d_projected_query * weight_query[..., None, :], query),
        d_key=gradient_like(d_projected_key * weight_key[..., None, :], key),
        d_weight=gradient_like(d_joint, weight),
    )


@explained
def concat_scores(
    query: npt.ArrayLike, key: npt.ArrayLike, weight: npt.ArrayLike, *, activation: str = "tanh"
) -> Any:
    """One neuron applied to query and key: scores_ls = act(weight · [query_l; key_s]).

    Parameters
    ----------
    query : (..., L, Dq)
    key : (..., S, Dk)
    weight : (..., Dq + Dk), the query's part first; its batch axes broadcast with the others'
    activation : "tanh", "sigmoid", "relu", "leaky_relu" (slope 0.01) or "identity"

    Returns
    -------
    (..., L, S), in the result_type of query, key and weight. The query adds the same number for all keys, and
    these activations are monotone: every query ranks the keys in the same order (Brody et al. 2022,
    theorem 1).

    Raises
    ------
    TypeError, ValueError
        For dtypes and shapes that do not fit, and for an unknown activation.

    Examples
    --------
    >>> concat_scores([[1, 2]], [[3], [4]], [1, 1, -1], activation="relu")
    array([[0., 0.]])
    >>> concat_scores([[1, 2]], [[3], [4]], [1, 1, -1], activation="identity")
    array([[ 0., -1.]])

    References
    ----------
    Veličković et al. 2018, equation 3; Brody, Alon, Yahav 2022.
    """
    return concat_scores_forward(promote(query), promote(key), promote(weight), activation=activation)[0]
