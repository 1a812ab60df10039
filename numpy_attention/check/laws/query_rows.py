"""Laws 15 to 21: sampled query rows, each in one pass over the keys.

Laws 16 to 21 read weights or d_scores of those rows; laws 20 and 21 concern concat scores,
activation(query · w + key · w'), which is additive attention without its vector.
"""

from collections.abc import Iterator

import numpy as np

from ...functional.base.admission import Array
from .domain import Feature, Need
from .evidence import Evidence
from .law import Sides, law


@law(
    15,
    "lse between two bounds",
    "max(max_s score, mean_s score + log n) ≤ lse ≤ max_s score + log n, over the n visible keys of a row.",
    proof="""\
Σ exp(score) has n terms: it is at least the largest of them and at most n times that. And exp is
convex, so log of the mean of exp(score) is at least the mean score (Jensen).""",
    domain="Holds with softcap, masks, bias, any scale, dropout; a sink is one score more. For sampled rows.",
    needs=(Need.DOT_SCORES, Need.LSE),
)
def _lse_between(e: Evidence) -> Iterator[Sides]:
    call, rows, bounds = e.call, e.rows, e.bounds
    scores, lse = rows.masked, rows.of(call.require("lse"))
    if call.sinks is not None:
        sinks = np.broadcast_to(call.sinks[..., None, None], (*lse.shape, 1))
        scores = np.concatenate([np.broadcast_to(scores, (*lse.shape, call.S)), sinks], axis=-1)
    visible = ~np.isneginf(scores)
    n = visible.sum(axis=-1)
    some = n > 0
    log_n = np.log(np.maximum(n, 1))
    top = np.where(some, scores.max(axis=-1, initial=-np.inf), 0.0)
    mean = np.where(visible, scores, 0.0).sum(axis=-1) / np.maximum(n, 1)
    lse = np.where(some, lse, 0.0)
    allowed = bounds.score_error(rows.of(bounds.score_size)) + bounds.g(call.S + 1)
    allowed = allowed + rows.of(bounds.rounding("lse")) + 4 * bounds.arithmetic.u * (np.abs(top) + log_n)
    yield Sides("lse", lse, np.where(some, top + log_n, 0.0), allowed, "≤")
    yield Sides("lse", lse, np.where(some, np.maximum(top, mean + log_n), 0.0), allowed, "≥")


@law(
    16,
    "weights sum to 1",
    "weights ≥ 0; Σ_s weights_ls = 1, or 1 - exp(sinks - lse) with a sink; 0 where masked.",
    proof="weights_ls = exp(score_ls) / Σ_t exp(score_lt), hidden scores being -inf, the sink one of the t.",
    domain="""\
Holds with every option, for weights are those before dropout. With sinks but without lse the sum is at most
1; a fully masked row sums to 0. For sampled rows.""",
    needs=(Need.WEIGHTS,),
)
def _weights_sum_to_one(e: Evidence) -> Iterator[Sides]:
    call, rows, bounds = e.call, e.rows, e.bounds
    weights, stored, zero = rows.given("weights"), bounds.precision_of("weights"), np.zeros(())
    total, unmasked = weights.sum(axis=-1), rows.of(call.unmasked_rows)
    allowed = bounds.weight_error_at(zero) if call.sinks is None else rows.of(bounds.weight_error)
    allowed = np.where(unmasked, allowed + stored.u + call.S * stored.tiny, 0.0)
    expected = np.where(unmasked, 1 - rows.of(call.sink_share), 0.0)
    relation = "≤" if call.sinks is not None and "lse" not in call.arrays else "="
    yield Sides("weights", total, expected, allowed, relation)
    yield Sides("weights", weights, zero, zero, "≥")
    yield Sides("weights", np.where(rows.visible, 0.0, weights), zero, zero)


@law(
    17,
    "the ratio of two weights",
    "weights_ls / weights_lt = exp(score_ls - score_lt), whatever the other keys are.",
    proof="Σ exp(score) cancels between numerator and denominator (Luce's choice axiom, 1959).",
    domain="""\
Holds with softcap, masks, bias, any scale, sinks, dropout; t is the key with the highest score. A row whose
weights all vanish beside a sink decides nothing. For sampled rows.""",
    needs=(Need.DOT_SCORES, Need.WEIGHTS),
)
def _ratio_of_two_weights(e: Evidence) -> Iterator[Sides]:
    call, rows, bounds = e.call, e.rows, e.bounds
    weights = rows.given("weights")
    scores = np.broadcast_to(rows.masked, weights.shape)
    if not call.S:
        return
    peak = scores.argmax(axis=-1)[..., None]
    top = np.take_along_axis(scores, peak, axis=-1)
    ratio = np.exp(scores - np.where(np.isneginf(top), 0.0, top))
    right = np.take_along_axis(weights, peak, axis=-1) * ratio
    u, tiny = bounds.precision_of("weights")
    score_error = rows.of(bounds.score_error(bounds.score_size))[..., None]
    error = np.minimum(1.0, 2 * score_error + bounds.g(call.S) + 2 * u)
    below = 4 * bounds.arithmetic.u * np.where(np.isfinite(scores), np.abs(scores - top), 0.0)
    allowed = (error + below) * np.maximum(right, weights) + 2 * tiny
    yield Sides("weights", weights, right, allowed)


