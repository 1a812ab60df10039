"""Arrays of any framework are given and taken back unchanged; what has __dlpack__ or __array__ is read."""

from contextlib import nullcontext

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.capabilities import Constraints, probe
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import Emulated, NumPy, framework_of, get_framework, to_numpy
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.referee.external import compare
from numpy_attention.check.referee.referee import check_candidate
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import FORMATS
from tests.support.candidates import check, simple

X = FORMATS["bfloat16"].rounded(np.random.default_rng(0).standard_normal((2, 3, 5, 7)))


class ByArray:
    """An array of a framework that nobody knows, which has __array__."""

    def __init__(self, x):
        self.x = x

    def __array__(self, *_, **__):
        return self.x


class ByDlpack:
    """Another, which has __dlpack__."""

    def __init__(self, x):
        self.x = x

    def __dlpack__(self, **given):
        return self.x.__dlpack__(**given)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


@pytest.mark.parametrize("wrap", [ByArray, ByDlpack])
def test_any_array_that_numpy_reads_is_judged(wrap):
    def attention(query, key, value, *, d_out):
        out, gradients = simple(query, key, value, d_out=d_out)
        return wrap(out), tuple(map(wrap, gradients))

    assert not isinstance(wrap(X), np.ndarray)
    np.testing.assert_array_equal(to_numpy(wrap(X)).numbers, X)
    report = check(attention)
    assert report.ok, report
    wrong = check(lambda query, key, value: wrap(query @ key.swapaxes(-1, -2) @ value))
    assert wrong.outcome == "FAIL"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3", "float8_e5m2"])
def test_numpy_holds_the_numbers_of_every_format(dtype):
    x = FORMATS[dtype].rounded(X)
    given = Emulated().from_numpy(x, FORMATS[dtype])
    assert given.dtype.name == (dtype if dtype in ("float64", "float32", "float16") else "float32")
    np.testing.assert_array_equal(NumPy().to_numpy(given).numbers, x)
    assert NumPy().from_numpy(x > 0, FORMATS[dtype]).dtype == bool
    assert not np.shares_memory(given, x)


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3", "float8_e5m2"])
def test_frameworks_hold_every_format(name, dtype, peer):
    module = peer(name)
    own, x = get_framework(name), FORMATS[dtype].rounded(X)
    with module.enable_x64(True) if name == "jax" else nullcontext():
        given = own.from_numpy(x, FORMATS[dtype])
        assert framework_of(given) == name
        back = to_numpy(given)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back.numbers, x)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_frameworks_differentiate(name, peer):
    peer(name)
    own, kept = get_framework(name), FORMATS["float32"]
    x, y, d = (own.from_numpy(X[n % 2], kept) for n in range(3))
    out, rest, (d_x, d_y) = own.differentiate(lambda x, y: (x * y * y, {"lse": x}), [x, y], d)
    np.testing.assert_allclose(to_numpy(out).numbers, X[0] * X[1] ** 2, rtol=1e-6)
    np.testing.assert_allclose(to_numpy(d_x).numbers, X[0] * X[1] ** 2, rtol=1e-6)
    np.testing.assert_allclose(to_numpy(d_y).numbers, 2 * X[0] ** 2 * X[1], rtol=1e-6)
    assert set(rest) == {"lse"}


def test_torch_attention_passes_and_its_inverted_mask_does_not(peer):
    torch = peer("torch")
    library = torch.nn.functional.scaled_dot_product_attention

    def attention(query, key, value, attn_mask=None, scale=None):
        return library(query, key, value, attn_mask=attn_mask, scale=scale, enable_gqa=True)

    for dtype in ("float64", "bfloat16"):
        report = check_candidate(attention, dtype=dtype, mask="visible")
        assert report.ok, report
        assert report.setting["framework"] == "torch"
    assert not check_candidate(attention, mask="hidden").ok


def test_torch_output_without_gradient_is_a_problem(peer):
    torch = peer("torch")

    def attention(query, key, value):
        with torch.no_grad():
            return torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, -1) @ value

    report = check_candidate(attention)
    assert report.outcome == "FAIL"
    assert "carries no gradient" in report.problems[0].what
    forward = check_candidate(attention, forward_only=True)
    assert forward.ok
    assert forward.left_out["d_query"] == "no gradient returned"


def test_a_torch_function_is_called_by_position_and_judged(peer):
    torch = peer("torch")

    class Attention(torch.autograd.Function):
        @staticmethod
        def forward(ctx, q, k, v, causal, sm_scale):
            arrays = [x.double().numpy() for x in (q, k, v)]
            ctx.of = na.attention_forward(*arrays, scale=sm_scale, mask=na.causal() if causal else None)
            return torch.tensor(ctx.of[0]).to(q.dtype)

        @staticmethod
        def backward(ctx, d_out):
            grads = na.attention_backward(d_out.double().numpy(), ctx.of[1])
            return (*(torch.tensor(x).to(d_out.dtype) for x in grads[:3]), None, None)

    report = check_candidate(Attention.apply)
    assert report.ok, report
    assert report.setting["options"] == ["causal", "scale"]
    assert "causal with L != S" in report.left_out


def test_jax_attention_passes_and_float64_without_x64_is_noted(peer):
    jax = peer("jax")

    def attention(query, key, value):
        return jax.nn.softmax(query @ key.swapaxes(-1, -2) * query.shape[-1] ** -0.5, axis=-1) @ value

    candidate = Candidate(attention, checked_convention())
    before = bool(jax.config.jax_enable_x64)
    jax.config.update("jax_enable_x64", False)
    try:
        probed = probe(candidate, Constraints(head_dims=(8,), length_multiple=8), "float64", 0, 60)
    finally:
        jax.config.update("jax_enable_x64", before)
    assert (probed.framework.name, probed.capabilities.dtype) == ("jax", "float32")
    assert "without x64" in probed.notes[0]
    case = draw_case(Specification("plain", Shape(2, 2, 2, 8, 8, 8, 8)))
    tensors = candidate.call(case, probed.framework).tensors
    report = compare({name: x.numbers for name, x in tensors.items()}, case)
    assert report.ok, report
    assert set(report.worst) == {"out", "d_query", "d_key", "d_value"}


def test_unknown_arrays_and_frameworks_are_refused():
    with pytest.raises(TypeError, match="str is not an array"):
        framework_of("out")
    with pytest.raises(ValueError, match="one of numpy, torch, jax"):
        get_framework("mxnet")
