"""Other ways to turn scores into weights, for the fifth step: STEPS._replace(softmax=SPARSEMAX).

    sigmoid    weights = σ(masked), each key by itself
    sparsemax  weights = max(masked - τ, 0), τ such that a row sums to 1
    entmax     weights = max(masked / 2 - τ, 0)², τ likewise (α = 1.5, half way from softmax to sparsemax)

Each is called as softmax's step is. A sink is one more column, whose weight is dropped. lse stays that of
softmax: it says how large the scores are, whatever the weights.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array, quiet
from ..base.arrays import Pair, accurate_sum, keep_visible, shape_repr, unbroadcast
from ..base.stable import finite_shift, row_maximum
from ..layers.activations import logistic
from .steps import Normalised, SoftmaxStepGradients, softmax_step_backward, softmax_step_forward


@shape_repr
class NormaliserSaved(NamedTuple):
    """The columns [masked, sinks], their weights and slopes, which may be seen, and softmax's own saved."""

    name: str
    weights: Array
    slopes: Array
    sinks: Array | None
    visible: Array | None
    softmax: Any


_Weights = Callable[[Array], tuple[Array, Array]]


def _sigmoid(columns: Array) -> tuple[Array, Array]:
    """Weights σ(x), slopes σ(x) σ(-x)."""
    weights = np.where(columns.real == -np.inf, 0, logistic(columns))
    return weights, weights * logistic(-columns)


def _sorted(columns: Array) -> tuple[Array, Array]:
    """The entries of each row from the highest down, and their count from 1."""
    order = np.argsort(-columns.real, axis=-1, kind="stable")
    rows = np.take_along_axis(columns, order, axis=-1)
    return rows, np.arange(1, columns.shape[-1] + 1)


def _at(values: Array, support: Array) -> Array:
    """values[support - 1] of each row, kept as an axis."""
    return np.asarray(np.take_along_axis(values, np.maximum(support - 1, 0), axis=-1))


def _sparsemax(columns: Array) -> tuple[Array, Array]:
    """Martins and Astudillo 2016, algorithm 1: τ = (Σ_{support} x - 1) / |support|; slopes 1 there."""
    if not columns.shape[-1]:
        return columns.copy(), columns.copy()
    rows, count = _sorted(columns)
    sums = np.cumsum(rows, axis=-1)
    inside = (1 + count * rows > sums) & np.isfinite(rows)
    support = inside.sum(axis=-1, keepdims=True)
    threshold = (_at(sums, support) - 1) / np.maximum(support, 1)
    above = (columns.real > threshold.real) & (support > 0)
    return np.where(above, columns - threshold, 0), above.astype(columns.dtype)


def _entmax(columns: Array) -> tuple[Array, Array]:
    """Peters, Niculae, Martins 2019, algorithm 2: of the k highest halves x, with mean m and mean square q,

    τ = m - √((1 - k (q - m²)) / k), k as large as it can be; slopes √weights.
    """
    if not columns.shape[-1]:
        return columns.copy(), columns.copy()
    halves = columns / 2
    rows, count = _sorted(halves)
    mean = np.cumsum(rows, axis=-1) / count
    spread = np.cumsum(rows * rows, axis=-1) - count * mean * mean
    room = np.where(spread.real < 1, (1 - spread) / count, 0)
    thresholds = mean - np.sqrt(room)
    inside = (thresholds.real <= rows.real) & np.isfinite(rows) & (spread.real <= 1)
    support = inside.sum(axis=-1, keepdims=True)
    threshold = _at(thresholds, support)
    above = (halves.real > threshold.real) & (support > 0)
    roots = np.where(above, halves - threshold, 0)
    return roots * roots, roots


def _lost(masked: Array, columns: Array, visible: Array | None) -> Array:
    """Rows that have no weights: a column is NaN or inf, or they see something, but only -inf."""
    spoiled = (np.isnan(columns) | (columns.real == np.inf)).any(axis=-1, keepdims=True)
    sees = np.ones(masked.shape, dtype=bool) if visible is None else visible
    nothing = (columns.real == -np.inf).all(axis=-1, keepdims=True)
    return np.asarray(spoiled | (nothing & sees.any(axis=-1, keepdims=True)))


def _normaliser(name: str, weigh: _Weights, sums_to_one: bool) -> Pair:
    """The pair of a way to weigh: ∂weights = slopes * ∂(masked - τ), τ being moved by a mean over slopes."""

    @quiet
    def forward(
        masked: Array, sinks: Array | None = None, visible: Array | None = None
    ) -> tuple[Normalised, NormaliserSaved]:
        (_, lse), saved = softmax_step_forward(masked, sinks, visible)
        columns = masked
        if sinks is not None:
            column = np.broadcast_to(sinks[..., None, None], (*masked.shape[:-1], 1))
            columns = np.concatenate([masked, column], axis=-1)
        if sums_to_one:  # a shift changes nothing but the rounding
            columns = columns - finite_shift(row_maximum(columns)).real
        weights, slopes = weigh(columns)
        if sums_to_one:
            weights = np.where(_lost(masked, columns, visible), np.nan, weights)
        S = masked.shape[-1]
        own = keep_visible(weights[..., :S], visible)
        return Normalised(own, lse), NormaliserSaved(name, weights, slopes, sinks, visible, saved)

    @quiet
    def backward(d_normalised: tuple[Array, Array], saved: NormaliserSaved) -> SoftmaxStepGradients:
        if not isinstance(saved, NormaliserSaved) or saved.name != name:
            raise TypeError(f"saved is not what the forward of {name} weights gave")
        _, weights, slopes, sinks, visible, of_softmax = saved
        d_weights, d_lse = d_normalised
        d_columns = keep_visible(d_weights, visible)
        if sinks is not None:
            d_columns = np.concatenate([d_columns, np.zeros((*d_columns.shape[:-1], 1))], axis=-1)
        S = d_weights.shape[-1]
        d_rows = slopes * d_columns
        if sums_to_one:
            share = slopes.sum(axis=-1, keepdims=True)
            mean = d_rows.sum(axis=-1, keepdims=True) / np.where(share == 0, 1, share)
            d_rows = slopes * (d_columns - mean)
        if d_lse.any():
            d_masked, d_sinks = softmax_step_backward((np.zeros_like(d_weights), d_lse), of_softmax)
        else:  # an infinite score has no lse; where nobody asks for it, that concerns nobody
            d_masked, d_sinks = np.zeros_like(d_weights), None if sinks is None else np.zeros(sinks.shape)
        if sinks is not None and d_sinks is not None:
            d_sinks = d_sinks + unbroadcast(accurate_sum(d_rows[..., S], axis=-1), sinks.shape)
        return SoftmaxStepGradients(keep_visible(d_rows[..., :S], visible) + d_masked, d_sinks)

    forward.__doc__, backward.__doc__ = weigh.__doc__, "d_masked = slopes * (d_weights - mean over slopes)."
    return Pair(forward, backward)


SIGMOID = _normaliser("sigmoid", _sigmoid, sums_to_one=False)
"""Weights σ(score), with no competition between keys (Ramapuram et al. 2024); a bias of -log S suits it."""

SPARSEMAX = _normaliser("sparsemax", _sparsemax, sums_to_one=True)
"""The projection of the scores onto the simplex: many weights are exactly 0."""

ENTMAX = _normaliser("entmax", _entmax, sums_to_one=True)
"""entmax with α = 1.5: smooth like softmax where it matters, exactly 0 where it does not."""
