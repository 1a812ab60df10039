"""Laws 22 to 29: a second call of attention, on changed arguments, through the function `again`.

`two_call_error`, the allowed difference of two outputs, is twice the weights' error times the largest value.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import norms, unbroadcast
from ...functional.masks.builders import prefix
from ...functional.masks.kinds import Band
from .domain import Feature, InsufficientEvidence, Need
from .evidence import Evidence
from .law import Sides, law
from .sums import common_shape, dot, quadrature_sum

BY_POSITION = (Feature.DROPOUT_FROM_SEED, Feature.BIAS_BY_POSITION)
"""Features that depend on positions, and so change when rows or keys are taken out."""


def two_call_error(e: Evidence, weight_error: Array | None = None) -> Array:
    """Allowed difference of two outputs that should be equal, (..., G, n, L, E)."""
    bounds = e.bounds
    relative = bounds.weight_error if weight_error is None else weight_error
    error = (relative + bounds.g(e.call.S))[..., None] * bounds.largest_multiplier * bounds.largest_values
    return np.asarray(2 * (error + bounds.rounding("out")))


def _random_like(e: Evidence, name: str, number: int, *shape: int) -> Array:
    """Random numbers of an array's magnitude and dtype, in its shape or another."""
    x, clean = e.call.arrays[name], getattr(e.call, name)
    size = float(np.sqrt(np.mean(clean * clean))) if clean.size else 1.0
    drawn = (size or 1.0) * e.draw(number).uniform(-1, 1, shape or x.shape)
    return drawn.astype(np.result_type(x, np.float16))


@law(
    22,
    "linear in the values",
    "attention(value + t) = out + attention(t), and <d_value, t> = <d_out, attention(t)>.",
    proof="""\
out = thinned @ value, and thinned does not depend on value. The gradient of a linear function is its
adjoint: the law is exact for any t, with no step that must tend to 0. It checks d_value against the
function itself, in a random direction t.""",
    domain="Holds with every option.",
    needs=(Need.AGAIN, Need.OUT),
)
def _linear_in_the_values(e: Evidence) -> Iterator[Sides]:
    call, bounds = e.call, e.bounds
    value, t = call.inputs.value, _random_like(e, "value", 22)
    alone, _ = e.call_again(value=t)
    both, _ = e.call_again(value=value + t)
    direction, stored = call.grouped(t, 2, of_keys=True), bounds.precision_of("out")
    size = bounds.largest_values + np.abs(direction).max(axis=-2, keepdims=True, initial=0.0)
    relative = bounds.weight_error + bounds.g(call.S) + bounds.storage.u
    relative = relative + bounds.precision_of("value").u  # value + t is rounded once
    error = relative[..., None] * bounds.largest_multiplier * size
    allowed = 4 * error + bounds.rounding("out") + stored.u * (np.abs(alone) + np.abs(both)) + 2 * stored.tiny
    yield Sides("out", both, call.require("out") + alone, allowed)
    if e.missing(Need.D_VALUE):
        return
    d_value, each = call.require("d_value"), np.abs(call.d_out)
    shape = common_shape((*call.batch, call.G, 1, 1), (*d_value.shape[:-3], 1, 1))
    apart = (2 * error + stored.u * np.abs(alone) + stored.tiny) * each
    mass = call.all_rows((bounds.largest_multiplier * size * each).sum(axis=-1))
    allowed = quadrature_sum(call.all_rows(apart.sum(axis=-1)), shape)
    allowed = allowed + (bounds.g_longest + bounds.g(call.E)) * unbroadcast(mass, shape)
    allowed = allowed + bounds.dot_rounding("d_value", direction, shape)
    left, right = unbroadcast(dot(d_value, direction), shape), unbroadcast(dot(call.d_out, alone), shape)
    yield Sides("d_value", left, right, allowed + bounds.common_rounding(right))


