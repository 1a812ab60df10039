"""Laws 1 to 10: what sums over whole gradients must come to. Nothing but the given arrays is read.

d_scores is the gradient of scores = scale * query @ keyᵀ. It is L × S and never made: it cancels.
"""

import math
from collections.abc import Iterator

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import transposed
from .evidence import Evidence
from .law import Sides, Undecided, gathered, law, meeting, summed
from .magnitudes import dot
from .measured_errors import Measured


@law(
    1,
    "a shift of all keys",
    "Σ_s d_key_s = Σ_l scale_l r_l query_l, with r_l = d_lse_l; without d_lse that is 0.",
    proof="""\
d_key_s = Σ_l scale_l d_scores_ls query_l, so Σ_s d_key_s = Σ_l scale_l (Σ_s d_scores_ls) query_l. A row
of d_scores = weights * (d - Σ weights * d + d_lse) sums to d_lse, as weights sum to 1: adding c to all
keys adds query_l · c to a whole row, which softmax does not notice, and lse does. A sink holds a share
p of the row that the shift does not move: then r_l = d_lse_l - p (d_lse_l - d_out_l · out_l).""",
    domain="""\
Survives masks, bias, dropout, d_weights and d_lse, rows that see nothing (r = 0), a scale for each row;
sinks if lse is given (p = exp(sinks - lse)) and d_weights are not. Not softcap, whose slope differs
along a row; not a scale that varies along keys.""",
    needs=("dot scores", "d_key"),
    broken_by=("softcap", "sinks without lse", "sinks and d_weights", "a scale that varies along keys"),
)
def _shift_of_all_keys(e: Evidence) -> Iterator[Sides]:
    d_key, query = e.have("d_key"), e.query
    shape = (*d_key.shape[:-2], 1, e.D)
    scale = e.scale.max(axis=-1, initial=0.0) if e.scale.shape[-1] > 1 else e.scale[..., 0]
    right = summed(e.full_rows(scale * e.row_sums)[..., None] * query, shape)
    m, sizes = e.measured, e.reach[..., None] * np.abs(query)
    off = gathered(e.off(m.d_rows)[..., None] * sizes, shape)
    off = off + e.many * summed(e.mass(m.of_d_rows)[..., None] * sizes, shape)
    off = off + gathered(e.rounding("d_key"), shape)
    yield Sides("d_key", summed(d_key, shape), right, off + e.alike(right))


@law(
    2,
    "query against key",
    "<d_query, query> = <d_key, key>, for each key head.",
    proof="""\
Scores do not change if queries grow by a factor c and keys shrink by it; the derivative by c at 1 is
<d_query, query> - <d_key, key>. Both are Σ_ls d_scores_ls scores_ls.""",
    domain="Survives everything: softcap, masks, bias, sinks, dropout, any scale, d_weights, d_lse.",
    needs=("dot scores", "d_query", "d_key"),
)
def _query_against_key(e: Evidence) -> Iterator[Sides]:
    d_query, d_key = e.have("d_query"), e.have("d_key")
    shape = meeting((*d_query.shape[:-3], 1, 1), (*d_key.shape[:-3], 1, 1))
    left, right = dot(d_query, e.query), dot(d_key, e.key)
    allowed = e.twice_computed(shape)
    allowed = allowed + gathered(e.rounding("d_query") * np.abs(e.query), (*shape, 1))[..., 0]
    allowed = allowed + gathered(e.rounding("d_key") * np.abs(e.key), (*shape, 1))[..., 0]
    yield Sides("d_query, d_key", summed(left, shape), summed(right, shape), allowed)


