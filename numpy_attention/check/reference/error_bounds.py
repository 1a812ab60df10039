"""Error bounds of attention: one for every output and gradient entry.

The seven steps forward and backward, as in `functional/attention/steps.py`, but on values with error bounds
(`rounding/error_analysis.py`). With g(n) = u min(n, λ sqrt(n + 4)), weights P and their gradient d, to
first order:

    e_scores  = g(D) scale |query| |key|ᵀ         e_P = P (e_scores + Σ P e_scores + g(S))
    e_out     = (e_P + u_s P) |value| + g(S) P |value|
    e_d       = g(E) |d_out| |value|ᵀ             e_δ = Σ (e_P |d| + P e_d) + g(S) Σ P |d|
    e_dscores = e_P |d - δ| + P (e_d + e_δ) + 4 u P (|d| + |δ|)

and likewise through the remaining products. Nothing is fitted: a correct program that computes at unit
roundoff u, and stores what it must between two products at u_s, stays below. The inputs alone determine
the bounds, in float64.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..rounding.error_analysis import FLOAT64, Arithmetic, Bounded, Precision, error_free
from .inputs import Inputs
from .oracle import Results

BLOCK = 32
"""Tiled programs may round a gradient to storage between two tiles; no tile in use is smaller than this."""


class _Saved(NamedTuple):
    """What backward needs. Key and value heads are repeated; `columns` has one more for a sink."""

    query: Bounded
    key: Bounded
    value: Bounded
    scale: Bounded
    visible: Array
    multipliers: Bounded
    products: Bounded
    slope: Bounded
    columns: Bounded
    lse: Bounded
    thinned: Bounded
    out: Bounded


def bounds(
    inputs: Inputs,
    precision: Precision | Arithmetic = FLOAT64,
    *,
    storage: Precision | None = None,
    pinned: bool = False,
    blocks: tuple[int, int] = (BLOCK, BLOCK),
) -> Results:
    """Attention and its gradients by the formula in float64, as Bounded arrays.

    Parameters
    ----------
    inputs : arguments and cotangents.
    precision : precision of the arithmetic under test, or the Arithmetic itself if it mixes precisions.
    storage : precision to which weights and d_scores are rounded between two products, if lower.
    pinned : assume a softmax backward pinned at the peak and sech² as softcap's slope. Otherwise the bounds
        admit the textbook forms, 1 - tanh² and row sums from d_out * out, which lose digits.
    blocks : numbers of queries and keys after which an accumulated gradient may be rounded to `storage`.

    Returns
    -------
    Results
        None for missing arguments. Rounding the result itself to storage is not included: see `stored_error`.
    """
    a = precision if isinstance(precision, Arithmetic) else Arithmetic(precision)
    with np.errstate(all="ignore"):
        saved = _forward(a, inputs, storage, pinned)
        d_pairs, d_value, d_sinks = _backward_to_scores(a, inputs, saved, storage, pinned, blocks[0])
        S = inputs.shape[-1]
        d_query, d_key, d_scale = _backward_to_arguments(a, inputs, saved, d_pairs, storage, blocks)

        def gradient(x: Bounded, argument: Any) -> Bounded | None:
            return None if argument is None else a.sum_to_shape(x, np.shape(argument))

        if inputs.sinks is not None:
            d_sinks = a.sum_to_shape(d_sinks, (*np.shape(inputs.sinks), 1, 1)).at(0).at(0)

        return Results(
            out=saved.out,
            weights=saved.columns.at(slice(S)),
            lse=saved.lse.at(0),
            d_query=d_query,
            d_key=d_key,
            d_value=d_value,
            d_bias=gradient(d_pairs, inputs.bias_array),
            d_scale=gradient(d_scale, inputs.scale),
            d_sinks=None if inputs.sinks is None else d_sinks,
        )


def _forward(a: Arithmetic, inputs: Inputs, storage: Precision | None, pinned: bool) -> _Saved:
    """Steps 1 to 7."""
    shape, group = inputs.shape, inputs.group
    D = inputs.query.shape[-1]
    query = error_free(np.broadcast_to(inputs.query, (*shape[:-1], D)))
    key, value = _repeat_heads(inputs.key, group), _repeat_heads(inputs.value, group)
    scale = error_free(1 / math.sqrt(D or 1) if inputs.scale is None else inputs.scale)
    if inputs.scale is None:
        scale = Bounded(scale.value, 2 * a.u * abs(scale))
    visible = np.broadcast_to(True if inputs.visible is None else inputs.visible, shape)
    if inputs.bias_array is not None:
        visible = visible & ~np.isneginf(inputs.bias_array)
    products = a.product(query, key.transposed())
    capped = a.times(scale, products)
    slope = error_free(1.0)
    if inputs.softcap is not None:
        softcap = error_free(inputs.softcap)
        x = a.divided(capped, softcap)
        capped, slope = a.times(softcap, a.tanh(x)), a.sech_squared(x, textbook=not pinned)
    biased = capped if inputs.bias_array is None else a.plus(capped, error_free(inputs.bias_array))
    columns = biased.where(visible, -np.inf)
    if inputs.sinks is not None:
        sinks = np.broadcast_to(np.asarray(inputs.sinks, dtype=float)[..., None, None], (*shape[:-1], 1))
        columns = _concatenate(columns, Bounded(sinks, np.zeros(sinks.shape)))
    columns, lse = a.softmax(columns)
    weights = columns.at(slice(shape[-1]))
    multipliers = error_free(1.0 if inputs.multipliers is None else inputs.multipliers)
    thinned = weights if inputs.multipliers is None else a.times(weights, multipliers)
    thinned = _round_to_storage(thinned, storage)
    out = a.product(thinned, value)
    return _Saved(query, key, value, scale, visible, multipliers, products, slope, columns, lse, thinned, out)


def _backward_to_scores(
    a: Arithmetic, inputs: Inputs, saved: _Saved, storage: Precision | None, pinned: bool, block: int
) -> tuple[Bounded, Bounded, Bounded]:
    """Steps 7 to 3: gradients of the biased scores, of value, and of each row's sink, if any."""
    shape = inputs.shape
    rows, S, E = shape[:-1], shape[-1], inputs.value.shape[-1]
    d_out = error_free(np.zeros((*rows, E)) if inputs.d_out is None else inputs.d_out)
    d_lse = error_free(np.zeros(rows) if inputs.d_lse is None else inputs.d_lse).at(None)
    d_value = _key_head_gradient(a, inputs, inputs.value, saved.thinned, d_out, storage, block)
    d_weights = a.product(d_out, saved.value.transposed())
    if inputs.multipliers is not None:
        d_weights = a.times(d_weights, saved.multipliers)
    if inputs.d_weights is not None:
        d_weights = a.plus(d_weights, error_free(inputs.d_weights))
    d = d_weights.where(saved.visible)
    if inputs.sinks is not None:
        d = _concatenate(d, error_free(np.zeros((*rows, 1))))
    d_columns = a.softmax_backward(d, saved.columns, d_lse, pinned=pinned)
    if not pinned:  # δ = Σ d_out * out, from the stored out
        e_out = saved.out.error + ((storage.u if storage else 0.0) + a.g(E)) * abs(saved.out)
        e_mean = (abs(d_out) * e_out).sum(axis=-1, keepdims=True)
        d_columns = Bounded(d_columns.value, d_columns.error + saved.columns.largest * e_mean)
    d_pairs = d_columns.at(slice(S)).where(saved.visible)
    return d_pairs, d_value, d_columns.at(slice(S, None))


