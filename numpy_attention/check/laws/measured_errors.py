"""Tighter error bounds for sums over rows, measured on a few sampled rows.

The bounds of `bounds.py` multiply lengths of vectors, as if all were parallel, and add up the keys of a
row, as if all erred with one sign. For most rows both are far too large. So the errors of sampled rows are
computed key by key, as in `reference/error_bounds.py`, and their ratio to the bound is kept. Errors of
different keys are independent: Q(e) = sqrt(Σ e²), without the factor 4 that `quadrature_sum` adds later.

    e_ls    = (g(D) + 4u) |scale| |query_l| · |key_s| + 4u (|bias| + |sinks|)            of a score
    c_l     = Q(weights e) + g(S) + 4u log S                          common to all weights of a row
    mean_l  = Q(weights (e + u_s) |d|) + Q(weights g(E) |d_out| · |value|)
              + c |mean| + g(S) Σ weights |d|                                            of Σ weights d
    e_d_ls  = weights |d - mean| e + weights g(E) |d_out| · |value|
              + (u_s + 4u) (weights (|d| + |mean| + |d_lse|) + |d_scores|)              of d_scores

Sums over all rows are allowed twice the largest ratio. It is never used for a single row, which may be
unlike the sampled ones.
"""

from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import transposed
from .arguments import CallArrays
from .bounds import Bounds
from .row_samples import SampledRows

SAFETY = 2.0
UNMEASURED = 1e300
"""Above any bound, yet finite: times a bound of 0 it is 0."""


class MeasuredErrors(NamedTuple):
    """Ratios to bounds of errors, then (`of_…`) of sums of sizes: of Σ_s weights value_s, Σ_s weights d,
    and Σ_s d_scores w_s with w = 1 (rows), |key_s| (lengths), each component of key_s (parts)."""

    weights: float = UNMEASURED
    means: float = UNMEASURED
    d_rows: float = UNMEASURED
    d_lengths: float = UNMEASURED
    d_parts: float = UNMEASURED
    of_means: float = 1.0
    of_d_rows: float = 1.0
    of_d_lengths: float = 1.0
    of_d_parts: float = 1.0


def measure_errors(call: CallArrays, bounds: Bounds) -> MeasuredErrors:
    """Twice the largest ratios among sampled unmasked rows; the defaults if there is no such row."""
    unmasked = call.all_rows(call.unmasked_rows)
    rows = SampledRows(call, np.flatnonzero(unmasked.any(axis=tuple(range(unmasked.ndim - 1)))))
    if call.score != "dot" or not len(rows) or "d_out" not in call.arrays:
        return MeasuredErrors()
    g, u, u_s = bounds.g, bounds.arithmetic.u, bounds.storage.u
    query, d_out = (np.abs(rows.of(x, axis=-2)) for x in (call.query, call.d_out))
    size = np.abs(rows.of(call.finite_scale, axis=-2)) * (query @ np.abs(transposed(call.key)))
    of_score = (g(call.D) + 4 * u) * size + 4 * u * bounds.bias_size
    of_d = g(call.E) * rows.weights * np.abs(rows.multipliers) * (d_out @ np.abs(transposed(call.value)))
    in_common = _root_sum_square(rows.weights * of_score) + g(call.S) + 4 * u * np.log(call.S + 2.0)
    of_weight = rows.weights * (of_score + u_s + 4 * u)

    thinned, values = rows.weights * rows.multipliers, _with_ones(call.value)
    out = thinned @ values
    of_out = _root_sum_square_products(of_weight * np.abs(rows.multipliers), values)
    of_out = of_out + (in_common + g(call.S)) * np.abs(out)
    largest_out = bounds.largest_multiplier * _with_ones(bounds.largest_values)
    weights = _largest_ratios(of_out, largest_out).max(initial=0.0)

    d_size = rows.of(bounds.d_size)[..., None]
    mass = (rows.weights * np.abs(rows.d)).sum(axis=-1, keepdims=True)
    of_mean = _root_sum_square(of_weight * np.abs(rows.d)) + _root_sum_square(of_d)
    of_mean = of_mean + in_common * np.abs(rows.mean) + g(call.S) * mass
    means, of_means = _largest_ratios(of_mean, d_size)[0], _largest_ratios(mass, d_size)[0]
    products = d_out * np.abs(out[..., 1:])  # the mean may be computed from the stored out
    of_mean = of_mean + u_s * _root_sum_square(products) + g(call.E) * products.sum(axis=-1, keepdims=True)
    d_errors, d_sums = _d_scores_ratios(bounds, rows, of_score, of_d, of_mean, in_common, d_size)
    errors = (weights, means, d_errors[0], d_errors[1], d_errors[2:].max(initial=0.0))
    sums = (of_means, d_sums[0], d_sums[1], d_sums[2:].max(initial=0.0))
    return MeasuredErrors(*(SAFETY * float(x) for x in (*errors, *sums)))


def _d_scores_ratios(
    bounds: Bounds, rows: SampledRows, of_score: Array, of_d: Array, of_mean: Array, in_common: Array,
    d_size: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """For every w: ratio of the error of Σ_s d_scores w_s to its bound, and of Σ_s |d_scores w_s| to its."""
    call, u, u_s = rows.call, bounds.arithmetic.u, bounds.storage.u
    d_lse = np.zeros((1, 1, 1, 1)) + rows.of(call.d_lse)[..., None]
    parts = rows.weights * (np.abs(rows.d) + np.abs(rows.mean) + np.abs(d_lse))
    d_scores = rows.weights * (rows.d - rows.mean + d_lse) * rows.slope
    if call.inputs.softcap is not None:
        of_score = of_score * (1 + 2 / call.inputs.softcap) + 4 * u
    of_d_scores = rows.weights * np.abs(rows.d - rows.mean) * of_score + of_d
    of_d_scores = of_d_scores + (u_s + 4 * u) * (parts + np.abs(d_scores))
    keys = _with_ones(np.concatenate([np.linalg.norm(call.key, axis=-1, keepdims=True), call.key], axis=-1))
    total = _root_sum_square_products(of_d_scores, keys) + in_common * np.abs(d_scores @ keys)
    total = total + of_mean * np.abs((rows.weights * rows.slope) @ keys)
    used = call.unmasked_keys[..., None]
    largest = np.where(used, np.abs(keys), 0.0).max(axis=-2, keepdims=True, initial=0.0)
    sizes = np.abs(d_scores) @ np.abs(keys)
    return _largest_ratios(total, d_size * largest), _largest_ratios(sizes, d_size * largest)


def _with_ones(x: Array) -> Array:
    """`x` with a column of ones in front."""
    return np.concatenate([np.ones((*x.shape[:-1], 1)), x], axis=-1)


def _root_sum_square(errors: Array) -> Array:
    """sqrt(Σ e²) along the last axis, which stays."""
    return _root_sum_square_products(errors, np.ones((errors.shape[-1], 1)))


def _root_sum_square_products(errors: Array, x: Array) -> Array:
    """sqrt(Σ_s (errors_s x_s)²) for every column of x."""
    return np.asarray(np.sqrt((errors * errors) @ (x * x)))


def _largest_ratios(x: Array, bound: Array) -> Array:
    """The largest x / bound of each column."""
    ratio = np.where(bound > 0, x / np.where(bound > 0, bound, 1.0), 0.0)
    return np.asarray(np.max(ratio, axis=tuple(range(ratio.ndim - 1)), initial=0.0))
