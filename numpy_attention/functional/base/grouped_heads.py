"""Grouped heads: H query heads share G key heads, query head h reading key head h // (H / G)."""

from .admission import Array


def fold_groups(rows: Array, key: Array) -> Array:
    """(..., H, L, X) -> (..., G, H/G * L, X): the rows of all query heads that share a key head become one
    matrix, so that no key is repeated."""
    if rows.ndim < 3 or key.ndim < 3 or rows.shape[-3] == key.shape[-3]:
        return rows
    *batch, H, L, X = rows.shape
    G = key.shape[-3]
    return rows.reshape(*batch, G, H // G * L, X)


def unfold_groups(rows: Array, query: Array) -> Array:
    """Inverse of `fold_groups`: (..., G, H/G * L, X) -> (..., H, L, X), H and L being those of `query`."""
    if query.ndim < 3 or rows.shape[-3] == query.shape[-3]:
        return rows
    return rows.reshape(*rows.shape[:-3], *query.shape[-3:-1], rows.shape[-1])
