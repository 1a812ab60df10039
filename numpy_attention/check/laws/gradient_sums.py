"""Laws 1 to 10: sums over whole gradients, checked on the given arrays alone.

d_scores is the gradient of scores = scale * query @ keyᵀ. It is L × S and never computed: it cancels.
"""

import math
from collections.abc import Iterator

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import transposed, unbroadcast
from .domain import Feature, InsufficientEvidence, Need
from .evidence import Evidence
from .law import Sides, law
from .sums import common_shape, dot, quadrature_sum


@law(
    1,
    "a shift of all keys",
    "Σ_s d_key_s = Σ_l scale_l r_l query_l, with r_l = d_lse_l; without d_lse that is 0.",
    proof="""\
d_key_s = Σ_l scale_l d_scores_ls query_l, so Σ_s d_key_s = Σ_l scale_l (Σ_s d_scores_ls) query_l. A row
of d_scores = weights * (d - Σ weights * d + d_lse) sums to d_lse, as weights sum to 1: adding c to all
keys adds query_l · c to a whole row, which changes lse and leaves softmax as it is. A sink holds a share
p of the row that the shift does not move: then r_l = d_lse_l - p (d_lse_l - d_out_l · out_l).""",
    domain="""\
Holds with masks, bias, dropout, d_weights and d_lse, fully masked rows (r = 0), a scale for each row;
sinks if lse is given (p = exp(sinks - lse)) and d_weights are not. Not softcap, whose slope differs
along a row; not a scale that varies along keys.""",
    needs=(Need.DOT_SCORES, Need.D_KEY),
    broken_by=(Feature.SOFTCAP, Feature.SINKS_WITHOUT_LSE, Feature.SINKS_AND_D_WEIGHTS, Feature.SCALE_BY_KEY),
)
def _shift_of_all_keys(e: Evidence) -> Iterator[Sides]:
    call, bounds, m = e.call, e.bounds, e.measured
    d_key, query, scale = call.require("d_key"), call.query, call.scale
    shape = (*d_key.shape[:-2], 1, call.D)
    scale = scale.max(axis=-1, initial=0.0) if scale.shape[-1] > 1 else scale[..., 0]
    right = unbroadcast(call.all_rows(scale * call.row_sums)[..., None] * query, shape)
    sizes = bounds.reach[..., None] * np.abs(query)
    error = quadrature_sum(bounds.error_at(m.d_rows)[..., None] * sizes, shape)
    error = error + bounds.g_longest * unbroadcast(bounds.mass_at(m.of_d_rows)[..., None] * sizes, shape)
    error = error + quadrature_sum(bounds.rounding("d_key"), shape)
    yield Sides("d_key", unbroadcast(d_key, shape), right, error + bounds.common_rounding(right))


@law(
    2,
    "query against key",
    "<d_query, query> = <d_key, key>, for each key head.",
    proof="""\
Scores do not change if queries grow by a factor c and keys shrink by it; the derivative by c at 1 is
<d_query, query> - <d_key, key>. Both are Σ_ls d_scores_ls scores_ls.""",
    domain="Holds with every option: softcap, masks, bias, sinks, dropout, any scale, d_weights, d_lse.",
    needs=(Need.DOT_SCORES, Need.D_QUERY, Need.D_KEY),
)
def _query_against_key(e: Evidence) -> Iterator[Sides]:
    query, key = e.call.query, e.call.key
    d_query, d_key = e.call.require("d_query"), e.call.require("d_key")
    shape = common_shape((*d_query.shape[:-3], 1, 1), (*d_key.shape[:-3], 1, 1))
    left, right = unbroadcast(dot(d_query, query), shape), unbroadcast(dot(d_key, key), shape)
    allowed = e.two_way_error(shape) + e.bounds.dot_rounding("d_query", query, shape)
    allowed = allowed + e.bounds.dot_rounding("d_key", key, shape)
    yield Sides("d_query, d_key", left, right, allowed)


