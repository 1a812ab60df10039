"""Laws 22 to 29: what a second call must give. They need `again`, attention as a function, and use `draw`.

Two calls may be off by `twice`: each output by the error of its weights times the largest value.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ...functional.masks.builders import prefix
from ...functional.masks.kinds import Band
from .evidence import Evidence
from .law import Sides, Undecided, gathered, law, meeting, summed
from .magnitudes import dot

SEEDED = "dropout drawn from a seed"
NO_ARRAY = "a bias that is no array"
PAIRWISE = (SEEDED, NO_ARRAY)
"""What belongs to places among all pairs, and is another thing where there are fewer."""


def twice(e: Evidence, weight_error: Array | None = None) -> Array:
    """How far two outputs may be apart that ought to be equal, (..., G, n, L, E)."""
    off = e.weight_error if weight_error is None else weight_error
    lost = (off + e.g(e.S))[..., None] * e.multipliers_at_most * e.largest_values
    return np.asarray(2 * (lost + e.rounding("out")))


def _like(e: Evidence, name: str, number: int, *shape: int) -> Array:
    """Random numbers as large as an array's own, in its dtype, and of its shape or another."""
    x, clean = e.arrays[name], getattr(e, name)
    size = float(np.sqrt(np.mean(clean * clean))) if clean.size else 1.0
    drawn = (size or 1.0) * e.draw(number).uniform(-1, 1, shape or x.shape)
    return drawn.astype(np.result_type(x, np.float16))


@law(
    22,
    "linear in the values",
    "attention(value + t) = out + attention(t), and <d_value, t> = <d_out, attention(t)>.",
    proof="""\
out = thinned @ value, and thinned does not depend on value. The gradient of a linear function is its
adjoint: no step that tends to 0 is needed. This holds d_value against the function itself, in a random
direction t.""",
    domain="Survives everything.",
    needs=("again", "out"),
)
def _linear_in_the_values(e: Evidence) -> Iterator[Sides]:
    value, t = e.arrays["value"], _like(e, "value", 22)
    alone, _ = e.call_again(value=t)
    both, _ = e.call_again(value=value + t)
    size = e.largest_values + np.abs(e.grouped(t, 2, of_keys=True)).max(axis=-2, keepdims=True, initial=0.0)
    off = e.weight_error + e.g(e.S) + e.kept.u + e.precision_of("value").u  # value + t is rounded once
    lost = off[..., None] * e.multipliers_at_most * size
    stored = e.precision_of("out")
    allowed = 4 * lost + e.rounding("out") + stored.u * (np.abs(alone) + np.abs(both)) + 2 * stored.tiny
    yield Sides("out", both, e.have("out") + alone, allowed)
    if e.lacks("d_value"):
        return
    d_value, direction = e.have("d_value"), e.grouped(t, 2, of_keys=True)
    shape = meeting((*e.batch, e.G, 1, 1), (*d_value.shape[:-3], 1, 1))
    each = np.abs(e.d_out)
    apart = (2 * lost + stored.u * np.abs(alone) + stored.tiny) * each
    allowed = gathered(e.full_rows(apart.sum(axis=-1)), shape)
    allowed = allowed + (e.many + e.g(e.E)) * summed(
        e.full_rows((e.multipliers_at_most * size * each).sum(axis=-1)), shape
    )
    allowed = allowed + gathered(e.rounding("d_value") * np.abs(direction), (*shape, 1))[..., 0]
    left, right = summed(dot(d_value, direction), shape), summed(dot(e.d_out, alone), shape)
    yield Sides("d_value", left, right, allowed + e.alike(right))


