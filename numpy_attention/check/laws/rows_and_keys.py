"""Laws 11 to 14: what rows and keys must be because of what they see, every single one of them."""

from collections.abc import Iterator

import numpy as np

from ...functional.base.admission import Array
from .evidence import Evidence
from .law import Sides, law, summed


@law(
    11,
    "within the hull",
    "min_s value_se ≤ out_le ≤ max_s value_se, over the keys that anyone sees.",
    proof="""\
Weights are not negative and sum to 1: out is a mean of values. A sink mixes in 0. Dropout multiplies
weights by m at most, and then |out| ≤ m max |value|.""",
    domain="""\
Survives everything; 0 joins the values with sinks, and with dropout the bound is m max |value|. Rows
that see nothing are law 12's.""",
    needs=("out",),
)
def _within_the_hull(e: Evidence) -> Iterator[Sides]:
    used = e.seen[..., None]
    if e.spec.dropout is None:
        high = np.where(used, e.value, -np.inf).max(axis=-2, keepdims=True, initial=-np.inf)
        low = np.where(used, e.value, np.inf).min(axis=-2, keepdims=True, initial=np.inf)
    else:
        high = e.multipliers_at_most * e.largest_values
        low = -high
    if e.sinks is not None:
        high, low = np.maximum(high, 0.0), np.minimum(low, 0.0)
    sees, lost = e.sees[..., None], e.weight_error_at(np.zeros(()))
    allowed = e.rounding("out") + lost * e.multipliers_at_most * e.largest_values
    out = e.have("out")
    yield Sides("out", np.where(sees, out, 0.0), np.where(sees, high, 0.0), allowed, "≤")
    yield Sides("out", np.where(sees, out, 0.0), np.where(sees, low, 0.0), allowed, "≥")


@law(
    12,
    "rows that see nothing",
    "If a row may attend to nothing, out_l = 0 and d_query_l = 0, and lse_l = -inf, or the sink's score.",
    proof="""\
A sum over no key is 0, and log 0 = -inf. With a sink, the row's only weight is the sink's, whose value
is 0, and exp(lse) is that of the sink alone. No query enters either.""",
    domain="""\
Survives everything; exact. It is this package's convention, and that of PyTorch's
scaled_dot_product_attention, FlexAttention, ONNX and flash-attention 3 (others: mean of all values,
NaN, lse +inf).""",
    needs=("a row that sees nothing",),
)
def _rows_that_see_nothing(e: Evidence) -> Iterator[Sides]:
    zero = np.zeros(())
    if not e.lacks("out"):
        yield Sides("out", np.where(e.sees[..., None], 0.0, e.have("out")), zero, zero)
    if not e.lacks("d_query"):
        d_query = e.have("d_query")
        blind = ~_anyone(e.full_rows(e.sees), d_query.shape[:-1])
        yield Sides("d_query", np.where(blind[..., None], d_query, 0.0), zero, zero)
    if not e.lacks("lse"):
        lse = e.have("lse")
        dead, sink_alone = ~e.alive, e.alive & ~e.sees
        yield Sides("lse", np.where(dead & ~np.isneginf(lse), 1.0, 0.0), zero, zero)
        sinks = zero if e.sinks is None else e.sinks[..., None]
        allowed = e.rounding("lse") + 4 * e.arithmetic.u * np.abs(np.where(sink_alone, sinks, 0.0))
        yield Sides("lse", np.where(sink_alone, lse, 0.0), np.where(sink_alone, sinks, 0.0), allowed)


@law(
    13,
    "keys that nobody sees",
    "If no row may attend to a key, d_key_s = 0 and d_value_s = 0.",
    proof="Neither the key nor its value enters any output.",
    domain="Survives everything; exact, whatever stands at that key, NaN too.",
    needs=("a key that nobody sees",),
)
def _keys_that_nobody_sees(e: Evidence) -> Iterator[Sides]:
    seen = np.broadcast_to(e.seen, (*e.batch, e.G, 1, e.S))
    for name in ("d_key", "d_value"):
        if not e.lacks(name):
            d = e.have(name)
            hidden = ~_anyone(seen, d.shape[:-1])
            yield Sides(name, np.where(hidden[..., None], d, 0.0), np.zeros(()), np.zeros(()))


def _anyone(sees: Array, shape: tuple[int, ...]) -> Array:
    return summed(sees.astype(float), shape) > 0


@law(
    14,
    "rows that see one key",
    "If a row sees one key s only, out_l = value_s, and d_query_l = scale_ls d_lse_l key_s: 0 without d_lse.",
    proof="""\
One weight is all there is, and it is 1, whatever the score: out does not depend on the query at all,
and lse is the score itself. So it is in the first row of a causal mask, in window(0, 0), and wherever S
is 1.""",
    domain="""\
Survives masks, bias, any scale, d_weights, d_lse, and softcap but for d_query. Not sinks, which take a
share, nor dropout, which may drop the one key.""",
    needs=("a row that sees one key", "out"),
    broken_by=("sinks", "dropout"),
)
def _rows_that_see_one_key(e: Evidence) -> Iterator[Sides]:
    one = e.full_rows(e.counts.keys == 1)[..., None]
    place = e.full_rows(e.counts.one)[..., None]
    allowed = e.rounding("out") + e.weight_error_at(np.zeros(())) * e.largest_values
    yield Sides("out", np.where(one, e.have("out"), 0.0), np.where(one, _at(e, e.value, place), 0.0), allowed)
    if e.lacks("d_query") or e.spec.softcap is not None or e.spec.score != "dot":
        return
    d_query, key = e.have("d_query"), _at(e, e.key, place)
    if d_query.shape[:-4] != e.batch:  # a query that is broadcast gets the gradients of all its rows
        return
    scale = e.finite_scale
    if scale.shape[-1] > 1:
        everywhere = np.broadcast_to(scale, (*e.batch, e.G, e.n, e.L, e.S))
        scale = np.take_along_axis(everywhere, place, axis=-1)
    right = scale * e.d_lse[..., None] * key
    allowed = (e.reach * e.d_off)[..., None] * np.abs(key) + e.rounding("d_query")
    yield Sides("d_query", np.where(one, d_query, 0.0), np.where(one, right, 0.0), allowed)


def _at(e: Evidence, x: Array, place: Array) -> Array:
    """What stands at one key for each row, (..., G, n, L, X)."""
    everywhere = np.broadcast_to(x, (*e.batch, e.G, e.n, *x.shape[-2:]))
    return np.asarray(np.take_along_axis(everywhere, place, axis=-2))


ROW_LAWS = (_within_the_hull, _rows_that_see_nothing, _keys_that_nobody_sees, _rows_that_see_one_key)