@law(
    3,
    "query and key turned together",
    "d_queryᵀ @ query = keyᵀ @ d_key, for each key head: D × D numbers.",
    proof="""\
query Aᵀ and key A⁻¹ have the same scores for any invertible A; A = 1 + t X gives <d_query, query Xᵀ> =
<d_key, key X> for every X. Both sides are Σ_ls d_products_ls key_s ⊗ query_l. The part that is
antisymmetric says that rotations of query and key together leave the scores alone; the trace is law 2.""",
    domain="Holds with every option, as law 2 does. query and key are those multiplied, after rotary.",
    needs=(Need.DOT_SCORES, Need.D_QUERY, Need.D_KEY),
)
def _turned_together(e: Evidence) -> Iterator[Sides]:
    call, bounds, m, query, key = e.call, e.bounds, e.measured, e.call.query, e.call.key
    d_query, d_key = call.require("d_query"), call.require("d_key")
    shape = common_shape((*d_query.shape[:-3], 1, call.D, call.D), (*d_key.shape[:-3], 1, call.D, call.D))
    keys = np.where(call.unmasked_keys[..., None], np.abs(key), 0.0).max(axis=-2, keepdims=True, initial=0.0)
    once = 2 * bounds.reach * bounds.error_at(m.d_parts)
    squares = (once * once)[..., None, :] @ call.all_rows(query * query, 1)
    mass = bounds.reach * bounds.mass_at(m.of_d_parts)
    certain = bounds.g_longest * mass[..., None, :] @ np.abs(call.all_rows(query, 1))
    allowed = 4 * np.sqrt(unbroadcast(transposed(keys * keys) * squares, shape))
    allowed = allowed + unbroadcast(transposed(keys) * certain, shape)
    allowed = allowed + _product_rounding(bounds.rounding("d_query"), query, shape)
    allowed = allowed + transposed(_product_rounding(bounds.rounding("d_key"), key, shape))
    left, right = transposed(d_query) @ query, transposed(key) @ d_key
    yield Sides("d_query, d_key", unbroadcast(left, shape), unbroadcast(right, shape), allowed)


def _product_rounding(rounding: Array, x: Array, shape: tuple[int, ...]) -> Array:
    """Error of roundedᵀ @ x, summed to `shape`, from independent rounding of every entry."""
    return np.asarray(4 * np.sqrt(unbroadcast(transposed(rounding * rounding) @ (x * x), shape)))


