"""Step 0: tokens become query, key and value by three matrices, and are split into heads.

    query = x @ W_Qᵀ    key = x @ W_Kᵀ    value = x @ W_Vᵀ

x (L, C)    memory (S, C), the tokens of key and value in cross attention
W_Q (H*D, C)    W_K (G*D, C)    W_V (G*E, C)    query (H, L, D)    key (G, S, D)    value (G, S, E)
Without heads the first axis of query, key and value is missing.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.arrays import shape_repr
from .defaults import filled

MATRICES = ("W_Q", "W_K", "W_V")

HEAD_WIDTH = 2
"""The width of a head, unless a matrix says otherwise."""

MOST_HEADS = 8


@shape_repr
class Projection(NamedTuple):
    """The arguments of step 0: `memory` is None for self-attention, `heads` and `kv_heads` for one head."""

    x: Array
    memory: Array | None
    W_Q: Array
    W_K: Array
    W_V: Array
    heads: int | None = None
    kv_heads: int | None = None


@shape_repr
class ProjectionGradients(NamedTuple):
    """The gradients of step 0, and the terms of d_x and d_memory; d_memory is None if memory is."""

    from_query: Array
    from_key: Array
    from_value: Array
    d_x: Array
    d_memory: Array | None
    d_W_Q: Array
    d_W_K: Array
    d_W_V: Array


def split_heads(rows: Array, heads: int | None) -> Array:
    """The rows (L, H*D) split into heads (H, L, D); unchanged if heads is None."""
    return rows if heads is None else rows.reshape(len(rows), heads, -1).swapaxes(0, 1)


def join_heads(x: Array) -> Array:
    """The heads (H, L, D) joined to rows (L, H*D); unchanged without a head axis."""
    return x if x.ndim < 3 else x.swapaxes(0, 1).reshape(x.shape[1], -1)


def project_forward(saved: Projection) -> tuple[Array, Array, Array]:
    """query = x @ W_Qᵀ, key = x @ W_Kᵀ, value = x @ W_Vᵀ, each split into heads.

    Examples
    --------
    >>> query, key, value = project_forward(Projection(np.eye(2), None, *np.ones((3, 4, 2)), 2, 2))
    >>> query.shape
    (2, 2, 2)
    """
    x, memory, W_Q, W_K, W_V, heads, kv_heads = saved
    tokens = x if memory is None else memory
    query = split_heads(x @ W_Q.T, heads)
    key = split_heads(tokens @ W_K.T, kv_heads)
    value = split_heads(tokens @ W_V.T, kv_heads)
    return query, key, value


def project_backward(d_query: Array, d_key: Array, d_value: Array, saved: Projection) -> ProjectionGradients:
    """From query = x @ W_Qᵀ, key = x @ W_Kᵀ, value = x @ W_Vᵀ:

    d_W_Q = d_queryᵀ @ x;  d_W_K = d_keyᵀ @ x;  d_W_V = d_valueᵀ @ x;
    d_x = d_query @ W_Q + d_key @ W_K + d_value @ W_V: x was used three times
    """
    x, memory, W_Q, W_K, W_V, _, _ = saved
    tokens = x if memory is None else memory
    d_W_Q = join_heads(d_query).T @ x
    d_W_K = join_heads(d_key).T @ tokens
    d_W_V = join_heads(d_value).T @ tokens
    from_query = join_heads(d_query) @ W_Q
    from_key = join_heads(d_key) @ W_K
    from_value = join_heads(d_value) @ W_V
    d_x = from_query + from_key + from_value if memory is None else from_query
    d_memory = None if memory is None else from_key + from_value
    return ProjectionGradients(from_query, from_key, from_value, d_x, d_memory, d_W_Q, d_W_K, d_W_V)


def build_projection(
    x: Array, memory: Array | None, given: Mapping[str, Array], heads: int | None, kv_heads: int | None
) -> Projection:
    """Step 0 of these tokens; matrices that are not given get default numbers.

    Raises
    ------
    ValueError
        If heads do not fit, or a matrix does not have one row for each number of a head, one column for each
        of a token.
    """
    for name, tokens in (("tokens", x), ("memory", memory)):
        if tokens is not None and tokens.ndim != 2:
            raise ValueError(f"{name} has shape {tokens.shape}; a row of numbers for each token is expected")
    kv_heads = heads if kv_heads is None else kv_heads
    for name, n in (("heads", heads), ("kv_heads", kv_heads)):
        if n is not None and not 1 <= n <= MOST_HEADS:
            raise ValueError(f"{name} is {n}; from 1 to {MOST_HEADS} can be shown")
    if heads is None and kv_heads is not None:
        raise ValueError(f"kv_heads is {kv_heads} without heads; give heads as well")
    if heads is not None and kv_heads is not None and heads % kv_heads:
        raise ValueError(f"kv_heads is {kv_heads}, which does not divide heads, {heads}")
    width = _head_width(given.get("W_Q", given.get("W_K")), heads if "W_Q" in given else kv_heads, x)
    matrices: dict[str, Array] = {}
    for n, (name, count) in enumerate(zip(MATRICES, (heads, kv_heads, kv_heads), strict=True)):
        columns = (x if memory is None or name == "W_Q" else memory).shape[-1]
        matrix = given.get(name, filled(((count or 1) * width, columns), 3 * n) / 2)
        if matrix.ndim != 2 or matrix.shape[1] != columns or len(matrix) % (count or 1):
            rows = f"a multiple of {count} rows" if count else "a row for each number of a head"
            raise ValueError(f"{name} has shape {matrix.shape}; {columns} columns and {rows} are expected")
        matrices[name] = matrix
    return Projection(x, memory, **matrices, heads=heads, kv_heads=kv_heads)


def _head_width(matrix: Array | None, heads: int | None, x: Array) -> int:
    """The width of a head by a given matrix, or by default."""
    if matrix is not None:
        return max(len(np.atleast_1d(matrix)) // (heads or 1), 1)
    return int(x.shape[-1]) if heads is None else HEAD_WIDTH
