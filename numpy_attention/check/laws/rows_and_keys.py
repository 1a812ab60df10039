"""Laws 11 to 14: each single row and key, from the number of keys or rows visible to it."""

from collections.abc import Iterator

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import unbroadcast
from .arguments import CallArrays
from .domain import Feature, Need
from .evidence import Evidence
from .law import Sides, law


@law(
    11,
    "within the hull",
    "min_s value_se ≤ out_le ≤ max_s value_se, over the keys visible to some row.",
    proof="""\
Weights are not negative and sum to 1: out is a mean of values. A sink mixes in 0. Dropout multiplies
weights by m at most, and then |out| ≤ m max |value|.""",
    domain="""\
Holds with every option; with sinks, 0 is one of the values; with dropout, the bound is m max |value|. Fully
masked rows are law 12's.""",
    needs=(Need.OUT,),
)
def _within_the_hull(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    used, unmasked = call.unmasked_keys[..., None], call.unmasked_rows[..., None]
    largest = bounds.largest_multiplier * bounds.largest_values
    if call.inputs.dropout is None:
        high = np.where(used, call.value, -np.inf).max(axis=-2, keepdims=True, initial=-np.inf)
        low = np.where(used, call.value, np.inf).min(axis=-2, keepdims=True, initial=np.inf)
    else:
        high, low = largest, -largest
    if call.sinks is not None:
        high, low = np.maximum(high, 0.0), np.minimum(low, 0.0)
    out = np.where(unmasked, call.require("out"), 0.0)
    allowed = bounds.rounding("out") + bounds.weight_error_at(np.zeros(())) * largest
    yield Sides("out", out, np.where(unmasked, high, 0.0), allowed, "≤")
    yield Sides("out", out, np.where(unmasked, low, 0.0), allowed, "≥")


@law(
    12,
    "fully masked rows",
    "If a row has no visible key, out_l = 0 and d_query_l = 0, and lse_l = -inf, or the sink's score.",
    proof="""\
A sum over no key is 0, and log 0 = -inf. With a sink, the row's only weight is the sink's, whose value
is 0, and exp(lse) is that of the sink alone. No query enters either.""",
    domain="""\
Holds with every option; exact. The convention of this package, PyTorch's scaled_dot_product_attention,
FlexAttention, ONNX and flash-attention 3 (others: mean of all values, NaN, lse +inf).""",
    needs=(Need.MASKED_ROW,),
)
def _fully_masked_rows(e: Evidence) -> Iterator[Sides]:
    call, bounds, unmasked, zero = e.call, e.bounds, e.call.unmasked_rows, np.zeros(())
    if not e.missing(Need.OUT):
        yield Sides("out", np.where(unmasked[..., None], 0.0, call.require("out")), zero, zero)
    if not e.missing(Need.D_QUERY):
        d_query = call.require("d_query")
        masked = ~_any_over(call.all_rows(unmasked), d_query.shape[:-1])
        yield Sides("d_query", np.where(masked[..., None], d_query, 0.0), zero, zero)
    if not e.missing(Need.LSE):
        lse, sink_alone = call.require("lse"), call.alive & ~unmasked
        yield Sides("lse", np.where(~call.alive & ~np.isneginf(lse), 1.0, 0.0), zero, zero)
        sinks = zero if call.sinks is None else np.where(sink_alone, call.sinks[..., None], 0.0)
        allowed = bounds.rounding("lse") + 4 * bounds.arithmetic.u * np.abs(sinks)
        yield Sides("lse", np.where(sink_alone, lse, 0.0), sinks, allowed)


@law(
    13,
    "fully masked keys",
    "If a key is visible to no row, d_key_s = 0 and d_value_s = 0.",
    proof="Neither the key nor its value enters any output.",
    domain="Holds with every option; exact, whatever the key and value are, NaN included.",
    needs=(Need.MASKED_KEY,),
)
def _fully_masked_keys(e: Evidence) -> Iterator[Sides]:
    call = e.call
    unmasked = np.broadcast_to(call.unmasked_keys, (*call.batch, call.G, 1, call.S))
    for name in ("d_key", "d_value"):
        if not e.missing(Need(name)):
            d = call.require(name)
            hidden = ~_any_over(unmasked, d.shape[:-1])
            yield Sides(name, np.where(hidden[..., None], d, 0.0), np.zeros(()), np.zeros(()))


def _any_over(x: Array, shape: tuple[int, ...]) -> Array:
    """True where any of the entries summed to `shape` is."""
    return unbroadcast(x.astype(float), shape) > 0


@law(
    14,
    "rows with one visible key",
    "If a row's only visible key is s, out_l = value_s; d_query_l = scale_ls d_lse_l key_s, 0 without d_lse.",
    proof="""\
The row's only weight is 1, whatever the score: out does not depend on the query at all, and lse is the
score itself. Examples: the first row of a causal mask, window(0, 0), and S = 1.""",
    domain="""\
Holds with masks, bias, any scale, d_weights, d_lse, and softcap except for d_query. Not sinks, which take
a share of the row, nor dropout, which may drop the only key.""",
    needs=(Need.ROW_WITH_ONE_KEY, Need.OUT),
    broken_by=(Feature.SINKS, Feature.DROPOUT),
)
def _one_visible_key(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    one = call.all_rows(call.counts.keys == 1)[..., None]
    place = call.all_rows(call.counts.one)[..., None]
    out, value = call.require("out"), _at_keys(call, call.value, place)
    allowed = bounds.rounding("out") + bounds.weight_error_at(np.zeros(())) * bounds.largest_values
    yield Sides("out", np.where(one, out, 0.0), np.where(one, value, 0.0), allowed)
    if e.missing(Need.D_QUERY) or call.inputs.softcap is not None or call.score != "dot":
        return
    d_query, key, scale = call.require("d_query"), _at_keys(call, call.key, place), call.finite_scale
    if d_query.shape[:-4] != call.batch:  # a broadcast query sums the gradients of several rows
        return
    if scale.shape[-1] > 1:
        scale = np.take_along_axis(call.all_rows(scale, 1), place, axis=-1)
    right = scale * call.d_lse[..., None] * key
    allowed = (bounds.reach * bounds.d_error)[..., None] * np.abs(key) + bounds.rounding("d_query")
    yield Sides("d_query", np.where(one, d_query, 0.0), np.where(one, right, 0.0), allowed)


def _at_keys(call: CallArrays, x: Array, place: Array) -> Array:
    """The entry of `x` at one key for each row, (..., G, n, L, X)."""
    everywhere = np.broadcast_to(x, (*call.batch, call.G, call.n, *x.shape[-2:]))
    return np.asarray(np.take_along_axis(everywhere, place, axis=-2))


ROW_LAWS = (_within_the_hull, _fully_masked_rows, _fully_masked_keys, _one_visible_key)
