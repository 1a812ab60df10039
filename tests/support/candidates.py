"""Candidates in NumPy, right and wrong, and the calls that judge them."""

from typing import Any

import numpy as np

import numpy_attention as na
from numpy_attention.check.candidate.frameworks import emulating
from numpy_attention.check.cases.sensitivity import ReferenceCase, reference_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.faults import fault
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import roundoff

OURS = (na.attention_forward, na.attention_backward)
FEW = [fault("no-row-sum"), fault("scale-missing")]


def check(candidate: Any, **options: Any) -> Any:
    """The report of `check_candidate`, by default bottom-right, on simple cases and with few faults."""
    framework = emulating(options.get("dtype", "float32"))
    usual = {"causal": "bottom_right", "profile": "simple", "faults": FEW, "framework": framework}
    return na.check_candidate(candidate, **(usual | options))


def plain_case(dtype: str = "float32", options: tuple[str, ...] = ()) -> ReferenceCase:
    """A small case with its reference."""
    spec = Specification("small", Shape(2, 2, 2, 5, 7, 4, 3), options, dtype=dtype)
    return reference_case(spec, roundoff(dtype))


def plain(query, key, value, causal=False, bias=None, scale=None, *, d_out):
    """The formula and its gradients in the inputs' dtype; bottom-right diagonal, heads repeated."""
    group = query.shape[1] // key.shape[1]
    keys, values = np.repeat(key, group, 1), np.repeat(value, group, 1)
    scale = query.dtype.type(query.shape[-1] ** -0.5 if scale is None else scale)
    scores = scale * (query @ keys.swapaxes(-1, -2))
    if bias is not None:
        scores = scores + bias
    L, S = scores.shape[-2:]
    if causal:
        scores = np.where(np.tri(L, S, S - L, dtype=bool), scores, -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True, initial=-1e30))
    weights = powers / powers.sum(-1, keepdims=True)
    out = weights @ values
    d_scores = weights * (d_out @ values.swapaxes(-1, -2) - (d_out * out).sum(-1, keepdims=True))

    def of_keys(x):
        return x.reshape(*key.shape[:2], group, *x.shape[2:]).sum(2)

    gradients = (
        scale * d_scores @ keys,
        of_keys(scale * d_scores.swapaxes(-1, -2) @ query),
        of_keys(weights.swapaxes(-1, -2) @ d_out),
    )
    if bias is not None:
        axes = tuple(n for n in range(4) if bias.shape[n] == 1)
        gradients += (d_scores.sum(axes, keepdims=True),)
    return out, gradients


def simple(query, key, value, *, d_out):
    """`plain` without options."""
    return plain(query, key, value, d_out=d_out)


def spoiled(change):
    """`simple` with its (out, d_query, d_key, d_value) replaced by `change` of them."""

    def attention(query, key, value, *, d_out):
        out, gradients = plain(query, key, value, d_out=d_out)
        out, *gradients = change(out, *gradients)
        return out, tuple(gradients)

    return attention