@law(
    18,
    "rows of d_scores",
    "Σ_s d_scores_ls = d_lse_l, 0 without it; minus the sink's part p (d_lse - d_out · out) if there is one.",
    proof="d_scores = weights * (d - Σ weights * d + d_lse), and weights sum to 1, beside a sink to 1 - p.",
    domain="""\
Holds with masks, bias, any scores, any scale, dropout, d_weights, d_lse; sinks if lse is given and
d_weights are not. Not softcap, whose slope differs along a row. For sampled rows.""",
    needs=(Need.D_SCORES, Need.D_OUT),
    broken_by=(Feature.SOFTCAP, Feature.SINKS_WITHOUT_LSE, Feature.SINKS_AND_D_WEIGHTS),
)
def _rows_of_d_scores(e: Evidence) -> Iterator[Sides]:
    call, rows, bounds = e.call, e.rows, e.bounds
    d_scores, stored = rows.given("d_scores"), bounds.precision_of("d_scores")
    allowed = rows.of(bounds.d_error) + (bounds.g(call.S) + bounds.g(call.E)) * rows.of(bounds.d_size)
    allowed = allowed + stored.u * np.abs(d_scores).sum(axis=-1) + call.S * stored.tiny
    yield Sides("d_scores", d_scores.sum(axis=-1), rows.of(call.all_rows(call.row_sums)), allowed)


@law(
    19,
    "bounded scores, bounded weights",
    "No weight exceeds r / (r + n - 1), r = exp(span), if n scores of a row differ by span at most.",
    proof="""\
weight_s = 1 / (1 + Σ_{t≠s} exp(score_t - score_s)), and each of the n - 1 terms is at least exp(-span).
span is 2 softcap; 1 for concat scores with a sigmoid: e / (e + n - 1); 2 with tanh: e² / (e² + n - 1).""",
    domain="""\
Holds with masks, any scale, sinks (which lower all weights), dropout, a bias constant along keys. Not a
bias that varies along keys. For sampled rows.""",
    needs=(Need.WEIGHTS, Need.BOUNDED_SCORES),
    broken_by=(Feature.BIAS_BY_KEY,),
)
def _bounded_weights(e: Evidence) -> Iterator[Sides]:
    bounds, span = e.bounds, e.bounds.span
    weights, n = e.rows.given("weights"), e.rows.visible.sum(axis=-1)
    bound = np.where(n > 0, 1 / (1 + np.maximum(n - 1, 0) * np.exp(-span)), 0.0)
    score_error = e.rows.of(bounds.score_error(np.minimum(bounds.score_size, span)))
    error = bounds.weight_error_at(score_error) + bounds.precision_of("weights").u
    yield Sides("weights", weights.max(axis=-1, initial=0.0), bound, error * bound, "≤")


@law(
    20,
    "concat scores rank the keys alike",
    "With a monotone activation, every query ranks the keys in the same order.",
    proof="""\
score_ls = activation(a_l + b_s) never falls where b_s rises, whatever a_l is, and softmax keeps the
order of scores. Attention of this kind cannot choose a key by its query (Brody, Alon, Yahav 2022,
theorem 1).""",
    domain="Holds with softcap and sinks. Not masks or a bias that varies along keys. For sampled rows.",
    needs=(Need.CONCAT_SCORES, Need.WEIGHTS, Need.TWO_SAMPLED_ROWS),
    broken_by=(Feature.MASK, Feature.BIAS_BY_KEY),
)
def _ranked_alike(e: Evidence) -> Iterator[Sides]:
    weights = e.rows.given("weights")
    logs = np.log(np.maximum(weights, np.finfo(float).tiny))
    order = np.argsort(logs.mean(axis=-2, keepdims=True), axis=-1, kind="stable")
    ranked = np.take_along_axis(weights, order, axis=-1)
    falls = ranked[..., :-1] - ranked[..., 1:]
    allowed = 2 * len(e.rows) * _relative_error(e) * ranked[..., :-1]
    yield Sides("weights", falls, np.zeros(()), allowed, "≤")


@law(
    21,
    "identity concat scores ignore the query",
    "With the identity as activation, all rows of weights are equal.",
    proof="score_ls = a_l + b_s, and softmax does not depend on a_l, which a whole row shares.",
    domain="""\
Holds with a bias that all rows share. Not masks; a bias that varies along queries; softcap, which is not
linear in a_l + b_s; or sinks, which a_l does not shift. For sampled rows.""",
    needs=(Need.CONCAT_SCORES, Need.IDENTITY_ACTIVATION, Need.WEIGHTS, Need.TWO_SAMPLED_ROWS),
    broken_by=(Feature.MASK, Feature.BIAS_BY_QUERY, Feature.SOFTCAP, Feature.SINKS),
)
def _rows_equal(e: Evidence) -> Iterator[Sides]:
    weights = e.rows.given("weights")
    yield Sides("weights", weights, weights[..., :1, :], 2 * _relative_error(e) * weights[..., :1, :])


def _relative_error(e: Evidence) -> Array:
    """Relative error bound of the sampled rows' weights, (..., R, 1)."""
    return (e.rows.of(e.bounds.weight_error) + e.bounds.precision_of("weights").u)[..., None]


SAMPLE_LAWS = (
    _lse_between, _weights_sum_to_one, _ratio_of_two_weights, _rows_of_d_scores, _bounded_weights,
    _ranked_alike, _rows_equal,
)  # fmt: skip