@law(
    3,
    "query and key turned together",
    "d_queryᵀ @ query = keyᵀ @ d_key, for each key head: D × D numbers.",
    proof="""\
query Aᵀ and key A⁻¹ have the same scores for any invertible A; A = 1 + t X gives <d_query, query Xᵀ> =
<d_key, key X> for every X. Both sides are Σ_ls d_products_ls key_s ⊗ query_l. The part that is
antisymmetric is what rotations of query and key together leave alone; the trace is law 2.""",
    domain="Survives everything, as law 2 does. query and key as they are multiplied: rotary is behind them.",
    needs=("dot scores", "d_query", "d_key"),
)
def _turned_together(e: Evidence) -> Iterator[Sides]:
    d_query, d_key, query, key = e.have("d_query"), e.have("d_key"), e.query, e.key
    shape = meeting((*d_query.shape[:-3], 1, e.D, e.D), (*d_key.shape[:-3], 1, e.D, e.D))
    keys = np.where(e.seen[..., None], np.abs(key), 0.0).max(axis=-2, keepdims=True, initial=0.0)
    m = e.measured
    once = 2 * e.reach * e.off(m.d_parts)
    squares = (once * once)[..., None, :] @ e.full_rows(query * query, 1)
    certain = e.many * (e.reach * e.mass(m.of_d_parts))[..., None, :] @ np.abs(e.full_rows(query, 1))
    allowed = 4 * np.sqrt(summed(transposed(keys * keys) * squares, shape))
    allowed = allowed + summed(transposed(keys) * certain, shape)
    allowed = allowed + _product_rounding(e.rounding("d_query"), query, shape)
    allowed = allowed + transposed(_product_rounding(e.rounding("d_key"), key, shape))
    left, right = transposed(d_query) @ query, transposed(key) @ d_key
    yield Sides("d_query, d_key", summed(left, shape), summed(right, shape), allowed)


def _product_rounding(rounding: Array, x: Array, shape: tuple[int, ...]) -> Array:
    """What rounding, independent from entry to entry, does to roundedᵀ @ x, summed to `shape`."""
    return np.asarray(4 * np.sqrt(summed(transposed(rounding * rounding) @ (x * x), shape)))


@law(
    4,
    "a shift of all values",
    "Σ_s d_value_s = Σ_l d_out_l, over the rows that see something and the query heads of a group.",
    proof="""\
d_value_s = Σ_l weights_ls d_out_l, and weights_l sum to 1: adding c to all values adds c to every
output. With a sink that takes a share p_l, they sum to 1 - p_l.""",
    domain="""\
Survives softcap, masks, bias, any scale, any scores, d_weights, d_lse; rows that see nothing do not
count; sinks if lse is given (p = exp(sinks - lse)). Not dropout, after which a row no longer sums to 1.""",
    needs=("d_value", "d_out"),
    broken_by=("dropout", "sinks without lse"),
)
def _shift_of_all_values(e: Evidence) -> Iterator[Sides]:
    d_value, d_out = e.have("d_value"), e.d_out
    shape = (*d_value.shape[:-2], 1, e.E)
    share = np.where(e.sees, 1 - e.sink_share, 0.0)
    right = summed(e.full_rows(share)[..., None] * d_out, shape)
    off = gathered(np.where(e.sees, e.weights_off, 0.0)[..., None] * np.abs(d_out), shape)
    off = off + e.many * summed(np.abs(e.full_rows(d_out, 1)), shape)
    off = off + gathered(e.rounding("d_value"), shape)
    yield Sides("d_value", summed(d_value, shape), right, off + e.alike(right))


@law(
    5,
    "values against output",
    "<d_value, value> = <d_out, out>, for each key head.",
    proof="""\
out is linear in value: if values grow by a factor c, so does out, and the derivative by c at 1 is
<d_out, out> = <d_value, value>. Both are Σ_ls thinned_ls d_out_l · value_s.""",
    domain="Survives everything: any scores and weights whatever, sinks, dropout, d_weights, d_lse.",
    needs=("d_value", "out", "d_out"),
)
def _values_against_output(e: Evidence) -> Iterator[Sides]:
    d_value, out = e.have("d_value"), e.have("out")
    shape = meeting((*e.batch, e.G, 1, 1), (*d_value.shape[:-3], 1, 1))
    mass = e.full_rows(e.mass(e.measured.of_means))
    allowed = gathered(2 * e.full_rows(e.means_off), shape) + (e.many + e.g(e.E)) * summed(mass, shape)
    allowed = allowed + gathered(e.rounding("d_value") * np.abs(e.value), (*shape, 1))[..., 0]
    allowed = allowed + gathered(e.rounding("out") * np.abs(e.d_out), (*shape, 1))[..., 0]
    left, right = dot(d_value, e.value), dot(e.d_out, out)
    left, right = summed(left, shape), summed(right, shape)
    yield Sides("d_value, out", left, right, allowed + e.alike(right))


