"""From model width to heads and back: projections of query, key and value, splitting and joining of heads.

    q, k, v = query @ W_qᵀ + b_q, key @ W_kᵀ + b_k, value @ W_vᵀ + b_v

Inputs of one width share in_proj_weight = [W_q; W_k; W_v]: an input that is key and value too, or all three,
is projected once. Otherwise there are q_proj_weight, k_proj_weight and v_proj_weight, as in PyTorch.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.memory import contiguous, new_array
from ..functional.layers.linear import LinearSaved, linear_backward, linear_forward
from .parameters import Params

SEPARATE = ("q_proj_weight", "k_proj_weight", "v_proj_weight")


class InputProjection(NamedTuple):
    """One product: of which input, by which rows of which parameter, giving which of q, k and v."""

    source: int
    weight: str
    rows: slice
    bias_rows: slice
    pieces: slice
    columns: tuple[slice, ...]
    """Of its result those of each piece"""


@cache
def projections(inputs: int, widths: tuple[int, int, int], separate: bool) -> list[InputProjection]:
    """The products for one, two or three inputs; `widths` are the columns of q, k and v."""
    ends = (0, widths[0], widths[0] + widths[1], sum(widths))
    if separate:
        parts, sources = [(i, i + 1) for i in range(3)], [min(i, inputs - 1) for i in range(3)]
    else:  # the last input is projected by all rows that are left
        parts, sources = [(i, i + 1 if i < inputs - 1 else 3) for i in range(inputs)], [*range(inputs)]
    plan = []
    for source, (first, last) in zip(sources, parts, strict=True):
        own = slice(ends[first], ends[last])
        columns = tuple(slice(ends[i] - own.start, ends[i + 1] - own.start) for i in range(first, last))
        weight, rows = (SEPARATE[first], slice(None)) if separate else ("in_proj_weight", own)
        plan.append(InputProjection(source, weight, rows, own, slice(first, last), columns))
    return plan


def project_forward(
    params: Params, inputs: Sequence[Array], plan: Sequence[InputProjection]
) -> tuple[list[Array], tuple[LinearSaved, ...]]:
    """q, k and v, (B, L or S, columns) each, and what each product saved."""
    bias = params.get("in_proj_bias")
    projected: list[Array] = []
    saved: list[LinearSaved] = []
    for source, weight, rows, bias_rows, _, columns in plan:
        own_bias = None if bias is None else bias[bias_rows]
        out, saved_product = linear_forward(inputs[source], params[weight][rows], own_bias)
        projected += [out[..., own] for own in columns]
        saved.append(saved_product)
    return projected, tuple(saved)


def project_backward(
    d_heads: Sequence[Array], saved: Sequence[LinearSaved], plan: Sequence[InputProjection]
) -> tuple[list[Any], Params]:
    """The gradients of the three inputs, None for one that was not passed, and those of the parameters.

    d_heads: those of q, k and v, (B, H or G, L or S, D) each.
    """
    d_inputs: list[Any] = [None, None, None]
    d_weights: dict[str, list[Array]] = {}
    d_biases: list[Any] = []
    for (source, weight, _, _, pieces, _), saved_product in zip(plan, saved, strict=True):
        d_x, d_weight, d_bias = linear_backward(join_heads(*d_heads[pieces]), saved_product)
        d_inputs[source] = d_x if d_inputs[source] is None else d_inputs[source] + d_x
        d_weights.setdefault(weight, []).append(d_weight)
        d_biases.append(d_bias)
    d_params = {weight: np.concatenate(parts) for weight, parts in d_weights.items()}
    return d_inputs, d_params | ({} if d_biases[0] is None else {"in_proj_bias": np.concatenate(d_biases)})


def split_heads(joined: Array, heads: int) -> Array:
    """(B, L, heads * D) -> (B, heads, L, D)"""
    *batch, length, width = joined.shape
    return contiguous(joined.reshape(*batch, length, heads, width // heads).swapaxes(-2, -3))


def join_heads(*heads: Array) -> Array:
    """(B, H, L, D) -> (B, L, H * D); of several, side by side."""
    parts = [each.swapaxes(-2, -3) for each in heads]
    *batch, length, _, columns = parts[0].shape
    count = sum(part.shape[-2] for part in parts)
    joined = new_array((*batch, length, count, columns), np.result_type(*parts))
    np.concatenate(parts, axis=-2, out=joined)
    return joined.reshape(*batch, length, count * columns)