@law(
    23,
    "blind to a shift of all keys",
    "attention(key + c) = out, for any c that all keys have in common.",
    proof="scale_l query_l · (key_s + c) adds one number to the whole row l. Law 1 is its derivative.",
    domain="""\
Survives masks, bias, dropout, a scale for each row. Not softcap, not sinks, which do not move along,
and not a scale that varies along keys.""",
    needs=("again", "out", "dot scores"),
    broken_by=("softcap", "sinks", "a scale that varies along keys"),
)
def _blind_to_a_shift(e: Evidence) -> Iterator[Sides]:
    key = e.arrays["key"]
    c = _like(e, "key", 23, e.D)
    out, _ = e.call_again(key=key + c)
    larger = 1 + float(np.linalg.norm(c)) / np.maximum(e.key_size, np.finfo(float).tiny)
    size = np.minimum(e.size * larger, e.size + e.reach * np.sqrt(dot(e.query, e.query)) * np.linalg.norm(c))
    stored = e.precision_of("key")
    shifted = e.score_error(size) + stored.u * size + e.reach * e.D * stored.tiny
    yield Sides("out", out, e.have("out"), twice(e, e.weight_error_at(shifted)))


@law(
    24,
    "keys change places",
    "attention is the same if keys, values and their columns of bias, scale and dropout change places.",
    proof="Sums over keys have no order.",
    domain="""\
Survives softcap, sinks, any scale, a bias and dropout that are arrays: their columns move along. Not
masks, which speak of places, nor a dropout that is drawn place by place.""",
    needs=("again", "out"),
    broken_by=("a mask", *PAIRWISE),
)
def _keys_change_places(e: Evidence) -> Iterator[Sides]:
    order = e.draw(24).permutation(e.S)
    key, value = (np.take(e.arrays[name], order, axis=-2) for name in ("key", "value"))
    out, _ = e.call_again(key=key, value=value, **e.options_at(columns=order))
    yield Sides("out", out, e.have("out"), twice(e))


