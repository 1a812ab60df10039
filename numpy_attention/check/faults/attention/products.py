"""Mistakes in the matrix products: wrong operands, missing transposes, dropped rows or keys."""

import math
from typing import Any

import numpy as np

from ....functional.attention.attention import (
    AttentionGradients,
    AttentionSaved,
    attention_backward,
    attention_forward,
)
from ....functional.attention.steps import (
    STEPS,
    Normalised,
    ScoreGradients,
    ScoreSaved,
    SoftmaxStepGradients,
    SoftmaxStepSaved,
    ValuesGradients,
    ValuesSaved,
    score_backward,
    score_forward,
    softmax_step_backward,
    softmax_step_forward,
    values_backward,
    values_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair, keep_visible, transposed
from ...reference.inputs import Inputs
from ..conditions import all_of, has_choice, is_square, visible_of
from ..fault import FaultFamily

PRODUCTS = FaultFamily("products", pair=Pair(attention_forward, attention_backward))

BLOCK = 4
"""The length of a block of keys or rows; the remainder at the end is the tail."""


def _fits_untransposed(weights: Array, key: Array) -> bool:
    return weights.shape[-2:] == (key.shape[-2],) * 2 and weights.shape[:-2] == key.shape[:-2]


@PRODUCTS.backward("values", active=is_square)
def d_value_untransposed(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
    """d_value = thinned @ d_out: the transpose is missing, and shapes fit where L = S."""
    right = values_backward(d_out, saved)
    if not _fits_untransposed(saved.thinned, saved.value):
        return right
    return right._replace(d_value=saved.thinned @ d_out)


@PRODUCTS.backward("score", active=all_of(has_choice, is_square))
def d_key_untransposed(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_key = scale * d_scores @ query: the transpose is missing, and shapes fit where L = S."""
    right = score_backward(d_scores, saved)
    if not _fits_untransposed(d_scores, saved.key):
        return right
    return right._replace(d_key=(saved.scale * d_scores) @ saved.query)


@PRODUCTS.backward("score", active=has_choice)
def d_key_from_weights(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_key = scale * weightsᵀ @ query, with weights in place of d_scores."""
    scores, _ = score_forward(*saved[:4])
    masked, _ = STEPS.mask.forward(scores, saved.visible)
    (weights, _), _ = STEPS.softmax.forward(masked, None, saved.visible)
    return score_backward(d_scores, saved)._replace(d_key=score_backward(weights, saved).d_key)


@PRODUCTS.backward("score", active=all_of(has_choice, is_square))
def d_query_and_d_key_swapped(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_query and d_key are returned in the wrong order, and shapes fit where L = S."""
    right = score_backward(d_scores, saved)
    if right.d_query.shape != right.d_key.shape:
        return right
    return right._replace(d_query=right.d_key, d_key=right.d_query)


# ------------------------------------------------------------------------------------- dropped terms


def _tail_of_keys(call: Inputs) -> bool:
    """Where 4 does not divide S, and a key of the tail is visible."""
    n, visible = call.lengths, visible_of(call)
    return n.S % BLOCK > 0 and (visible is None or bool(visible[..., n.S // BLOCK * BLOCK :].any()))


def _tail_of_rows(call: Inputs) -> bool:
    """Where 4 does not divide L, and a row of the tail sees two keys."""
    n, visible = call.lengths, visible_of(call)
    first = n.L // BLOCK * BLOCK
    return n.L % BLOCK > 0 and (visible is None or bool((visible[..., first:, :].sum(axis=-1) > 1).any()))


@PRODUCTS.forward("values", active=_tail_of_keys)
def tail_of_keys_dropped(
    thinned: Array, value: Array, visible: Array | None = None
) -> tuple[Array, ValuesSaved]:
    """The output is summed over whole blocks of keys only: the tail is dropped.

    jax#27224.
    """
    S = thinned.shape[-1]
    kept = np.where(np.arange(S) < S // BLOCK * BLOCK, thinned, 0)
    return values_forward(kept, value, visible)[0], ValuesSaved(thinned, value, visible)


@PRODUCTS.backward("score", active=all_of(has_choice, _tail_of_keys))
def last_keys_dropped_in_d_query(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_query is summed over whole blocks of keys only: the tail is dropped."""
    S = d_scores.shape[-1]
    kept = np.where(np.arange(S) < S // BLOCK * BLOCK, d_scores, 0)
    return score_backward(d_scores, saved)._replace(d_query=score_backward(kept, saved).d_query)


@PRODUCTS.backward("score", active=all_of(has_choice, _tail_of_rows))
def last_rows_dropped_in_d_key(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_key is summed over whole blocks of query rows only: the tail is dropped."""
    L = d_scores.shape[-2]
    kept = np.where(np.arange(L)[:, None] < L // BLOCK * BLOCK, d_scores, 0)
    return score_backward(d_scores, saved)._replace(d_key=score_backward(kept, saved).d_key)


@PRODUCTS.backward("values", active=_tail_of_rows)
def last_block_of_rows_dropped_in_d_value(d_out: Array, saved: ValuesSaved) -> ValuesGradients:
    """d_value lacks the last block of query rows: the loop over blocks ends one too early."""
    L = d_out.shape[-2]
    kept = np.where(np.arange(L)[:, None] < (L - 1) // BLOCK * BLOCK, d_out, 0)
    return values_backward(d_out, saved)._replace(d_value=values_backward(kept, saved).d_value)


def _beside_the_tail(call: Inputs) -> bool:
    """Where 4 does not divide S, and a row sees a key of the tail and one before it."""
    n, visible = call.lengths, visible_of(call)
    first = n.S // BLOCK * BLOCK
    if visible is None:
        return 0 < first < n.S
    return bool((visible[..., first:].any(axis=-1) & visible[..., :first].any(axis=-1)).any())


@PRODUCTS.forward("softmax", active=_beside_the_tail)
def tail_of_keys_counted_twice(
    masked: Array, sinks: Array | None = None, visible: Array | None = None
) -> tuple[Normalised, SoftmaxStepSaved]:
    """The tail of the keys is counted twice, in the loop over blocks and in the code behind it."""
    S = masked.shape[-1]
    in_tail = np.arange(S) >= S // BLOCK * BLOCK
    return softmax_step_forward(np.where(in_tail, masked + math.log(2), masked), sinks, visible)


WIDTH = 64
"""The columns of a head that a kernel of fixed width reads."""


def _is_wide(call: Inputs) -> bool:
    """Where D > 64."""
    return call.lengths.D > WIDTH


@PRODUCTS.forward("score", active=all_of(has_choice, _is_wide))
def width_truncated(query: Array, key: Array, scale: Any, visible: Any = None) -> tuple[Array, ScoreSaved]:
    """Only the first 64 columns of query and key are read."""
    first = np.arange(query.shape[-1]) < WIDTH
    return score_forward(np.where(first, query, 0), np.where(first, key, 0), scale, visible)


def _is_wider(call: Inputs) -> bool:
    """Where E > D."""
    return call.lengths.E > call.lengths.D


@PRODUCTS.backward(active=all_of(has_choice, _is_wider))
def d_query_of_narrow_values(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
    """For d_query, d_weights is summed over D columns of the values: the others are lost where E > D."""
    D = np.shape(saved.arguments[0])[-1]
    narrow = np.where(np.arange(np.shape(d_out)[-1]) < D, d_out, 0)
    right = attention_backward(d_out, saved, **others)
    return right._replace(d_query=attention_backward(narrow, saved, **others).d_query)


# -------------------------------------------------------------------------------------- the wrong axes


def _rows_equal_keys(call: Inputs) -> bool:
    """Where L = S."""
    return call.lengths.L == call.lengths.S > 1


@PRODUCTS.backward("softmax", active=all_of(has_choice, _rows_equal_keys))
def row_sum_broadcast_along_rows(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """keepdims=True is missing: where L = S, the sum of row l is subtracted from column l."""
    weights, d = saved.weights, keep_visible(d_normalised[0], saved.visible)
    right = softmax_step_backward(d_normalised, saved)
    if weights.shape[-2] != weights.shape[-1]:
        return right
    sums = (weights * d).sum(axis=-1)[..., None, :]
    return right._replace(d_masked=weights * (d - sums + d_normalised[1][..., None]))


def _keys_equal_width(call: Inputs) -> bool:
    """Where S = D."""
    return call.lengths.S == call.lengths.D > 1


@PRODUCTS.backward("score", active=all_of(has_choice, _keys_equal_width))
def key_untransposed_in_d_query(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
    """d_query = scale * d_scores @ keyᵀ: one transpose too many, and shapes fit where S = D."""
    key = saved.key
    right = score_backward(d_scores, saved)
    if key.shape[-1] != key.shape[-2]:
        return right
    turned = saved._replace(key=np.ascontiguousarray(transposed(key)))
    return right._replace(d_query=score_backward(d_scores, turned).d_query)


def _equal_widths(call: Inputs) -> bool:
    """Where D = E."""
    return call.lengths.D == call.lengths.E


@PRODUCTS.pair(active=_equal_widths)
def d_key_and_d_value_swapped() -> Pair:
    """d_key and d_value are returned in the wrong order, and shapes fit where D = E."""

    def backward(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
        right = attention_backward(d_out, saved, **others)
        if right.d_key.shape != right.d_value.shape:
            return right
        return right._replace(d_key=right.d_value, d_value=right.d_key)

    return Pair(attention_forward, backward)


@PRODUCTS.pair(active=all_of(has_choice, _equal_widths))
def key_and_value_swapped() -> Pair:
    """Key and value are passed in the wrong order, which has the right shapes where D = E."""

    def forward(query: Any, key: Any, value: Any, **options: Any) -> tuple[Any, AttentionSaved]:
        swap = np.shape(key) == np.shape(value)
        return attention_forward(query, *((value, key) if swap else (key, value)), **options)

    def backward(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
        right = attention_backward(d_out, saved, **others)
        swap = right.d_key.shape == right.d_value.shape
        return right._replace(d_key=right.d_value, d_value=right.d_key) if swap else right

    return Pair(forward, backward)
