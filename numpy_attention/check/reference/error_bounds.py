"""How far attention may be from exact: a bound for every number, forward and backward.

The seven steps there and back, as in `functional/attention/steps.py`, but on numbers that carry their error
(`near.py`). With g(n) = u min(n, λ sqrt(n + 4)), P the weights, d their gradient, to first order:

    e_scores  = g(D) scale |query| |key|ᵀ         e_P = P (e_scores + Σ P e_scores + g(S))
    e_out     = (e_P + u_s P) |value| + g(S) P |value|
    e_d       = g(E) |d_out| |value|ᵀ             e_δ = Σ (e_P |d| + P e_d) + g(S) Σ P |d|
    e_dscores = e_P |d - δ| + P (e_d + e_δ) + 4 u P (|d| + |δ|)

and what follows through the products that are left. Nothing is fitted: the errors of a right program that
computes at unit roundoff u, and keeps what it must between two products at u_s, are below. All of it is
worked out from the problem alone, in float64.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..rounding.error_analysis import FLOAT64, Arithmetic, Near, Precision, exactly
from .oracle import Inputs, Results

BLOCK = 32
"""Programs that go tile by tile may keep a gradient in storage between two tiles: none is smaller."""


class _Down(NamedTuple):
    """What the way back needs; heads of keys and values repeated, a column for the sink if there is one."""

    query: Near
    key: Near
    value: Near
    scale: Near
    visible: Array
    multipliers: Near
    products: Near
    slope: Near
    columns: Near
    lse: Near
    thinned: Near
    out: Near


def bounds(
    inputs: Inputs,
    precision: Precision | Arithmetic = FLOAT64,
    *,
    storage: Precision | None = None,
    pinned: bool = False,
    blocks: tuple[int, int] = (BLOCK, BLOCK),
) -> Results:
    """Attention and its gradients by the formula in float64, each a Near: its value, and its bound.

    Parameters
    ----------
    inputs : the problem.
    precision : that of the arithmetic which is judged, or the arithmetic itself, if it mixes precisions.
    storage : what weights and gradients of scores are kept in between two products, if that is less.
    pinned : judge a softmax backward that is pinned at the peak, and a softcap whose slope is sech²; else
        the textbook's forms, 1 - tanh² and row sums from d_out * out, are allowed for. They lose digits.
    blocks : after so many queries, and so many keys, gradients that add up may be kept in `storage`.

    Returns
    -------
    Results
        None where nothing was given. What the result itself is stored in is not yet in the bound: see
        `near.stored`.
    """
    a = precision if isinstance(precision, Arithmetic) else Arithmetic(precision)
    with np.errstate(all="ignore"):
        down = _down(a, inputs, storage, pinned)
        d_pairs, d_value, d_sinks = _up_to_softmax(a, inputs, down, storage, pinned, blocks[0])
        S = inputs.shape[-1]
        d_query, d_key, d_scale = _up_to_query(a, inputs, down, d_pairs, storage, blocks)

        def own(x: Near, argument: Any) -> Near | None:
            return None if argument is None else a.summed_to(x, np.shape(argument))

        if inputs.sinks is not None:
            d_sinks = a.summed_to(d_sinks, (*np.shape(inputs.sinks), 1, 1)).at(0).at(0)

        return Results(
            out=down.out,
            weights=down.columns.at(slice(S)),
            lse=down.lse.at(0),
            d_query=d_query,
            d_key=d_key,
            d_value=d_value,
            d_bias=own(d_pairs, inputs.bias),
            d_scale=own(d_scale, inputs.scale),
            d_sinks=None if inputs.sinks is None else d_sinks,
        )


def _down(a: Arithmetic, inputs: Inputs, storage: Precision | None, pinned: bool) -> _Down:
    """Steps 1 to 7."""
    shape, group = inputs.shape, inputs.group
    D = inputs.query.shape[-1]
    query = exactly(np.broadcast_to(inputs.query, (*shape[:-1], D)))
    key, value = _repeated(inputs.key, group), _repeated(inputs.value, group)
    scale = 1 / math.sqrt(D or 1) if inputs.scale is None else inputs.scale
    scale = exactly(scale)
    if inputs.scale is None:
        scale = Near(scale.value, 2 * a.u * abs(scale))
    visible = np.broadcast_to(True if inputs.visible is None else inputs.visible, shape)
    if inputs.bias is not None:
        visible = visible & ~np.isneginf(inputs.bias)
    products = a.product(query, key.turned())
    capped = a.times(scale, products)
    slope = exactly(1.0)
    if inputs.softcap is not None:
        softcap = exactly(inputs.softcap)
        x = a.divided(capped, softcap)
        capped, slope = a.times(softcap, a.tanh(x)), a.sech_squared(x, textbook=not pinned)
    biased = capped if inputs.bias is None else a.plus(capped, exactly(inputs.bias))
    columns = biased.where(visible, -np.inf)
    if inputs.sinks is not None:
        sinks = np.broadcast_to(np.asarray(inputs.sinks, dtype=float)[..., None, None], (*shape[:-1], 1))
        columns = _beside(columns, Near(sinks, np.zeros(sinks.shape)))
    columns, lse = a.softmax(columns)
    weights = columns.at(slice(shape[-1]))
    multipliers = exactly(1.0 if inputs.multipliers is None else inputs.multipliers)
    thinned = weights if inputs.multipliers is None else a.times(weights, multipliers)
    thinned = _kept(thinned, storage)
    out = a.product(thinned, value)
    return _Down(query, key, value, scale, visible, multipliers, products, slope, columns, lse, thinned, out)


def _up_to_softmax(
    a: Arithmetic, inputs: Inputs, down: _Down, storage: Precision | None, pinned: bool, block: int
) -> tuple[Near, Near, Near]:
    """Steps 7 to 3: the gradients of the biased scores, of value, and of each row's sink, if it has one."""
    shape = inputs.shape
    rows, S, E = shape[:-1], shape[-1], inputs.value.shape[-1]
    d_out = exactly(np.zeros((*rows, E)) if inputs.d_out is None else inputs.d_out)
    d_lse = exactly(np.zeros(rows) if inputs.d_lse is None else inputs.d_lse).at(None)
    d_value = _to_key_head(a, inputs, inputs.value, down.thinned, d_out, storage, block)
    d_weights = a.product(d_out, down.value.turned())
    if inputs.multipliers is not None:
        d_weights = a.times(d_weights, down.multipliers)
    if inputs.d_weights is not None:
        d_weights = a.plus(d_weights, exactly(inputs.d_weights))
    d = d_weights.where(down.visible)
    if inputs.sinks is not None:
        d = _beside(d, exactly(np.zeros((*rows, 1))))
    d_columns = a.softmax_back(d, down.columns, d_lse, pinned=pinned)
    if not pinned:  # δ = Σ d_out * out, with out as it was stored
        lost = down.out.error + (storage.u if storage else 0.0) * abs(down.out) + a.g(E) * abs(down.out)
        e_mean = (abs(d_out) * lost).sum(axis=-1, keepdims=True)
        d_columns = Near(d_columns.value, d_columns.error + down.columns.largest * e_mean)
    d_pairs = d_columns.at(slice(S)).where(down.visible)
    return d_pairs, d_value, d_columns.at(slice(S, None))


