"""dot and general scores, and what all products share, the cosine included."""

import math

import numpy as np
import pytest

from numpy_attention.functional.scores.cosine import (
    cosine_scores,
    cosine_scores_backward,
    cosine_scores_forward,
)
from numpy_attention.functional.scores.products import (
    dot_scores,
    dot_scores_backward,
    dot_scores_forward,
    general_scores,
    general_scores_backward,
    general_scores_forward,
)
from tests.support.complex_step import check_pair, close

DTYPES = ("float16", "float32", "float64", "complex64", "complex128")
PAIRS = {
    "dot": (dot_scores_forward, dot_scores_backward),
    "general": (general_scores_forward, general_scores_backward),
    "cosine": (cosine_scores_forward, cosine_scores_backward),
}


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def example(name, rng, batch_query=(), batch_key=(), batch_weight=(), L=3, S=5, D=7, Dk=2):
    """The arguments of one pair, every length another prime."""
    query = rng.standard_normal((*batch_query, L, D))
    if name == "dot":
        return query, rng.standard_normal((*batch_key, S, D)), None
    if name == "cosine":
        return query, rng.standard_normal((*batch_key, S, D)), 1.7
    return (
        query,
        rng.standard_normal((*batch_key, S, Dk)),
        rng.standard_normal((*batch_weight, D, Dk)),
    )


# --------------------------------------------------------------------------------- values by hand


def test_dot_by_hand():
    assert dot_scores([[1, 2]], [[3, 4], [5, 6]], 1).tolist() == [[11, 17]]
    assert dot_scores([[1, 2, 0, 2]], [[3, 4, 9, 1]]).tolist() == [[13 / 2]]  # 1 / sqrt(4)
    assert dot_scores([[3]], [[5]]).tolist() == [[15]]
    assert dot_scores([[1, 2]], [[3, 4], [5, 6]], [[2, -1]]).tolist() == [[22, -17]]
    out, saved = dot_scores_forward(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), 10.0)
    d = dot_scores_backward([[2.0]], saved)
    assert d.d_query.tolist() == [[60, 80]]
    assert d.d_key.tolist() == [[20, 40]]
    assert d.d_scale == 22
    assert saved.products.tolist() == [[11]]


def test_general_by_hand():
    arguments = np.array([[1.0, 2.0]]), np.array([[3.0]]), np.array([[5.0], [7.0]])
    out, saved = general_scores_forward(*arguments)
    assert out.tolist() == [[(1 * 5 + 2 * 7) * 3]]
    d = general_scores_backward(np.array([[1.0]]), saved)
    assert d.d_query.tolist() == [[15, 21]]
    assert d.d_key.tolist() == [[19]]
    assert d.d_weight.tolist() == [[3], [6]]


# ------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(
    "batches",
    [
        dict(),
        dict(batch_query=(2, 3), batch_key=(2, 3)),
        dict(batch_query=(3, 1), batch_key=(2,), batch_weight=(2,)),
        dict(batch_key=(2, 1), batch_weight=(3,)),
        dict(L=1, S=1, D=2, Dk=1),
    ],
    ids=str,
)
def test_gradients(name, batches, rng):
    check_pair(*PAIRS[name], *example(name, rng, **batches))


@pytest.mark.parametrize("shape", [None, (), (1,), (5,), (3, 1), (2, 1, 1), (2, 3, 5)], ids=str)
def test_gradient_of_the_scale(shape, rng):
    query, key, _ = example("dot", rng, batch_query=(2,))
    scale = 0.3 if shape is None else rng.standard_normal(shape)
    check_pair(dot_scores_forward, dot_scores_backward, query, key, scale)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("lengths", [dict(L=0), dict(S=0), dict(D=0), dict(L=0, S=0, D=0, Dk=0)], ids=str)
def test_no_length(name, lengths, rng):
    arguments = example(name, rng, **lengths)
    check_pair(*PAIRS[name], *arguments)
    out, saved = PAIRS[name][0](*arguments)
    assert out.shape == (lengths.get("L", 3), lengths.get("S", 5))
    if "D" in lengths:
        assert not out.any()


