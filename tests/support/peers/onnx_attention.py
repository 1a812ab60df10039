"""ONNX's Attention as a call of na.attention, and error bounds of ONNX's reference implementation."""

from functools import reduce
from operator import and_
from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na
from tests.support.peers.onnx_cases import OnnxCase, double, roundoff

U = 2.0**-53


class Translated(NamedTuple):
    """Arguments of na.attention equivalent to a case."""

    query: Any
    key: Any
    value: Any
    mask: Any
    bias: Any
    scale: float | None
    softcap: float | None

    @property
    def options(self):
        return dict(mask=self.mask, bias=self.bias, scale=self.scale, softcap=self.softcap)


def translated(case: OnnxCase) -> Translated:
    """The case as arguments of na.attention.

    is_causal            causal(offset=…), and a window likewise: 0, the top left corner; behind a past, its
                         length; with nonpad_kv_seqlen, such that the queries are the last real tokens
    left_, right_window  window(left, right), the own position not counted here as there; -1 is None
    boolean attn_mask    visible(…);  a float one is a bias. Short of keys, it is filled up with hidden ones
    nonpad_kv_seqlen     padding(…)
    past_key, past_value are keys and values like the others, before them
    3-D inputs           have their heads side by side in the last axis
    softmax_precision    is float64 here, always
    """
    query, key, value = (heads_apart(case, name) for name in ("Q", "K", "V"))
    L, past = query.shape[-2], case.inputs.get("past_key")
    lengths = case.inputs.get("nonpad_kv_seqlen")
    offset = 0
    if past is not None:
        key = np.concatenate([past, key], axis=-2)
        value = np.concatenate([case.inputs["past_value"], value], axis=-2)
        offset = past.shape[-2]
    elif lengths is not None:
        offset = lengths - L
    mask, bias = attn_mask(case, key.shape[-2])
    left, right = (case.attribute(f"{side}_window_size", -1) for side in ("left", "right"))
    masks = [] if mask is None else [mask]
    if case.attribute("is_causal"):
        masks.append(na.causal(offset=offset))
    if max(left, right) >= 0:
        masks.append(na.window(*(None if n < 0 else n for n in (left, right)), offset=offset))
    if lengths is not None:
        masks.append(na.padding(lengths))
    together = reduce(and_, masks) if masks else None
    softcap = case.attribute("softcap") or None
    return Translated(query, key, value, together, bias, case.attribute("scale"), softcap)


def heads_apart(case: OnnxCase, name: str) -> Any:
    """(B, H, L, D), also from (B, L, H * D); bfloat16, which NumPy lacks, becomes float64."""
    x = case.inputs[name]
    if x.ndim == 3:
        heads = case.attribute("q_num_heads" if name == "Q" else "kv_num_heads")
        x = np.swapaxes(x.reshape(*x.shape[:2], heads, -1), 1, 2)
    return known(x)


def known(x: Any) -> Any:
    """The array in a dtype of NumPy, exactly."""
    return x if x.dtype in (np.float16, np.float32, np.float64, np.bool_) else double(x)


def attn_mask(case: OnnxCase, S: int) -> tuple[Any, Any]:
    """(mask, bias), one of them None."""
    array = case.inputs.get("attn_mask")
    if array is None:
        return None, None
    hidden = False if array.dtype == bool else -np.inf
    missing = [(0, 0)] * (array.ndim - 1) + [(0, S - array.shape[-1])]
    array = np.pad(known(array), missing, constant_values=hidden)
    return (na.visible(array), None) if array.dtype == bool else (None, array)