@law(
    23,
    "invariant to a shift of all keys",
    "attention(key + c) = out, for any vector c added to all keys.",
    proof="scale_l query_l · (key_s + c) adds one number to the whole row l. Law 1 is its derivative.",
    domain="""\
Holds with masks, bias, dropout, a scale for each row. Not softcap; not sinks, which the shift does not
move; not a scale that varies along keys.""",
    needs=(Need.AGAIN, Need.OUT, Need.DOT_SCORES),
    broken_by=(Feature.SOFTCAP, Feature.SINKS, Feature.SCALE_BY_KEY),
)
def _shift_invariance(e: Evidence) -> Iterator[Sides]:
    call, bounds, stored = e.call, e.bounds, e.bounds.precision_of("key")
    c = _random_like(e, "key", 23, call.D)
    out, _ = e.call_again(key=call.inputs.key + c)
    norm = np.linalg.norm(c)
    larger = 1 + float(norm) / np.maximum(bounds.key_norm, np.finfo(float).tiny)
    size = bounds.score_size + bounds.reach * norms(call.query) * norm
    size = np.minimum(bounds.score_size * larger, size)
    shifted = bounds.score_error(size) + stored.u * size + bounds.reach * call.D * stored.tiny
    yield Sides("out", out, call.require("out"), two_call_error(e, bounds.weight_error_at(shifted)))


@law(
    24,
    "permuted keys",
    "attention is the same if keys, values and their columns of bias, scale and dropout are permuted.",
    proof="Sums over keys have no order.",
    domain="""\
Holds with softcap, sinks, any scale, and a bias and dropout that are arrays: their columns are permuted
too. Not masks or a bias computed from positions, nor dropout drawn from a seed for each position.""",
    needs=(Need.AGAIN, Need.OUT),
    broken_by=(Feature.MASK, *BY_POSITION),
)
def _permuted_keys(e: Evidence) -> Iterator[Sides]:
    call, order = e.call, e.draw(24).permutation(e.call.S)
    key, value = (np.take(x, order, axis=-2) for x in (call.inputs.key, call.inputs.value))
    out, _ = e.call_again(key=key, value=value, **call.options_at(columns=order))
    yield Sides("out", out, call.require("out"), two_call_error(e))