@law(
    4,
    "a shift of all values",
    "Σ_s d_value_s = Σ_l d_out_l, over the rows with a visible key and the query heads of a group.",
    proof="""\
d_value_s = Σ_l weights_ls d_out_l, and weights_l sum to 1: adding c to all values adds c to every
output. Beside a sink that takes a share p_l of the row, they sum to 1 - p_l.""",
    domain="""\
Holds with softcap, masks, bias, any scale, any scores, d_weights, d_lse; fully masked rows add 0; sinks
if lse is given (p = exp(sinks - lse)). Not dropout, after which a row no longer sums to 1.""",
    needs=(Need.D_VALUE, Need.D_OUT),
    broken_by=(Feature.DROPOUT, Feature.SINKS_WITHOUT_LSE),
)
def _shift_of_all_values(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    d_value, d_out, unmasked = call.require("d_value"), call.d_out, call.unmasked_rows
    shape = (*d_value.shape[:-2], 1, call.E)
    share = np.where(unmasked, 1 - call.sink_share, 0.0)
    right = unbroadcast(call.all_rows(share)[..., None] * d_out, shape)
    error = quadrature_sum(np.where(unmasked, e.out_error, 0.0)[..., None] * np.abs(d_out), shape)
    error = error + bounds.g_longest * unbroadcast(np.abs(call.all_rows(d_out, 1)), shape)
    error = error + quadrature_sum(bounds.rounding("d_value"), shape)
    yield Sides("d_value", unbroadcast(d_value, shape), right, error + bounds.common_rounding(right))


@law(
    5,
    "values against output",
    "<d_value, value> = <d_out, out>, for each key head.",
    proof="""\
out is linear in value: if all values grow by a factor c, so does out, and the derivative by c at 1 is
<d_value, value> = <d_out, out>. Both are Σ_ls thinned_ls d_out_l · value_s.""",
    domain="Holds with every option: any scores and weights whatever, sinks, dropout, d_weights, d_lse.",
    needs=(Need.D_VALUE, Need.OUT, Need.D_OUT),
)
def _values_against_output(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    d_value, out, value, d_out = call.require("d_value"), call.require("out"), call.value, call.d_out
    shape = common_shape((*call.batch, call.G, 1, 1), (*d_value.shape[:-3], 1, 1))
    mass = unbroadcast(call.all_rows(bounds.mass_at(e.measured.of_means)), shape)
    allowed = quadrature_sum(2 * call.all_rows(e.mean_error), shape)
    allowed = allowed + (bounds.g_longest + bounds.g(call.E)) * mass
    allowed = allowed + bounds.dot_rounding("d_value", value, shape)
    allowed = allowed + bounds.dot_rounding("out", d_out, shape)
    left, right = unbroadcast(dot(d_value, value), shape), unbroadcast(dot(d_out, out), shape)
    yield Sides("d_value, out", left, right, allowed + bounds.common_rounding(right))


@law(
    6,
    "values mixed",
    "valueᵀ @ d_value = outᵀ @ d_out, for each key head: E × E numbers.",
    proof="""\
out is linear in value, so value A gives out A for any matrix A. A = 1 + t X gives <d_value, value X> =
<d_out, out X> for every X. Both sides are Σ_ls thinned_ls value_s ⊗ d_out_l; the trace is law 5.""",
    domain="Holds with every option, as law 5 does.",
    needs=(Need.D_VALUE, Need.OUT, Need.D_OUT),
)
def _values_mixed(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    d_value, out, value, d_out = call.require("d_value"), call.require("out"), call.value, call.d_out
    shape = common_shape((*call.batch, call.G, 1, call.E, call.E), (*d_value.shape[:-3], 1, call.E, call.E))
    values = transposed(bounds.largest_values)
    thinned = bounds.largest_multiplier * np.where(call.unmasked_rows, 1.0, 0.0)
    error = 2 * e.out_error * thinned
    squares = (error * error)[..., None, :] @ call.all_rows(d_out * d_out, 1)
    certain = bounds.g_longest * call.all_rows(thinned)[..., None, :] @ np.abs(call.all_rows(d_out, 1))
    allowed = 4 * np.sqrt(unbroadcast(values * values * squares, shape))
    allowed = allowed + unbroadcast(values * certain, shape)
    allowed = allowed + transposed(_product_rounding(bounds.rounding("d_value"), value, shape))
    allowed = allowed + _product_rounding(bounds.rounding("out"), d_out, shape)
    left, right = transposed(value) @ d_value, transposed(out) @ d_out
    left, right = unbroadcast(left, shape), unbroadcast(right, shape)
    yield Sides("d_value, out", left, right, allowed + bounds.common_rounding(right))


@law(
    7,
    "scale against query",
    "Σ_s scale d_scale = d_query · query, summed over the heads and rows that have one scale in common.",
    proof="""\
scores_ls = scale_ls (query_l · key_s), so d_scale_ls = d_scores_ls (query_l · key_s), and
Σ_s scale_ls d_scale_ls = d_query_l · query_l: a larger scale acts like a longer query.""",
    domain="Holds with every option. It needs a scale with a gradient.",
    needs=(Need.DOT_SCORES, Need.D_QUERY, Need.D_SCALE, Need.SCALE),
)
def _scale_against_query(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    d_query, d_scale = call.require("d_query"), call.require("d_scale")
    terms = np.where(d_scale == 0, 0.0, call.scale * d_scale)
    shape = common_shape(terms.shape[:-1], d_query.shape[:-1])
    allowed = e.two_way_error(shape, terms=call.L * call.S)
    allowed = allowed + bounds.dot_rounding("d_scale", call.finite_scale, shape)
    allowed = allowed + bounds.dot_rounding("d_query", call.query, shape)
    left, right = terms.sum(axis=-1), dot(d_query, call.query)
    yield Sides("d_scale, d_query", unbroadcast(left, shape), unbroadcast(right, shape), allowed)


@law(
    8,
    "a bias constant along a row",
    "Σ_s d_bias_ls = d_lse_l, 0 without it; with sinks Σ_ls d_bias + d_sinks = Σ_l d_lse, for each head.",
    proof="""\
A number added to a whole row, its sink included, leaves the weights as they are and moves lse by as
much. Where a bias is broadcast its gradient is summed, and so are both sides.""",
    domain="""\
Holds with every option, softcap too, because the bias is added after it. For na.relative the table's gradient
is summed; not for na.alibi, as no change of its slopes adds a constant to a row.""",
    needs=(Need.D_BIAS,),
)
def _constant_along_a_row(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    d_bias, d_sinks = call.require("d_bias"), call.array("d_sinks")
    if call.sinks is not None and (reason := e.missing(Need.D_SINKS)):
        raise InsufficientEvidence(reason)
    left = d_bias.sum(axis=-1)
    shape = left.shape
    allowed = np.zeros(shape)
    if d_sinks is not None:
        shape = common_shape((*left.shape[:-1], 1), (*d_sinks.shape, 1))
        left = unbroadcast(left, shape) + unbroadcast(d_sinks[..., None], shape)
        allowed = quadrature_sum(bounds.rounding("d_sinks")[..., None], shape)
    right = unbroadcast(call.all_rows(np.where(call.alive, call.d_lse, 0.0)), shape)
    allowed = allowed + quadrature_sum(bounds.rounding("d_bias"), (*shape, 1))[..., 0]
    allowed = allowed + e.rows_error(shape, terms=call.L)
    yield Sides("d_bias", left, right, allowed + bounds.common_rounding(right))


@law(
    9,
    "the gradient of a sink",
    "d_sinks = Σ_l p_l (d_lse_l - d_out_l · out_l), with the sink's share p_l = exp(sinks - lse_l).",
    proof="""\
The sink is a column of scores with weight p and value 0: d_sink = p (0 - Σ_s weights_s d_weights_s +
d_lse), and Σ_s weights_s d_weights_s = Σ_s thinned_s d_out · value_s = d_out · out.""",
    domain="Holds with softcap, masks, bias, any scale, dropout, d_lse, fully masked rows. Not d_weights.",
    needs=(Need.D_SINKS, Need.LSE, Need.OUT, Need.D_OUT),
    broken_by=(Feature.D_WEIGHTS,),
)
def _sink_gradient(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    d_sinks, out, d_out = call.require("d_sinks")[..., None], call.require("out"), call.d_out
    shape = common_shape(d_sinks.shape, (*call.batch, call.G, call.n, 1))
    share = call.all_rows(call.sink_share)
    right = unbroadcast(share * (np.where(call.alive, call.d_lse, 0.0) - dot(d_out, out)), shape)
    of_d = bounds.d_error + dot(np.abs(d_out), bounds.rounding("out"))
    of_lse = bounds.d_size * np.where(call.alive, bounds.rounding("lse"), 0.0)
    allowed = quadrature_sum(share * of_d, shape) + quadrature_sum(share * of_lse, shape)
    allowed = allowed + bounds.g(math.prod(share.shape)) * unbroadcast(share * bounds.d_size, shape)
    allowed = allowed + quadrature_sum(bounds.rounding("d_sinks")[..., None], shape)
    yield Sides("d_sinks", unbroadcast(d_sinks, shape), right, allowed + bounds.common_rounding(right))


@law(
    10,
    "d_value is bounded by d_out",
    "Σ_s |d_value_se| ≤ m Σ_l |d_out_le|, m the largest multiplier of dropout, 1 without.",
    proof="d_value_s = Σ_l thinned_ls d_out_l, thinned is not negative, and Σ_s thinned_ls ≤ m.",
    domain="Holds with every option. It replaces law 4 under dropout, and under sinks without lse.",
    needs=(Need.D_VALUE, Need.D_OUT),
)
def _d_value_bound(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    d_value, unmasked = call.require("d_value"), call.unmasked_rows[..., None]
    shape = (*d_value.shape[:-2], 1, call.E)
    d_out = bounds.largest_multiplier * np.where(unmasked, np.abs(call.all_rows(call.d_out, 1)), 0.0)
    right = unbroadcast(d_out, shape)
    allowed = quadrature_sum(e.out_error[..., None] * d_out, shape) + bounds.g_longest * right
    allowed = allowed + unbroadcast(bounds.rounding("d_value"), shape) + bounds.common_rounding(right)
    yield Sides("d_value", unbroadcast(np.abs(d_value), shape), right, allowed, "≤")


GRADIENT_LAWS = (
    _shift_of_all_keys, _query_against_key, _turned_together, _shift_of_all_values, _values_against_output,
    _values_mixed, _scale_against_query, _constant_along_a_row, _sink_gradient, _d_value_bound,
)  # fmt: skip