@law(
    6,
    "values mixed",
    "valueᵀ @ d_value = outᵀ @ d_out, for each key head: E × E numbers.",
    proof="""\
out is linear in value, so value A gives out A for any matrix A. A = 1 + t X gives <d_value, value X> =
<d_out, out X> for every X. Both sides are Σ_ls thinned_ls value_s ⊗ d_out_l; the trace is law 5.""",
    domain="Survives everything, as law 5 does.",
    needs=("d_value", "out", "d_out"),
)
def _values_mixed(e: Evidence) -> Iterator[Sides]:
    d_value, out, d_out = e.have("d_value"), e.have("out"), e.d_out
    shape = meeting((*e.batch, e.G, 1, e.E, e.E), (*d_value.shape[:-3], 1, e.E, e.E))
    values, thinned = transposed(e.largest_values), e.multipliers_at_most * np.where(e.sees, 1.0, 0.0)
    off = 2 * e.weights_off * thinned
    squares = (off * off)[..., None, :] @ e.full_rows(d_out * d_out, 1)
    certain = e.many * e.full_rows(thinned)[..., None, :] @ np.abs(e.full_rows(d_out, 1))
    allowed = 4 * np.sqrt(summed(values * values * squares, shape)) + summed(values * certain, shape)
    allowed = allowed + transposed(_product_rounding(e.rounding("d_value"), e.value, shape))
    allowed = allowed + _product_rounding(e.rounding("out"), d_out, shape)
    left, right = transposed(e.value) @ d_value, transposed(out) @ d_out
    left, right = summed(left, shape), summed(right, shape)
    yield Sides("d_value, out", left, right, allowed + e.alike(right))


@law(
    7,
    "scale against query",
    "Σ_s scale d_scale = d_query · query, summed over the heads and rows that have one scale in common.",
    proof="""\
scores = scale * (query · key), so d_scale_ls = d_scores_ls (query_l · key_s), and scale_ls d_scale_ls
summed over s is d_query_l · query_l: a scale that grows is a query that grows.""",
    domain="Survives everything. It needs a scale with a gradient.",
    needs=("dot scores", "d_query", "d_scale", "scale"),
)
def _scale_against_query(e: Evidence) -> Iterator[Sides]:
    d_query, d_scale = e.have("d_query"), e.have("d_scale")
    terms = np.where(d_scale == 0, 0.0, e.scale * d_scale)
    shape = meeting(terms.shape[:-1], d_query.shape[:-1])
    allowed = e.twice_computed(shape, terms=e.L * e.S)
    allowed = allowed + gathered(np.abs(e.finite_scale) * e.rounding("d_scale"), (*shape, 1))[..., 0]
    allowed = allowed + gathered(e.rounding("d_query") * np.abs(e.query), (*shape, 1))[..., 0]
    left, right = terms.sum(axis=-1), dot(d_query, e.query)
    yield Sides("d_scale, d_query", summed(left, shape), summed(right, shape), allowed)