@law(
    25,
    "no look-ahead",
    "With a causal mask, the first rows are those of attention without the last keys and the last rows.",
    proof="A row that sees no key from s on does not depend on them, and rows do not depend on each other.",
    domain="""\
Survives everything but a dropout that is drawn place by place. It needs causal or window(left, 0) as
the mask, alone.""",
    needs=("again", "out", "a mask without look-ahead"),
    broken_by=PAIRWISE,
)
def _no_look_ahead(e: Evidence) -> Iterator[Sides]:
    S = e.S - max(1, min(e.L, e.S) // 2)
    L = min(e.L, S - _farthest_ahead(e.spec.mask, e.L, e.S))
    if S < 1 or L < 1:
        raise Undecided("too short to leave anything off")
    query, key, value = (e.arrays[x][..., :n, :] for x, n in (("query", L), ("key", S), ("value", S)))
    rows, columns = slice(L), slice(S)
    out, _ = e.call_again(query=query, key=key, value=value, **e.options_at(rows, columns))
    yield Sides("out", out, e.have("out")[..., :L, :], twice(e)[..., :L, :])


def _farthest_ahead(mask: Any, L: int, S: int) -> int:
    """By how much a row's own position exceeds its index, at most."""
    assert isinstance(mask, Band)
    if mask.offset is not None:
        return int(mask.offset.max(initial=0))
    return S - L if mask.align == "bottom_right" else 0


@law(
    26,
    "a hidden key more",
    "attention with one more key and value, which a mask hides, is the same, whatever they are.",
    proof="exp(-inf) = 0: it adds nothing to any sum.",
    domain="""\
Survives softcap, sinks, a bias and a scale that are constant along the keys. It needs a call without
mask, to which na.prefix(S) is then given; not dropout, whose columns would be one too few.""",
    needs=("again", "out"),
    broken_by=("a mask", "a bias that varies along keys", "a scale that varies along keys", "dropout"),
)
def _a_hidden_key_more(e: Evidence) -> Iterator[Sides]:
    added = [
        np.concatenate([x, _like(e, name, 26, *x.shape[:-2], 1, x.shape[-1])], axis=-2, dtype=x.dtype)
        for name in ("key", "value")
        for x in (e.arrays[name],)
    ]
    out, _ = e.call_again(key=added[0], value=added[1], mask=prefix(e.S))
    yield Sides("out", out, e.have("out"), twice(e))


@law(
    27,
    "two halves and their lse",
    "lse = log(exp(lse_1) + exp(lse_2)), and out = exp(lse_1 - lse) out_1 + exp(lse_2 - lse) out_2.",
    proof="""\
With the sums over each half of the keys, Z = Z_1 + Z_2 and out Z = out_1 Z_1 + out_2 Z_2. Every tiled
attention rests on this (Milakov, Gimelshein 2018, section 3.1).""",
    domain="""\
Survives softcap, any scale, a bias and dropout that are arrays. It needs two keys, and `again` giving
(out, lse). Not masks, which speak of places; not sinks, which both halves would count.""",
    needs=("again", "out"),
    broken_by=("a mask", "sinks", *PAIRWISE),
)
def _two_halves(e: Evidence) -> Iterator[Sides]:
    if e.S < 2:
        raise Undecided("needs two keys")
    outs, lses = [], []
    for half in (slice(None, e.S // 2), slice(e.S // 2, None)):
        key, value = (e.arrays[name][..., half, :] for name in ("key", "value"))
        out, lse = e.call_again(key=key, value=value, **e.options_at(columns=half))
        if lse is None:
            raise Undecided("needs lse from again")
        outs.append(out)
        lses.append(lse)
    lse = np.logaddexp(*lses)
    shares = [np.where(np.isneginf(lse), 0.0, np.exp(half - lse))[..., None] for half in lses]
    merged = shares[0] * outs[0] + shares[1] * outs[1]
    stored = max(e.kept.u, e.arithmetic.u) * np.abs(np.where(np.isneginf(lse), 0.0, lse))
    yield Sides("out", merged, e.have("out"), twice(e, e.weight_error + 2 * stored))
    if not e.lacks("lse"):
        given = e.have("lse")
        off = e.score_error(e.size) + e.g(e.S) + 4 * stored + e.rounding("lse")
        both = ~np.isneginf(lse) | ~np.isneginf(given)
        yield Sides("lse", np.where(both, lse, 0.0), np.where(both, given, 0.0), 2 * off)


@law(
    28,
    "rows stand alone",
    "attention of some of the queries gives those rows of out.",
    proof="No step mixes two rows: each has a softmax of its own.",
    domain="""\
Survives everything but what belongs to places: masks that tell queries apart, a dropout that is drawn
pair by pair, na.alibi and na.relative. It needs three queries.""",
    needs=("again", "out"),
    broken_by=("a mask that tells queries apart", *PAIRWISE),
)
def _rows_stand_alone(e: Evidence) -> Iterator[Sides]:
    if e.L < 3:
        raise Undecided("needs three queries")
    rows = slice(e.L // 3, e.L - e.L // 3)
    out, _ = e.call_again(query=e.arrays["query"][..., rows, :], **e.options_at(rows=rows))
    yield Sides("out", out, e.have("out")[..., rows, :], twice(e)[..., rows, :])


@law(
    29,
    "shared heads are repeated heads",
    "attention of each key head, repeated next to itself for the query heads that read it, is the same.",
    proof="Query head h reads key head h // (H / G); with each repeated H / G times, that is head h itself.",
    domain="Survives everything. It needs fewer key heads than query heads.",
    needs=("again", "out", "heads that share keys"),
)
def _shared_heads(e: Evidence) -> Iterator[Sides]:
    key, value = (np.repeat(e.arrays[name], e.n, axis=-3) for name in ("key", "value"))
    out, _ = e.call_again(key=key, value=value)
    yield Sides("out", out, e.have("out"), twice(e))


AGAIN_LAWS = (
    _linear_in_the_values, _blind_to_a_shift, _keys_change_places, _no_look_ahead, _a_hidden_key_more,
    _two_halves, _rows_stand_alone, _shared_heads,
)  # fmt: skip