def _backward_to_arguments(
    a: Arithmetic, inputs: Inputs, saved: _Saved, d_pairs: Bounded, storage: Precision | None,
    blocks: tuple[int, int],
) -> tuple[Bounded, Bounded, Bounded]:  # fmt: skip
    """Steps 2 and 1: gradients of query, of key, and of the scale at every pair."""
    d_scores = d_pairs if inputs.softcap is None else a.times(d_pairs, saved.slope)
    d_products = _round_to_storage(a.times(saved.scale, d_scores).where(saved.visible), storage)
    repeats = math.prod(inputs.shape[:-2]) // max(1, math.prod(inputs.query.shape[:-2]))
    d_query = a.product(d_products, saved.key, repeats)
    rounding = _accumulation_error(d_products.value, saved.key.value, storage, blocks[1], whole=repeats > 1)
    d_query = Bounded(d_query.value, d_query.error + rounding)
    d_query = a.sum_to_shape(d_query, inputs.query.shape, rounds=False)
    d_key = _key_head_gradient(a, inputs, inputs.key, d_products, saved.query, storage, blocks[0])
    return d_query, d_key, a.times(d_scores, saved.products).where(saved.visible)


def _key_head_gradient(
    a: Arithmetic, inputs: Inputs, argument: Array, x: Bounded, y: Bounded, storage: Precision | None,
    block: int,
) -> Bounded:  # fmt: skip
    """xᵀ @ y, summed over the query heads that share a key head, and to the argument's shape."""
    repeats = math.prod(inputs.shape[:-2]) // max(1, math.prod(argument.shape[:-2]))
    d = a.product(x.transposed(), y, repeats)
    left, right = x.transposed().value, y.value
    rounding = _accumulation_error(left, right, storage, block, whole=inputs.group * repeats > 1)
    if inputs.group > 1:
        *batch, H, S, X = d.value.shape
        groups = (*batch, H // inputs.group, inputs.group, S, X)
        d = Bounded(*(part.reshape(groups).sum(axis=-3) for part in d))
        rounding = rounding.reshape(groups).sum(axis=-3)
        # or accumulated from head to head in one sum
        one, L = (*batch, H // inputs.group), left.shape[-1]
        left = np.moveaxis(left.reshape(*one, inputs.group, S, L), -3, -2).reshape(*one, S, inputs.group * L)
        right = right.reshape(*one, inputs.group * L, X)
        rounding = np.maximum(rounding, _accumulation_error(left, right, storage, block, whole=repeats > 1))
    return a.sum_to_shape(Bounded(d.value, d.error + rounding), argument.shape, rounds=False)


def _repeat_heads(x: Array, group: int) -> Bounded:
    """Repeat each key or value head for the query heads that share it."""
    return error_free(x if group == 1 else np.repeat(x, group, axis=-3))


def _concatenate(x: Bounded, y: Bounded) -> Bounded:
    return Bounded(*(np.concatenate(pair, axis=-1) for pair in zip(x, y, strict=True)))


def _round_to_storage(x: Bounded, storage: Precision | None) -> Bounded:
    """Round an intermediate between two products to storage."""
    return x if storage is None else Bounded(x.value, x.error + storage.u * x.largest + storage.tiny)


def _accumulation_error(x: Array, y: Array, storage: Precision | None, block: int, *, whole: bool) -> Array:
    """Error of x @ y if its partial sums p are rounded to storage after every `block` terms.

    For independent roundings 4 u_s sqrt(Σ p²) is exceeded with probability 7e-4 if each is as large as it
    can be (Hoeffding 1963), u_s Σ |p| never. The last p is the result itself; it counts only if `whole`:
    if the result is a term of a further sum, over heads or batch entries.
    """
    partial = np.zeros((*x.shape[:-1], y.shape[-1]))
    sizes, squares = partial, partial
    if storage is None:
        return partial
    starts = range(0, x.shape[-1], block)
    for start in starts:
        part = slice(start, start + block)
        partial = partial + x[..., part] @ y[..., part, :]
        if whole or start != starts[-1]:
            sizes, squares = sizes + np.abs(partial), squares + partial * partial
    return np.asarray(storage.u * np.minimum(sizes, 4 * np.sqrt(squares)) + len(starts) * storage.tiny)