@law(
    8,
    "a bias constant along a row",
    "Σ_s d_bias_ls = d_lse_l, 0 without it; with sinks Σ_ls d_bias + d_sinks = Σ_l d_lse, for each head.",
    proof="""\
A number added to a whole row, its sink included, leaves the weights as they are and moves lse by as
much. What is broadcast in a bias is summed in its gradient, and so are both sides.""",
    domain="""\
Survives everything, softcap too, for the bias comes behind it. Of na.relative the table's gradient is
summed; na.alibi has no direction that is constant along a row.""",
    needs=("d_bias",),
)
def _constant_along_a_row(e: Evidence) -> Iterator[Sides]:
    d_bias, d_sinks = e.have("d_bias"), e.array("d_sinks")
    if e.sinks is not None and (reason := e.lacks("d_sinks")):
        raise Undecided(reason)
    left = d_bias.sum(axis=-1)
    shape, rounding = left.shape, e.rounding("d_bias")
    allowed = np.zeros(shape)
    if d_sinks is not None:
        shape = meeting((*left.shape[:-1], 1), (*d_sinks.shape, 1))
        left = summed(left, shape) + summed(d_sinks[..., None], shape)
        allowed = gathered(e.rounding("d_sinks")[..., None], shape)
    d_lse = e.full_rows(np.where(e.alive, e.d_lse, 0.0))
    m = Measured() if shape[-1] > 1 else e.measured  # rows that stand alone may be unlike the measured ones
    allowed = allowed + gathered(rounding, (*shape, 1))[..., 0]
    allowed = allowed + gathered(e.full_rows(e.off(m.d_rows)), shape)
    allowed = allowed + (e.many + e.g(e.L)) * summed(e.full_rows(e.mass(m.of_d_rows)), shape)
    right = summed(d_lse, shape)
    yield Sides("d_bias", left, right, allowed + e.alike(right))


@law(
    9,
    "what a sink gets",
    "d_sinks = Σ_l p_l (d_lse_l - d_out_l · out_l), with the sink's share p_l = exp(sinks - lse_l).",
    proof="""\
The sink is a column of scores with weight p and value 0: d_sink = p (0 - Σ_s weights_s d_weights_s +
d_lse), and Σ_s weights_s d_weights_s = Σ_s thinned_s d_out · value_s = d_out · out.""",
    domain="Survives softcap, masks, bias, any scale, dropout, d_lse, rows that see nothing. Not d_weights.",
    needs=("d_sinks", "lse", "out", "d_out"),
    broken_by=("d_weights",),
)
def _what_a_sink_gets(e: Evidence) -> Iterator[Sides]:
    d_sinks, out = e.have("d_sinks")[..., None], e.have("out")
    shape = meeting(d_sinks.shape, (*e.batch, e.G, e.n, 1))
    share = e.full_rows(e.sink_share)
    right = summed(share * (np.where(e.alive, e.d_lse, 0.0) - dot(e.d_out, out)), shape)
    allowed = gathered(share * (e.d_off + dot(np.abs(e.d_out), e.rounding("out"))), shape)
    allowed = allowed + gathered(share * e.d_size * np.where(e.alive, e.rounding("lse"), 0.0), shape)
    allowed = allowed + e.g(math.prod(share.shape)) * summed(share * e.d_size, shape)
    allowed = allowed + gathered(e.rounding("d_sinks")[..., None], shape) + e.alike(right)
    yield Sides("d_sinks", summed(d_sinks, shape), right, allowed)


@law(
    10,
    "d_out is shared out",
    "Σ_s |d_value_se| ≤ m Σ_l |d_out_le|, m the largest multiplier of dropout, 1 without.",
    proof="d_value_s = Σ_l thinned_ls d_out_l, thinned is not negative, and Σ_s thinned_ls ≤ m.",
    domain="Survives everything. It is what is left of law 4 under dropout, and under sinks without lse.",
    needs=("d_value", "d_out"),
)
def _shared_out(e: Evidence) -> Iterator[Sides]:
    d_value = e.have("d_value")
    shape = (*d_value.shape[:-2], 1, e.E)
    d_out = e.multipliers_at_most * np.where(e.sees[..., None], np.abs(e.full_rows(e.d_out, 1)), 0.0)
    off = gathered(e.weights_off[..., None] * d_out, shape) + e.many * summed(d_out, shape)
    right = summed(d_out, shape)
    allowed = off + summed(e.rounding("d_value"), shape) + e.alike(right)
    yield Sides("d_value", summed(np.abs(d_value), shape), right, allowed, "≤")


GRADIENT_LAWS = (
    _shift_of_all_keys, _query_against_key, _turned_together, _shift_of_all_values, _values_against_output,
    _values_mixed, _scale_against_query, _constant_along_a_row, _what_a_sink_gets, _shared_out,
)  # fmt: skip