@law(
    25,
    "no look-ahead",
    "With a causal mask, the first rows are those of attention without the last keys and the last rows.",
    proof="A row that sees no key from s on does not depend on them, and rows do not depend on each other.",
    domain="""\
Holds with everything except dropout drawn from a seed for each position and a bias computed from positions.
The mask must be causal or window(left, 0), not combined with another.""",
    needs=(Need.AGAIN, Need.OUT, Need.NO_LOOK_AHEAD),
    broken_by=BY_POSITION,
)
def _no_look_ahead(e: Evidence) -> Iterator[Sides]:
    call, inputs = e.call, e.call.inputs
    S = call.S - max(1, min(call.L, call.S) // 2)
    L = min(call.L, S - _farthest_ahead(inputs.mask, call.L, call.S))
    if S < 1 or L < 1:
        raise InsufficientEvidence("too short to drop keys and rows")
    rows, columns = slice(L), slice(S)
    key, value = inputs.key[..., columns, :], inputs.value[..., columns, :]
    out, _ = e.call_again(
        query=inputs.query[..., rows, :], key=key, value=value, **call.options_at(rows, columns)
    )
    yield Sides("out", out, call.require("out")[..., rows, :], two_call_error(e)[..., rows, :])


def _farthest_ahead(mask: Any, L: int, S: int) -> int:
    """Largest difference between a row's position and its index."""
    assert isinstance(mask, Band)
    if mask.offset is not None:
        return int(mask.offset.max(initial=0))
    return S - L if mask.align == "bottom_right" else 0


@law(
    26,
    "an extra hidden key",
    "attention with an extra key and value, hidden by a mask, is the same, whatever they are.",
    proof="exp(-inf) = 0: it adds nothing to any sum.",
    domain="""\
Holds with softcap, sinks, a bias and a scale that are constant along keys. The call must have no mask, as
na.prefix(S) is passed to hide the extra key; and no dropout, whose columns would be one too few.""",
    needs=(Need.AGAIN, Need.OUT),
    broken_by=(Feature.MASK, Feature.BIAS_BY_KEY, Feature.SCALE_BY_KEY, Feature.DROPOUT),
)
def _extra_hidden_key(e: Evidence) -> Iterator[Sides]:
    longer = {}
    for name, x in (("key", e.call.inputs.key), ("value", e.call.inputs.value)):
        added = _random_like(e, name, 26, *x.shape[:-2], 1, x.shape[-1])
        longer[name] = np.concatenate([x, added], axis=-2, dtype=x.dtype)
    out, _ = e.call_again(**longer, mask=prefix(e.call.S))
    yield Sides("out", out, e.call.require("out"), two_call_error(e))


@law(
    27,
    "two halves and their lse",
    "lse = log(exp(lse_1) + exp(lse_2)), and out = exp(lse_1 - lse) out_1 + exp(lse_2 - lse) out_2.",
    proof="""\
With the sums over each half of the keys, Z = Z_1 + Z_2 and out Z = out_1 Z_1 + out_2 Z_2. Every tiled
attention uses this (Milakov, Gimelshein 2018, section 3.1).""",
    domain="""\
Holds with softcap, any scale, a bias and dropout that are arrays. It needs two keys, and `again` must return
(out, lse). Not masks, which depend on positions; not sinks, which both halves would count.""",
    needs=(Need.AGAIN, Need.OUT),
    broken_by=(Feature.MASK, Feature.SINKS, *BY_POSITION),
)
def _two_halves(e: Evidence) -> Iterator[Sides]:
    call, bounds, inputs = e.call, e.bounds, e.call.inputs
    if call.S < 2:
        raise InsufficientEvidence("needs two keys")
    outs, lses = [], []
    for half in (slice(None, call.S // 2), slice(call.S // 2, None)):
        key, value = inputs.key[..., half, :], inputs.value[..., half, :]
        out, lse = e.call_again(key=key, value=value, **call.options_at(columns=half))
        if lse is None:
            raise InsufficientEvidence("needs lse from again")
        outs.append(out)
        lses.append(lse)
    lse = np.logaddexp(*lses)
    shares = [np.where(np.isneginf(lse), 0.0, np.exp(half - lse))[..., None] for half in lses]
    merged = shares[0] * outs[0] + shares[1] * outs[1]
    stored = max(bounds.storage.u, bounds.arithmetic.u) * np.abs(np.where(np.isneginf(lse), 0.0, lse))
    yield Sides("out", merged, call.require("out"), two_call_error(e, bounds.weight_error + 2 * stored))
    if not e.missing(Need.LSE):
        expected = call.require("lse")
        error = bounds.score_error(bounds.score_size) + bounds.g(call.S) + 4 * stored + bounds.rounding("lse")
        both = ~np.isneginf(lse) | ~np.isneginf(expected)
        yield Sides("lse", np.where(both, lse, 0.0), np.where(both, expected, 0.0), 2 * error)


@law(
    28,
    "independent rows",
    "attention of some of the queries gives those rows of out.",
    proof="No step mixes two rows: each has a softmax of its own.",
    domain="""\
Holds with everything except what depends on the query's position: masks that vary along queries, dropout
drawn from a seed, na.alibi and na.relative. It needs three queries.""",
    needs=(Need.AGAIN, Need.OUT),
    broken_by=(Feature.MASK_BY_QUERY, *BY_POSITION),
)
def _independent_rows(e: Evidence) -> Iterator[Sides]:
    call = e.call
    if call.L < 3:
        raise InsufficientEvidence("needs three queries")
    rows = slice(call.L // 3, call.L - call.L // 3)
    out, _ = e.call_again(query=call.inputs.query[..., rows, :], **call.options_at(rows=rows))
    yield Sides("out", out, call.require("out")[..., rows, :], two_call_error(e)[..., rows, :])


@law(
    29,
    "shared heads are repeated heads",
    "attention of each key head, repeated next to itself for the query heads that read it, is the same.",
    proof="Query head h reads key head h // (H / G); with each repeated H / G times, that is head h itself.",
    domain="Holds with every option. It needs fewer key heads than query heads.",
    needs=(Need.AGAIN, Need.OUT, Need.SHARED_HEADS),
)
def _shared_heads(e: Evidence) -> Iterator[Sides]:
    key, value = (np.repeat(x, e.call.n, axis=-3) for x in (e.call.inputs.key, e.call.inputs.value))
    out, _ = e.call_again(key=key, value=value)
    yield Sides("out", out, e.call.require("out"), two_call_error(e))


AGAIN_LAWS = (
    _linear_in_the_values, _shift_invariance, _permuted_keys, _no_look_ahead, _extra_hidden_key,
    _two_halves, _independent_rows, _shared_heads,
)  # fmt: skip
