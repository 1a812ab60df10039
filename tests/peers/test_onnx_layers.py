"""The onnx package's cases of rotary positions, normalization, softmax and activations.

All are float32. Each count is asserted, that of the "_expanded" twins too; see `onnx_cases.py`.
"""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.functional.layers.positions import RotarySaved
from tests.support.peers.onnx_cases import cases_of, disagreements, double, expanded_twins
from tests.support.peers.onnx_layers import (
    F32,
    F64,
    layer_norm_bounds,
    logistic_bound,
    rms_norm_bound,
    rotary_bound,
    softmax_bounds,
)

# ------------------------------------------------- each output of a case with its tolerance


def tokens_of(case, x):
    """(B, H, L, D), also from three axes with the heads side by side in the last one."""
    if x.ndim == 4:
        return x
    return np.swapaxes(x.reshape(*x.shape[:2], case.attribute("num_heads"), -1), 1, 2)


def as_given(x, tokens):
    return tokens if x.ndim == 4 else np.swapaxes(tokens, 1, 2).reshape(x.shape)


def layout_of(case):
    return "interleaved" if case.attribute("interleaved") else "halves"


def rotary(case):
    """The cosines and sines of these cases are random numbers, not those of any angle.

    Only the pair's backward, which turns by what was saved, takes such. It turns back, hence -sin. Layout and
    width are so the pair's own; its angles are in a test of their own.
    """
    x, cos, sin = (case.inputs[name] for name in ("X", "cos_cache", "sin_cache"))
    if "position_ids" in case.inputs:
        cos, sin = cos[case.inputs["position_ids"]], sin[case.inputs["position_ids"]]
    tokens, cos, sin = tokens_of(case, x), cos[:, None], sin[:, None]
    out = na.rotary_backward(tokens, RotarySaved(tokens, cos, -sin, layout_of(case)))
    return {"Y": (as_given(x, out), rotary_bound(x, cos, sin))}


def rows_of(case, x, *parameters):
    """x and parameters with the normalised axes merged into one."""
    axis = case.attribute("axis", -1) % x.ndim
    return [x.reshape(*x.shape[:axis], -1), *[parameter.reshape(-1) for parameter in parameters]]


def layer_norm(case):
    """The pair saves no mean: it is what is left of x without the deviations, unit / rate.

    They have lost 3 roundings, the difference one more: but for that, all entries of a row leave the same.
    """
    x, eps = case.inputs["X"], case.attribute("epsilon", 1e-5)
    rows, weight, bias = rows_of(case, x, case.inputs["Scale"], case.inputs["B"])
    out, saved = na.layer_norm_forward(rows, weight, bias, eps)
    e_out, e_mean, e_rate = layer_norm_bounds(*map(double, (rows, weight, bias)), eps)
    deviations = saved.unit / saved.rate
    mean = (rows - deviations)[..., :1]
    lost = F32 * (3 * np.abs(deviations) + np.abs(mean))
    assert (np.abs(rows - deviations - mean) <= lost + lost[..., :1]).all()
    per_row = case.outputs["Mean"].shape
    return {
        "Y": (out.reshape(x.shape), e_out.reshape(x.shape)),
        "Mean": (mean.reshape(per_row), (e_mean + lost[..., :1]).reshape(per_row)),
        "InvStdDev": (saved.rate.reshape(per_row), e_rate.reshape(per_row)),
    }


def rms_norm(case):
    x, eps = case.inputs["X"], case.attribute("epsilon", 1e-5)
    rows, weight = rows_of(case, x, case.inputs["scale"])
    bound = rms_norm_bound(double(rows), double(weight), eps)
    return {"Y": (na.rms_norm(rows, weight, eps).reshape(x.shape), bound.reshape(x.shape))}


def softmax(case):
    x, axis = case.inputs["input"], case.attribute("axis", -1)
    return {"output": (na.softmax(x, axis), softmax_bounds(double(x), axis)[0])}


def log_softmax(case):
    x, axis = case.inputs["input"], case.attribute("axis", -1)
    return {"output": (na.log_softmax(x, axis), softmax_bounds(double(x), axis)[1])}


def gelu(case):
    """onnx's exact form is computed in float64 and rounded once; 1 + erf cancels for negative x."""
    x, size = case.inputs["X"], np.abs(double(case.inputs["X"]))
    stored = 2 * F32 * np.abs(double(case.outputs["Y"]))
    if case.attribute("approximate", "none") == "none":
        return {"Y": (na.gelu(x), stored + 8 * F64 * size)}
    # x³, its product and the sum are in float32 on both sides
    inner = 2 * np.sqrt(2 / np.pi) * (size + 0.044715 * size**3)
    return {"Y": (na.gelu_tanh(x), stored + size * logistic_bound(np.sign(x) * inner, 6 * F32 * inner))}


