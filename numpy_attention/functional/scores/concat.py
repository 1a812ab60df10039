"""Concat scores: a single neuron that sees query and key.

    scores_ls = act(weight · [query_l; key_s])

query (..., L, Dq)  key (..., S, Dk)  scores (..., L, S). No pair [query_l; key_s] is ever built: weight is
one for the query beside one for the key, so each vector is projected once.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, one_of, quiet
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
from ..layers.activations import (
    ActivationSaved,
    leaky_relu_backward,
    leaky_relu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)


@shape_repr
class ConcatSaved(NamedTuple):
    """The arguments, and what the activation saved of inner (..., L, S)."""

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


def _identity_forward(x: Array) -> tuple[Array, ActivationSaved]:
    return x.copy(), ActivationSaved(x)


def _identity_backward(d_out: Array, saved: ActivationSaved) -> Array:
    return d_out


ACTIVATIONS = {
    "tanh": Pair(tanh_forward, tanh_backward),
    "sigmoid": Pair(sigmoid_forward, sigmoid_backward),
    "relu": Pair(relu_forward, relu_backward),
    "leaky_relu": Pair(leaky_relu_forward, leaky_relu_backward),
    "identity": Pair(_identity_forward, _identity_backward),
}
"""What `concat_scores` takes for act; leaky_relu with its default slope."""


@quiet
def concat_scores_forward(
    query: npt.ArrayLike, key: npt.ArrayLike, weight: npt.ArrayLike, *, activation: str = "tanh"
) -> tuple[Any, ConcatSaved]:
    """A single neuron that sees query and key, with what its backward needs: see `concat_scores`."""
    query, key, weight = admit("query", query, 2), admit("key", key, 2), admit("weight", weight, 1)
    activation = one_of("activation", activation, tuple(ACTIVATIONS))
    both = query.shape[-1] + key.shape[-1]
    check_equal("Dq + Dk, the last axes of query and key,", both, "that of weight", weight.shape[-1])
    _concat_batch(query, key, weight)
    rows, columns, both_weights = upcast(query, key, weight)
    weight_query, weight_key = np.split(both_weights, [query.shape[-1]], axis=-1)
    for_query = rows @ weight_query[..., :, None]  # (..., L, 1)
    for_key = columns @ weight_key[..., :, None]  # (..., S, 1)
    inner = for_query + transposed(for_key)  # (..., L, S)
    out, inner_saved = ACTIVATIONS[activation].forward(inner)  # a new array
    out = out.astype(np.result_type(query, key, weight), copy=False)
    return out, ConcatSaved(query, key, weight, activation, inner_saved)


def _concat_batch(query: Array, key: Array, weight: Array) -> tuple[int, ...]:
    """The batch axes of the scores."""
    return common_batch(query=query.shape[:-2], key=key.shape[:-2], weight=weight.shape[:-1])


@backward_of(ConcatSaved)
def concat_scores_backward(d_out: npt.ArrayLike, saved: ConcatSaved) -> ConcatGradients:
    """From out = act(inner): d_inner = d_out * act'(inner), which is the activation's own backward.

    From inner_ls = for_query_l + for_key_s, each summed over what it does not depend on:

    d_for_query_l = Σ_s d_inner_ls;  d_for_key_s = Σ_l d_inner_ls

    From for_query_l = weight_query · query_l, and for_key likewise:

    d_query_l = d_for_query_l weight_query;  d_weight_query = Σ_l d_for_query_l query_l
    """
    query, key, weight, activation, inner = saved
    shape = (*_concat_batch(query, key, weight), query.shape[-2], key.shape[-2])
    d_out = cotangent("d_out", d_out, shape, query, key, weight)
    rows, columns, both_weights = upcast(query, key, weight)
    weight_query, weight_key = np.split(both_weights, [query.shape[-1]], axis=-1)
    d_inner = ACTIVATIONS[activation].backward(d_out, inner)
    d_for_query = accurate_sum(d_inner, axis=-1, keepdims=True)  # (..., L, 1)
    d_for_key = transposed(accurate_sum(d_inner, axis=-2, keepdims=True))  # (..., S, 1)
    d_weight_query = transposed(d_for_query) @ rows  # (..., 1, Dq)
    d_weight_key = transposed(d_for_key) @ columns  # (..., 1, Dk)
    d_both_weights = np.concatenate([d_weight_query, d_weight_key], axis=-1)[..., 0, :]
    return ConcatGradients(
        d_query=gradient_like(d_for_query * weight_query[..., None, :], query),
        d_key=gradient_like(d_for_key * weight_key[..., None, :], key),
        d_weight=gradient_like(d_both_weights, weight),
    )


def concat_scores(
    query: npt.ArrayLike, key: npt.ArrayLike, weight: npt.ArrayLike, *, activation: str = "tanh"
) -> Any:
    """A single neuron that sees query and key: scores_ls = act(weight · [query_l; key_s]).

    Parameters
    ----------
    query : (..., L, Dq)
    key : (..., S, Dk)
    weight : (..., Dq + Dk), for the query's entries first; its batch axes broadcast with the others'
    activation : "tanh", "sigmoid", "relu", "leaky_relu" (slope 0.01) or "identity"

    Returns
    -------
    (..., L, S), in the result_type of query, key and weight. The query moves all keys alike, and every
    activation here is monotone: whatever the query, the keys rank in one order (Brody et al. 2022,
    theorem 1).

    Raises
    ------
    TypeError, ValueError
        For dtypes and shapes that do not fit, and for an activation that is none of these.

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
    given = map(promote, (query, key, weight))
    return concat_scores_forward(*given, activation=activation)[0]