def test_default_scale_of_no_width():
    out, saved = dot_scores_forward(np.zeros((2, 0)), np.zeros((3, 0)))
    assert out.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert dot_scores_backward(np.ones((2, 3)), saved).d_scale is None


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e4])
@pytest.mark.parametrize("name", PAIRS)
def test_gradients_of_all_sizes(name, size, rng):
    query, key, third = example(name, rng)
    check_pair(*PAIRS[name], query * size, key, third)


# ------------------------------------------------------------------------------------------ dtypes


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name, dtype, rng):
    query, key, third = example(name, rng)
    arguments = [query.astype(dtype), key.astype(dtype), third]
    if name == "general":
        arguments[2] = third.astype(dtype)
    out, saved = PAIRS[name][0](*arguments)
    assert out.dtype == dtype
    d = PAIRS[name][1](np.ones(out.shape, dtype), saved)
    kinds = [None if a is None else np.asarray(a).dtype for a in arguments]
    for gradient, kind in zip(d, kinds, strict=True):
        if kind is not None:
            kind = np.result_type(kind, np.complex64) if out.dtype.kind == "c" else kind
            assert gradient.dtype == kind


def test_required_arguments_promote_and_optional_never(rng):
    query, key, _ = example("dot", rng)
    half, single = query.astype("float16"), key.astype("float32")
    for scale in (None, 2, 0.3, np.float64(0.3), np.full((3, 5), 0.3), np.array(0.3)):
        out, saved = dot_scores_forward(half, single, scale)
        assert out.dtype == np.float32
        d = dot_scores_backward(np.ones((3, 5)), saved)
        assert (d.d_query.dtype, d.d_key.dtype) == (np.float16, np.float32)
        assert scale is None or d.d_scale.dtype == np.float64
    assert dot_scores(half, single, 0.3j).dtype == np.complex64
    assert dot_scores(query, single).dtype == np.float64
    for sharpness in (2, 0.3, np.float64(0.3), np.array(0.3)):
        assert cosine_scores(half, half[:2], sharpness).dtype == np.float16
        assert cosine_scores(half, single, sharpness).dtype == np.float32
    weight = rng.standard_normal((7, 7))
    assert general_scores(half, half, weight.astype("float16")).dtype == np.float16
    assert general_scores(half, single, weight).dtype == np.float64


def test_float16_is_computed_in_float32():
    query = np.full((1, 1000), 16, dtype=np.float16)  # 256,000 before the scale: inf in float16
    out, saved = dot_scores_forward(query, query)
    assert out == np.float16(256_000 / math.sqrt(1000))
    assert saved.products.dtype == np.float32
    assert dot_scores(query, query, 1) == np.inf


@pytest.mark.parametrize("name", PAIRS)
def test_float32_is_near_float64(name, rng):
    query, key, third = example(name, rng, L=11, S=13, D=64, Dk=64)
    given = [query.astype("float32"), key.astype("float32"), third]
    given[2] = third.astype("float32") if name == "general" else third
    wide = [None if a is None else np.asarray(a, dtype=float) for a in given]
    (out, saved), (exact, exact_saved) = PAIRS[name][0](*given), PAIRS[name][0](*wide)
    d_out = rng.standard_normal(out.shape).astype("float32")
    d, d_exact = PAIRS[name][1](d_out, saved), PAIRS[name][1](d_out.astype(float), exact_saved)
    # a sum of n products is off by at most about 4 sqrt(n) units of its largest possible value
    for got, right in ((out, exact), (d.d_query, d_exact.d_query), (d.d_key, d_exact.d_key)):
        assert np.abs(got - right).max() <= 4 * 8 * 2**-24 * 8 * np.abs(right).max()


# ----------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize("name", PAIRS)
def test_layouts(name, rng):
    query, key, third = example(name, rng, batch_query=(2,), batch_key=(2,), batch_weight=(2,))
    out, saved = PAIRS[name][0](query, key, third)
    d_out = rng.standard_normal(out.shape)
    d = PAIRS[name][1](d_out, saved)
    for layout in (np.asfortranarray, lambda x: x[..., ::-1].copy()[..., ::-1], swapped):
        given = [layout(a) if isinstance(a, np.ndarray) else a for a in (query, key, third)]
        again, saved = PAIRS[name][0](*given)
        assert close(again, out, rtol=1e-13, atol=1e-13)
        for left, right in zip(PAIRS[name][1](layout(d_out), saved), d, strict=True):
            assert left is right is None or close(left, right, rtol=1e-13, atol=1e-13)


