"""From model width to heads and back: projections of query, key and value, splitting and joining of heads.

    q, k, v = query @ W_qᵀ + b_q, key @ W_kᵀ + b_k, value @ W_vᵀ + b_v

Inputs of one width share in_proj_weight = [W_q; W_k; W_v]: an input that is key and value too, or all three,
is projected once. Otherwise there are q_proj_weight, k_proj_weight and v_proj_weight, as in PyTorch.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
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


def projections(inputs: int, widths: Sequence[int], separate: bool) -> list[InputProjection]:
    """The products for one, two or three inputs; `widths` are the columns of q, k and v."""
    ends = [0, *np.cumsum(widths).tolist()]
    if separate:
        own = [slice(ends[i], ends[i + 1]) for i in range(3)]
        return [
            InputProjection(min(i, inputs - 1), SEPARATE[i], slice(None), own[i], slice(i, i + 1))
            for i in range(3)
        ]
    parts = [slice(i, i + 1 if i < inputs - 1 else 3) for i in range(inputs)]  # the last is all that are left
    rows = [slice(ends[part.start], ends[part.stop]) for part in parts]
    return [
        InputProjection(i, "in_proj_weight", own, own, part)
        for i, (own, part) in enumerate(zip(rows, parts, strict=True))
    ]


def project_forward(
    params: Params, inputs: Sequence[Array], plan: Sequence[InputProjection], widths: Sequence[int]
) -> tuple[list[Array], tuple[LinearSaved, ...]]:
    """q, k and v, (B, L or S, columns) each, and what each product saved."""
    bias = params.get("in_proj_bias")
    projected: list[Array] = []
    saved: list[LinearSaved] = []
    for source, weight, rows, bias_rows, pieces in plan:
        own_bias = None if bias is None else bias[bias_rows]
        out, saved_product = linear_forward(inputs[source], params[weight][rows], own_bias)
        projected += np.split(out, np.cumsum(widths[pieces])[:-1], axis=-1)
        saved.append(saved_product)
    return projected, tuple(saved)


def project_backward(
    d_projected: Sequence[Array], saved: Sequence[LinearSaved], plan: Sequence[InputProjection]
) -> tuple[list[Any], Params]:
    """The gradients of the three inputs, None for one that was not passed, and those of the parameters."""
    d_inputs: list[Any] = [None, None, None]
    d_weights: dict[str, list[Array]] = {}
    d_biases: list[Any] = []
    for (source, weight, _, _, pieces), saved_product in zip(plan, saved, strict=True):
        d_x, d_weight, d_bias = linear_backward(np.concatenate(d_projected[pieces], axis=-1), saved_product)
        d_inputs[source] = d_x if d_inputs[source] is None else d_inputs[source] + d_x
        d_weights.setdefault(weight, []).append(d_weight)
        d_biases.append(d_bias)
    d_params = {weight: np.concatenate(parts) for weight, parts in d_weights.items()}
    return d_inputs, d_params | ({} if d_biases[0] is None else {"in_proj_bias": np.concatenate(d_biases)})


def split_heads(joined: Array, heads: int) -> Array:
    """(B, L, heads * D) -> (B, heads, L, D)"""
    *batch, length, width = joined.shape
    return joined.reshape(*batch, length, heads, width // heads).swapaxes(-2, -3)


def join_heads(heads: Array) -> Array:
    """(B, H, L, D) -> (B, L, H * D)"""
    *batch, count, length, columns = heads.shape
    return heads.swapaxes(-2, -3).reshape(*batch, length, count * columns)