def _up_to_query(
    a: Arithmetic,
    inputs: Inputs,
    down: _Down,
    d_pairs: Near,
    storage: Precision | None,
    blocks: tuple[int, int],
) -> tuple[Near, Near, Near]:
    """Steps 2 and 1: the gradients of query, key, and of the scale at every pair."""
    d_scores = d_pairs if inputs.softcap is None else a.times(d_pairs, down.slope)
    d_products = _kept(a.times(down.scale, d_scores).where(down.visible), storage)
    repeats = math.prod(inputs.shape[:-2]) // max(1, math.prod(inputs.query.shape[:-2]))
    d_query = a.product(d_products, down.key, repeats)
    lost = _lost_between(d_products.value, down.key.value, storage, blocks[1], whole=repeats > 1)
    d_query = Near(d_query.value, d_query.error + lost)
    d_query = a.summed_to(d_query, inputs.query.shape, rounds=False)
    d_key = _to_key_head(a, inputs, inputs.key, d_products, down.query, storage, blocks[0])
    return d_query, d_key, a.times(d_scores, down.products).where(down.visible)


def _to_key_head(
    a: Arithmetic,
    inputs: Inputs,
    argument: Array,
    x: Near,
    y: Near,
    storage: Precision | None,
    block: int,
) -> Near:
    """xᵀ @ y, summed over the query heads that share a key head, and to the argument's shape."""
    repeats = math.prod(inputs.shape[:-2]) // max(1, math.prod(argument.shape[:-2]))
    d = a.product(x.turned(), y, repeats)
    left, right = x.turned().value, y.value
    lost = _lost_between(left, right, storage, block, whole=inputs.group * repeats > 1)
    if inputs.group > 1:
        *batch, H, S, X = d.value.shape
        groups = (*batch, H // inputs.group, inputs.group, S, X)
        d, lost = Near(*(part.reshape(groups).sum(axis=-3) for part in d)), lost.reshape(groups).sum(axis=-3)
        # or one sum that goes on from head to head
        one, L = (*batch, H // inputs.group), left.shape[-1]
        left = np.moveaxis(left.reshape(*one, inputs.group, S, L), -3, -2).reshape(*one, S, inputs.group * L)
        right = right.reshape(*one, inputs.group * L, X)
        lost = np.maximum(lost, _lost_between(left, right, storage, block, whole=repeats > 1))
    return a.summed_to(Near(d.value, d.error + lost), argument.shape, rounds=False)


def _repeated(x: Array, group: int) -> Near:
    """Each head of keys or values as often as query heads read it."""
    return exactly(x if group == 1 else np.repeat(x, group, axis=-3))


def _beside(x: Near, y: Near) -> Near:
    return Near(*(np.concatenate(pair, axis=-1) for pair in zip(x, y, strict=True)))


def _kept(x: Near, storage: Precision | None) -> Near:
    """Between two products, rounded to what it is kept in."""
    return x if storage is None else Near(x.value, x.error + storage.u * x.largest + storage.tiny)


def _lost_between(x: Array, y: Array, storage: Precision | None, block: int, *, whole: bool) -> Array:
    """What x @ y loses if it is rounded to storage after every `block` terms that have been added.

    Of independent roundings of the partial sums p, 4 u_s sqrt(Σ p²) is exceeded with probability 7e-4 if each
    is as large as it can be (Hoeffding 1963), u_s Σ |p| never. The last one is the result itself, and counts
    where that is only a part of a sum: the `whole` of one head, or of one batch entry.
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