def swapped(x):
    """The other byte order, as a file may have it."""
    return x.astype(x.dtype.newbyteorder(">"))


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (
            lambda: dot_scores(np.ones((2, 3)), np.ones((2, 5))),
            ValueError,
            "the last axis of query is 3, but that of key is 5; they must be equal",
        ),
        (
            lambda: dot_scores(np.ones((2, 1, 3)), np.ones((5, 1, 3))),
            ValueError,
            r"the batch axes do not broadcast together: query \(2,\), key \(5,\)",
        ),
        (
            lambda: dot_scores([1, 2], [[1, 2]]),
            ValueError,
            r"query has shape \(2,\); at least 2 axes are expected",
        ),
        (
            lambda: dot_scores_forward(np.ones((2, 3), int), np.ones((2, 3))),
            TypeError,
            "query has dtype int64; float16, .* is expected",
        ),
        (lambda: dot_scores([["a"]], [[1]]), TypeError, "query is ndarray .dtype <U1.; an array"),
        (lambda: dot_scores([[1]], [[1]], np.nan), ValueError, "scale is nan; a finite number"),
        (lambda: dot_scores([[1]], [[1]], -np.inf), ValueError, "scale is -inf; a finite number"),
        (
            lambda: dot_scores([[1]], [[1]], np.ones((2, 1))),
            ValueError,
            r"scale has shape \(2, 1\), which does not broadcast to .* \(1, 1\)",
        ),
        (lambda: dot_scores([[1]], [[1]], "no"), TypeError, "scale is str"),
        (
            lambda: general_scores(np.ones((2, 3)), np.ones((2, 5)), np.ones((5, 3))),
            ValueError,
            "the last axis of query is 3, but the width Dq of weight is 5",
        ),
        (
            lambda: general_scores(np.ones((2, 3)), np.ones((2, 5)), np.ones((3, 3))),
            ValueError,
            "the last axis of key is 5, but the width Dk of weight is 3",
        ),
        (
            lambda: general_scores([[[1]]] * 2, [[1]], np.ones((3, 1, 1))),
            ValueError,
            r"together: query \(2,\), key \(\), weight \(3,\)",
        ),
    ],
)
def test_errors(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


@pytest.mark.parametrize("name", PAIRS)
def test_a_cotangent_of_another_shape(name, rng):
    _, saved = PAIRS[name][0](*example(name, rng))
    with pytest.raises(ValueError, match=r"d_out has shape \(5, 3\); that of the output, \(3, 5\)"):
        PAIRS[name][1](np.ones((5, 3)), saved)


# ------------------------------------------------------------------------------------- against torch


def test_against_torch(peer, rng):
    torch = peer("torch")
    for name, formula in {
        "dot": lambda q, k, s: q @ k.mT / math.sqrt(q.shape[-1]),
        "general": lambda q, k, w: q @ w @ k.mT,
        "cosine": lambda q, k, s: s * torch.cosine_similarity(q[..., :, None, :], k[..., None, :, :], dim=-1),
    }.items():
        arguments = example(name, rng, batch_query=(2, 1), batch_key=(3,), batch_weight=(3,))
        out, saved = PAIRS[name][0](*arguments)
        d_out = rng.standard_normal(out.shape)
        theirs = [a if a is None else torch.tensor(a, requires_grad=True) for a in arguments]
        their_out = formula(*theirs)
        their_out.backward(torch.tensor(d_out, dtype=their_out.dtype))
        assert close(out, their_out.detach(), rtol=1e-6 if name == "cosine" else 1e-13)
        for gradient, tensor in zip(PAIRS[name][1](d_out, saved), theirs, strict=True):
            if gradient is not None:
                assert close(gradient, tensor.grad, rtol=1e-6, atol=1e-13)