def outputs_of(case: OnnxCase, call: Translated, forward: Any = na.attention_forward) -> dict[str, Any]:
    """Every output of the case, computed by a `forward` with the signature of attention_forward."""
    out, saved = forward(call.query, call.key, call.value, **call.options)
    if case.inputs["Q"].ndim == 3:
        out = np.swapaxes(out, 1, 2)
        out = out.reshape(*out.shape[:2], -1)
    capped = saved.scores if saved.capped is None else saved.capped
    biased = capped if saved.biased is None else saved.biased
    masked = biased if saved.masked is None else saved.masked
    stages = (saved.scores, capped, masked, saved.weights)
    outputs = {
        "Y": out,
        "present_key": call.key,
        "present_value": call.value,
        "qk_matmul_output": stages[case.attribute("qk_matmul_output_mode", 0)],
    }
    return {name: outputs[name] for name in case.outputs}


# ------------------------------------------------------------------------------------------ error bounds


def allowed(case: OnnxCase, call: Translated) -> dict[str, Any]:
    """The tolerance of each output: the error of onnx's computation plus that of one in float64, rounded.

    onnx's reference rounds every step to the inputs' dtype; its products alone are summed in float32.
    """
    u = roundoff(case.inputs["Q"].dtype)
    theirs, ours = (_errors(case, call, *us) for us in ((u, 2.0**-24), (U, U)))
    stored = {name: u * np.abs(_finite(double(case.outputs[name]))) for name in case.outputs}
    return {name: theirs[name] + ours[name] + stored[name] for name in case.outputs}


def _errors(case: OnnxCase, call: Translated, u: float, u_sum: float) -> dict[str, Any]:
    """Bounds of first order in u, step by step; u_sum is the unit roundoff in which products are summed.

    Each is rigorous but for O(u²): in whatever order n terms are summed, none is rounded more than n times.
    """
    query, key, value = (double(x) for x in call[:3])
    group = query.shape[1] // key.shape[1]
    key, value = (np.repeat(x, group, axis=1) for x in (key, value))
    B, _, L, D, S = *query.shape, key.shape[-2]
    out, saved = na.attention_forward(query, key, value, **call.options)
    scale = 1 / np.sqrt(D) if call.scale is None else call.scale

    # roundings: √scale, its products with query and key, and their sum
    terms = abs(scale) * np.abs(query) @ np.swapaxes(np.abs(key), -1, -2)
    e_scores = (4 * u + D * u_sum) * terms + u * np.abs(saved.scores)
    # divided, tanh (four roundings' worth), multiplied: the slope of tanh is at most 1
    e_capped = e_scores
    if call.softcap is not None:
        e_capped = e_scores + u * np.abs(saved.scores) + 6 * u * np.abs(saved.capped)
    biased = saved.scores if saved.capped is None else saved.capped
    biased = biased if saved.biased is None else saved.biased
    visible = np.isfinite(biased) if saved.masked is None else np.isfinite(saved.masked)
    e_biased = np.where(visible, e_capped + u * np.abs(_finite(biased)), 0)
    # exp(x - top): errors of x and of the subtraction change the logarithm; exp itself has 2.5 units in the
    # last place; then the sum of S, the quotient and the cast to the output's dtype
    top = np.max(np.where(visible, biased, -np.inf), axis=-1, keepdims=True, initial=-np.inf)
    e_log = e_biased + np.where(visible, u * np.abs(_finite(biased) - _finite(top)), 0) + 5 * u
    e_sum = np.sum(saved.weights * np.expm1(e_log), axis=-1, keepdims=True) + S * u
    e_weights = saved.weights * (np.expm1(e_log) + e_sum + 2 * u) / (1 - e_sum)
    # the product with the values
    e_out = e_weights @ np.abs(value) + S * u_sum * (saved.weights @ np.abs(value)) + u * np.abs(out)
    if case.inputs["Q"].ndim == 3:
        e_out = np.swapaxes(e_out, 1, 2).reshape(B, L, -1)
    stages = (e_scores, e_capped, e_biased, e_weights)
    return {
        "Y": e_out,
        "present_key": 0.0,
        "present_value": 0.0,
        "qk_matmul_output": stages[case.attribute("qk_matmul_output_mode", 0)],
    }


def _finite(x: Any) -> Any:
    return np.where(np.isfinite(x), x, 0)
