"""The steps that positions add to a multi-head attention; each returns its input where there are none."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ...functional.attention.attention import AttentionSaved
from ...functional.attention.biases import Bias
from ...functional.attention.steps import STEPS
from ...functional.base.admission import Array
from ...functional.base.arrays import round_to
from ..attention_step import AttentionStepSaved
from ..parameters import Params
from .attention_positions import AttentionPositions, Places, PositionGradients, admit_positions


def places_of(
    query_positions: npt.ArrayLike | None, key_positions: npt.ArrayLike | None, L: int, S: int, own_keys: bool
) -> Places:
    """The positions of queries and keys: 0, 1, 2, … each, keys as queries in self-attention, unless given."""
    query = admit_positions("query_positions", query_positions, L)
    if key_positions is None and own_keys:
        return Places(query, query)
    return Places(query, admit_positions("key_positions", key_positions, S))


def rotate_heads(
    positions: AttentionPositions | None, query: Array, key: Array, places: Places
) -> tuple[Array, Array, Any]:
    """query (B, H, L, D) and key (B, G, S, D), turned."""
    if positions is None:
        return query, key, None
    query, saved_query = positions.rotate_forward(query, places.query)
    key, saved_key = positions.rotate_forward(key, places.key)
    return query, key, (saved_query, saved_key)


def rotate_heads_backward(
    positions: AttentionPositions | None, d_query: Array, d_key: Array, saved: Any
) -> tuple[Array, Array]:
    """Undo `rotate_heads`."""
    if positions is None:
        return d_query, d_key
    return positions.rotate_backward(d_query, saved[0]), positions.rotate_backward(d_key, saved[1])


def bias_of(
    positions: AttentionPositions | None, params: Params, query: Array, key: Array, places: Places, scale: Any
) -> tuple[Any, Any]:
    """What the positions add to the scores."""
    if positions is None:
        return None, None
    constant = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale) if positions.scaled else 1.0
    bias, saved = positions.bias_forward(params.get("positions", {}), query, key, places, constant)
    return bias, (bias if isinstance(bias, Bias) else None, saved)


def bias_backward(positions: AttentionPositions | None, d_bias: Any, saved: Any) -> PositionGradients:
    """Undo `bias_of`."""
    if positions is None or d_bias is None:
        return PositionGradients(None, None, {})
    value, saved_bias = saved
    if value is not None and isinstance(d_bias, np.ndarray):  # it was made an array, beside extra keys
        d_bias = value.gradients(d_bias)
    return positions.bias_backward(d_bias, saved_bias)


def values_of(
    positions: AttentionPositions | None,
    params: Params,
    context: Array,
    saved: AttentionStepSaved,
    places: Places,
) -> tuple[Array, Any]:
    """context (B, H, L, D) with what the positions add to it, of the weights of the keys of the sequence."""
    if positions is None or not positions.needs_weights:
        return context, None
    steps = saved.attention
    assert isinstance(steps, AttentionSaved)
    weights = steps.weights if steps.thinned is None else steps.thinned
    S = places.key.shape[-1]
    added, saved_values = positions.values_forward(params["positions"], weights[..., :S], places)
    return round_to(context + added, context, fresh=True), saved_values


def values_backward(
    positions: AttentionPositions | None, d_context: Array, saved: Any, step: AttentionStepSaved
) -> tuple[Array | None, Params]:
    """Undo `values_of`: the cotangent of the weights before dropout, and the parameters' gradients."""
    if positions is None or not positions.needs_weights:
        return None, {}
    steps = step.attention
    assert isinstance(steps, AttentionSaved)
    d_thinned, d_params = positions.values_backward(d_context, saved)
    extra = steps.weights.shape[-1] - d_thinned.shape[-1]
    beside = np.zeros((*d_thinned.shape[:-1], extra), d_thinned.dtype)
    d_thinned = np.concatenate([d_thinned, beside], axis=-1)
    return STEPS.dropout.backward(d_thinned, steps.steps_saved.dropout), d_params