def silu(case):
    """Swish is silu where its factor α is 1."""
    assert case.attribute("alpha") == 1
    x, size = case.inputs["X"], np.abs(double(case.inputs["X"]))
    stored = 2 * F32 * np.abs(double(case.outputs["Y"]))
    return {"Y": (na.silu(x), stored + size * logistic_bound(double(x), 0.0))}


OPERATORS = {  # our function, number of cases, number of expanded twins
    "RotaryEmbedding": (rotary, 8, 8),
    "LayerNormalization": (layer_norm, 19, 38),
    "RMSNormalization": (rms_norm, 19, 19),
    "Softmax": (softmax, 7, 14),
    "LogSoftmax": (log_softmax, 7, 14),
    "Gelu": (gelu, 4, 4),
    "Swish": (silu, 1, 1),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_case_agrees(operator, peer):
    onnx = peer("onnx")
    compute, count, twins = OPERATORS[operator]
    cases = cases_of(onnx, operator)
    assert (len(cases), expanded_twins(onnx, cases)) == (count, twins)
    assert {x.dtype for case in cases for x in case.outputs.values()} == {np.dtype("float32")}
    wrong = [line for case in cases for line in disagreements(case, compute(case))]
    assert not wrong, "\n".join(wrong)


def test_rotary_cases_through_the_layer(peer):
    """`nn.Rotary` turns by any cosines and sines, as the cases have them."""
    for case in cases_of(peer("onnx"), "RotaryEmbedding"):
        x, cos, sin = (case.inputs[name] for name in ("X", "cos_cache", "sin_cache"))
        if "position_ids" in case.inputs:
            cos, sin = cos[case.inputs["position_ids"]], sin[case.inputs["position_ids"]]
        layer = nn.Rotary(2 * cos.shape[-1], layout=layout_of(case))
        out, _ = layer.turn(tokens_of(case, x), cos[:, None], sin[:, None])
        assert not disagreements(case, {"Y": (as_given(x, out), rotary_bound(x, cos[:, None], sin[:, None]))})


def test_rotary_by_angles(peer):
    """The rotary cases, by onnx's reference, with cosines and sines of p * 10000^(-2i / width)."""
    reference = peer("onnx.reference").ReferenceEvaluator
    rng = np.random.default_rng(5)
    for case in cases_of(peer("onnx"), "RotaryEmbedding"):
        arrays = dict(zip([i.name for i in case.model.graph.input], case.data[0], strict=True))
        width = 2 * arrays["cos_cache"].shape[-1]
        x = rng.standard_normal(arrays["input"].shape).astype(np.float32)
        tokens = tokens_of(case, x)
        known = np.arange(50)
        positions = arrays.get("position_ids")
        if positions is None:
            known = positions = rng.integers(0, 50, tokens.shape[::2])
        angles = known[..., None] * 10000.0 ** (-np.arange(0, width, 2) / width)
        caches = {"cos_cache": np.cos(angles), "sin_cache": np.sin(angles)}
        caches = {name: cache.astype(np.float32) for name, cache in caches.items()}
        (expected,) = reference(case.model).run(None, arrays | {"input": x} | caches)
        got = as_given(x, na.rotary(tokens, positions[:, None], layout=layout_of(case), width=width))
        # each side also rounds its cosines and sines
        allowed = rotary_bound(x, *caches.values()) + 4 * F32 * np.abs(x).max()
        assert np.abs(got - expected).max() <= allowed, case.name
        assert np.abs(x - expected).max() > 0.1, "nothing was turned"


MISTAKES = {
    "RotaryEmbedding": lambda case: case.but(interleaved=1 - case.attribute("interleaved", 0)),
    "LayerNormalization": lambda case: case.but(epsilon=case.attribute("epsilon", 1e-5) + 1e-4),
    "RMSNormalization": lambda case: case.but(epsilon=case.attribute("epsilon", 1e-5) + 1e-4),
    "Softmax": lambda case: case.but(axis=case.attribute("axis", -1) - 1),
    "LogSoftmax": lambda case: case.but(axis=case.attribute("axis", -1) - 1),
    "Gelu": lambda case: case.but(approximate="none" if case.attribute("approximate") == "tanh" else "tanh"),
}


@pytest.mark.parametrize("operator", MISTAKES)
def test_a_wrong_attribute_is_detected_in_every_case(operator, peer):
    for case in cases_of(peer("onnx"), operator):
        compute, _, _ = OPERATORS[operator]
        assert disagreements(case, compute(MISTAKES[operator](case))), case.name
