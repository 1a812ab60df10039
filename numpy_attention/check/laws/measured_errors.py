"""How much smaller the errors of real rows are than bounds that hold for any: measured on a few of them.

The bounds of `sizes.py` multiply lengths of vectors, as if all pointed the same way, and add up all keys of
a row, as if all were off with one sign. For most rows both are far too much. So errors of some rows are
worked out key by key, as in `bounds.py`; those of different keys are gathered as independent, and the
result is put in proportion to the bound. Gathered is sqrt(Σ e²) here, for `gathered` comes on top:

    e_ls    = (g(D) + 4u) |scale| |query_l| · |key_s| + 4u (|bias| + |sinks|)            of a score
    c_l     = gathered(weights e) + g(S) + 4u log S                       of all weights of a row in common
    mean_l  = gathered(weights (e + u_s) |d|) + gathered(weights g(E) |d_out| · |value|)
              + c |mean| + g(S) Σ weights |d|                                            of Σ weights d
    e_d_ls  = weights |d - mean| e + weights g(E) |d_out| · |value|
              + (u_s + 4u) (weights (|d| + |mean| + |d_lse|) + |d_scores|)              of d_scores

What sums over all rows is then allowed twice the largest proportion that was found. Rows that are judged
alone are not: they may be unlike the others.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import transposed
from .row_samples import Rows

if TYPE_CHECKING:
    from .magnitudes import Sizes

SAFETY = 2.0
UNMEASURED = 1e300
"""Above any bound; finite, so that of nothing it is nothing."""


class Measured(NamedTuple):
    """Errors, and sums of sizes, in proportion to their bounds: of Σ_s weights value_s, of Σ_s weights d, and
    of Σ_s d_scores w_s with w = 1, |key_s|, and each of key's components."""

    weights: float = UNMEASURED
    means: float = UNMEASURED
    d_rows: float = UNMEASURED
    d_lengths: float = UNMEASURED
    d_parts: float = UNMEASURED
    of_means: float = 1.0
    of_d_rows: float = 1.0
    of_d_lengths: float = 1.0
    of_d_parts: float = 1.0


def measured(e: "Sizes") -> Measured:
    """The largest proportions among sampled rows that see anything; if there are none, bounds as they are."""
    sees = e.full_rows(e.sees)
    rows = np.flatnonzero(sees.any(axis=tuple(range(sees.ndim - 1))))
    rows = rows[e.evenly(rows)]
    if e.spec.score != "dot" or not len(rows) or "d_out" not in e.arrays:
        return Measured()
    row, u, u_s = e.worked_out(rows), e.arithmetic.u, e.kept.u
    query, d_out = (np.abs(e.at(rows, x, axis=-2)) for x in (e.query, e.d_out))
    size = np.abs(e.at(rows, e.finite_scale, axis=-2)) * (query @ np.abs(transposed(e.key)))
    of_score = (e.g(e.D) + 4 * u) * size + 4 * u * e.bias_size
    of_d = e.g(e.E) * row.weights * np.abs(row.multipliers) * (d_out @ np.abs(transposed(e.value)))
    in_common = _gathered(row.weights * of_score) + e.g(e.S) + 4 * u * np.log(e.S + 2.0)
    off = row.weights * (of_score + u_s + 4 * u)

    thinned, values = row.weights * row.multipliers, _beside_ones(e.value)
    out = thinned @ values
    of_out = _gathered_products(off * np.abs(row.multipliers), values) + (in_common + e.g(e.S)) * np.abs(out)
    weights = _proportions(of_out, e.multipliers_at_most * _beside_ones(e.largest_values)).max(initial=0.0)

    d_size, mass = e.at(rows, e.d_size)[..., None], (row.weights * np.abs(row.d)).sum(axis=-1, keepdims=True)
    of_mean = _gathered(off * np.abs(row.d)) + _gathered(of_d)
    of_mean = of_mean + in_common * np.abs(row.mean) + e.g(e.S) * mass
    means, of_means = _proportions(of_mean, d_size)[0], _proportions(mass, d_size)[0]
    products = d_out * np.abs(out[..., 1:])  # the mean may come from out, as it was stored
    of_mean = of_mean + u_s * _gathered(products) + e.g(e.E) * products.sum(axis=-1, keepdims=True)
    offs, masses = _of_d_scores(e, row, of_score, of_d, of_mean, in_common, d_size)
    found = (weights, means, offs[0], offs[1], offs[2:].max(initial=0.0))
    sizes = (of_means, masses[0], masses[1], masses[2:].max(initial=0.0))
    return Measured(*(SAFETY * float(x) for x in (*found, *sizes)))


def _of_d_scores(
    e: "Sizes", row: Rows, of_score: Array, of_d: Array, of_mean: Array, in_common: Array, d_size: Array
) -> tuple[Array, Array]:
    """The proportions of Σ_s d_scores w_s, and of the sum of its sizes, for every w."""
    u, u_s, d_lse = e.arithmetic.u, e.kept.u, np.zeros((1, 1, 1, 1)) + e.at(row.rows, e.d_lse)[..., None]
    parts = row.weights * (np.abs(row.d) + np.abs(row.mean) + np.abs(d_lse))
    d_scores = row.weights * (row.d - row.mean + d_lse) * row.slope
    if e.spec.softcap is not None:
        of_score = of_score * (1 + 2 / e.spec.softcap) + 4 * u
    off = row.weights * np.abs(row.d - row.mean) * of_score + of_d
    off = off + (u_s + 4 * u) * (parts + np.abs(d_scores))
    keys = _beside_ones(np.concatenate([np.linalg.norm(e.key, axis=-1, keepdims=True), e.key], axis=-1))
    total = _gathered_products(off, keys) + in_common * np.abs(d_scores @ keys)
    total = total + of_mean * np.abs((row.weights * row.slope) @ keys)
    largest = np.where(e.seen[..., None], np.abs(keys), 0.0).max(axis=-2, keepdims=True, initial=0.0)
    sizes = np.abs(d_scores) @ np.abs(keys)
    return _proportions(total, d_size * largest), _proportions(sizes, d_size * largest)


def _beside_ones(x: Array) -> Array:
    """A column of ones, and x."""
    return np.concatenate([np.ones((*x.shape[:-1], 1)), x], axis=-1)


def _gathered(errors: Array) -> Array:
    """Of independent errors along the last axis, which stays."""
    return _gathered_products(errors, np.ones((errors.shape[-1], 1)))


def _gathered_products(errors: Array, x: Array) -> Array:
    """Of independent errors, each times x, summed over the keys."""
    return np.asarray(np.sqrt((errors * errors) @ (x * x)))


def _proportions(x: Array, bound: Array) -> Array:
    """The largest x / bound of each column."""
    ratio = np.where(bound > 0, x / np.where(bound > 0, bound, 1.0), 0.0)
    return np.asarray(np.max(ratio, axis=tuple(range(ratio.ndim - 1)), initial=0.0))
