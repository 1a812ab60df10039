"""Additive scores, and what additive and concat scores have in common."""

import math
import tracemalloc

import numpy as np
import pytest

from numpy_attention.functional.scores import additive as module
from numpy_attention.functional.scores.additive import (
    additive_scores,
    additive_scores_backward,
    additive_scores_forward,
    tiles,
)
from numpy_attention.functional.scores.concat import (
    ACTIVATIONS,
    concat_scores,
    concat_scores_backward,
    concat_scores_forward,
)
from tests.functional.scores.test_concat import CONCAT, for_concat
from tests.support.complex_step import check_pair, close

ADDITIVE = (additive_scores_forward, additive_scores_backward)
DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def for_additive(rng, L=2, S=3, Dq=5, Dk=7, A=11, **batch):
    shapes = dict(
        query=(L, Dq), key=(S, Dk), weight_query=(A, Dq), weight_key=(A, Dk), bias=(A,), vector=(A,)
    )
    return [rng.standard_normal(batch.get(name, ()) + shape) for name, shape in shapes.items()]


# ---------------------------------------------------------------------------------- values by hand


def test_additive_by_hand():
    half = math.atanh(0.5)
    out, saved = additive_scores_forward(
        np.array([[half]]),
        np.array([[0.0], [1.0]]),
        np.array([[1.0], [0.0]]),
        np.array([[0.0], [2.0]]),
        np.array([0.0, -2.0]),
        np.array([4.0, 3.0]),
    )
    assert close(out, [[4 * 0.5 + 3 * math.tanh(-2), 4 * 0.5]], rtol=1e-15)
    d = additive_scores_backward(np.array([[0.0, 1.0]]), saved)
    assert close(d.d_vector, [0.5, 0], rtol=1e-15)  # tanh(half), tanh(0)
    assert close(d.d_bias, [4 * 0.75, 3], rtol=1e-15)  # vector * (1 - tanh²)
    assert close(d.d_query, [[3]], rtol=1e-15)
    assert close(d.d_key, [[0], [6]], rtol=1e-15)
    assert close(d.d_weight_query, [[3 * half], [3 * half]], rtol=1e-15)
    assert close(d.d_weight_key, [[3], [3]], rtol=1e-15)


def test_both_equal_the_formula_on_explicit_pairs(rng):
    query, key, weight_query, weight_key, bias, vector = for_additive(rng)
    pairs = np.concatenate(
        [
            np.broadcast_to(query[:, None], (2, 3, 5)),
            np.broadcast_to(key[None], (2, 3, 7)),
        ],
        axis=-1,
    )
    both = np.concatenate([weight_query, weight_key], axis=-1)
    expected = np.tanh(pairs @ both.T + bias) @ vector
    assert close(additive_scores(query, key, weight_query, weight_key, bias, vector), expected, rtol=1e-13)
    weight = rng.standard_normal(12)
    assert close(concat_scores(query, key, weight), np.tanh(pairs @ weight), rtol=1e-13)


# --------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize(
    "sizes",
    [
        dict(),
        dict(query=(2, 1), key=(3,)),
        dict(query=(3, 1), weight_query=(2,)),
        dict(weight_key=(3,), bias=(3,), vector=(3,)),
        dict(key=(2, 1), vector=(3,)),
        dict(query=(2, 1), bias=(3,)),
        dict(L=1, S=1, Dq=1, Dk=1, A=1),
    ],
    ids=str,
)
def test_additive_gradients(sizes, rng):
    check_pair(*ADDITIVE, *for_additive(rng, **sizes))


@pytest.mark.parametrize(
    "sizes", [dict(L=0), dict(S=0), dict(Dq=0), dict(Dk=0), dict(Dq=0, Dk=0), dict(L=0, S=0)], ids=str
)
def test_no_length(sizes, rng):
    check_pair(*ADDITIVE, *for_additive(rng, **sizes))
    check_pair(*ADDITIVE, *for_additive(rng, A=0, **sizes))
    for activation in ACTIVATIONS:
        check_pair(*CONCAT, *for_concat(rng, **sizes), activation=activation)
    out = concat_scores(*for_concat(rng, **sizes))
    assert out.shape == (sizes.get("L", 2), sizes.get("S", 3))


def test_no_hidden_units_score_0(rng):
    assert not additive_scores(*for_additive(rng, A=0)).any()


@pytest.mark.parametrize("size", [1e-8, 1e4])
def test_gradients_of_all_sizes(size, rng):
    given = for_additive(rng)
    check_pair(*ADDITIVE, given[0] * size, *given[1:])
    given = for_concat(rng)
    for activation in ACTIVATIONS:
        check_pair(*CONCAT, given[0] * size, *given[1:], activation=activation)


def test_saturated_tanh_keeps_the_digits_of_its_derivative():
    """At 20 tanh is 1 to the last bit, and 1 - tanh² would be 0; sech²(20) is 1.7e-17."""
    one, slope = np.ones((1, 1)), 4 / (math.exp(20) + math.exp(-20)) ** 2
    _, saved = additive_scores_forward(20 * one, one, one, 0 * one, np.zeros(1), np.ones(1))
    assert math.isclose(additive_scores_backward(one, saved).d_bias[0], slope, rel_tol=1e-14)
    _, saved = concat_scores_forward(20 * one, one, np.array([1.0, 0.0]))
    assert math.isclose(concat_scores_backward(one, saved).d_query[0, 0], slope, rel_tol=1e-14)


# ------------------------------------------------------------------------------------------- tiles


@pytest.mark.parametrize("tile", [1, 22, 60, 350])
@pytest.mark.parametrize(
    "sizes", [dict(), dict(query=(2, 1), key=(3,)), dict(weight_key=(3,), vector=(3,))], ids=str
)
def test_tile_sizes_give_the_same_results(tile, sizes, rng, monkeypatch):
    """Scores to the bit but for the product; sums over L, S and batch within u of their terms each time."""
    given = for_additive(rng, L=5, S=7, **sizes)
    out, saved = additive_scores_forward(*given)
    d_out = rng.standard_normal(out.shape)
    d = additive_scores_backward(d_out, saved)
    most = [np.abs(x).max() * out.size for x in additive_scores_backward(np.abs(d_out), saved)]
    monkeypatch.setattr(module, "TILE", tile)
    again, saved = additive_scores_forward(*given)
    assert close(again, out, rtol=0, atol=11 * 2.0**-53 * np.abs(given[-1]).sum())
    for left, right, size in zip(additive_scores_backward(d_out, saved), d, most, strict=True):
        assert close(left, right, rtol=0, atol=8 * 2.0**-53 * size)
    check_pair(*ADDITIVE, *for_additive(rng, **sizes))


@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 5, 7), (3, 0, 7), (0, 5, 7), (5, 0)])
@pytest.mark.parametrize("room", [1, 3, 7, 20, 50, 1000])
def test_tiles_cover_every_pair_once_within_the_limit(shape, room, monkeypatch):
    monkeypatch.setattr(module, "TILE", 11 * room)
    covered = np.zeros(shape, dtype=int)
    cut = list(tiles(shape, 11))
    for tile in cut:
        covered[tile] += 1
        assert covered[tile].size <= room
    assert (covered == 1).all()
    assert len(cut) <= 2 * math.ceil(covered.size / room) * len(shape)


def test_only_one_tile_of_the_pairs_is_in_memory():
    """(2, 500, 300, 64) in float64 would be 154 MB; scores, d_out and gradients are 2.4 MB each at most."""
    rng = np.random.default_rng(0)
    given = for_additive(rng, L=500, S=300, A=64, query=(2,))
    d_out = rng.standard_normal((2, 500, 300))
    tracemalloc.start()
    _, saved = additive_scores_forward(*given)
    _, forward = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    additive_scores_backward(d_out, saved)
    _, backward = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert forward < 10e6
    assert backward < 16e6


# ------------------------------------------------------------------------------------------ dtypes


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype, rng):
    for (forward, backward), arguments in ((ADDITIVE, for_additive(rng)), (CONCAT, for_concat(rng))):
        out, saved = forward(*(argument.astype(dtype) for argument in arguments))
        assert out.dtype == dtype
        d = backward(np.ones(out.shape, dtype), saved)
        assert {gradient.dtype for gradient in d} == {np.dtype(dtype)}
        exact, _ = forward(*(argument.astype(dtype).astype(complex) for argument in arguments))
        unit = max(np.finfo(dtype).eps, 1e-15)
        assert np.abs(out - exact).max() <= 16 * unit * np.abs(exact).max()


def test_mixed_dtypes(rng):
    given = [x.astype(np.float32) for x in for_additive(rng)]
    given[1] = given[1].astype(np.float16)
    out, saved = additive_scores_forward(*given)
    assert out.dtype == np.float32
    d = additive_scores_backward(np.ones((2, 3)), saved)
    assert [g.dtype for g in d] == [x.dtype for x in given]


# ----------------------------------------------------------------------------------------- layouts


def test_layouts(rng):
    for (forward, backward), given in (
        (ADDITIVE, for_additive(rng, query=(2, 3), weight_key=(3,))),
        (CONCAT, for_concat(rng, query=(2, 3), weight=(3,))),
    ):
        out, saved = forward(*given)
        d_out = rng.standard_normal(out.shape)
        d = backward(d_out, saved)
        for layout in (np.asfortranarray, lambda x: x[..., ::-1].copy()[..., ::-1]):
            again, saved = forward(*map(layout, given))
            assert close(again, out, rtol=1e-13, atol=1e-13)
            for left, right in zip(backward(layout(d_out), saved), d, strict=True):
                assert close(left, right, rtol=1e-13, atol=1e-13)


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "change, error, sentence",
    [
        (dict(query=np.ones(5)), ValueError, r"query has shape \(5,\); at least 2 axes"),
        (dict(key=np.ones(7)), ValueError, r"key has shape \(7,\); at least 2 axes"),
        (dict(weight_query=np.ones(5)), ValueError, "weight_query has shape"),
        (dict(weight_key=np.ones(7)), ValueError, "weight_key has shape"),
        (dict(bias=1.0), ValueError, r"bias has shape \(\); at least 1 axes"),
        (dict(vector=1.0), ValueError, r"vector has shape \(\)"),
        (dict(query=np.ones((2, 3))), ValueError, "axis of query is 3, but that of weight_query is 5"),
        (dict(key=np.ones((2, 3))), ValueError, "axis of key is 3, but that of weight_key is 7"),
        (dict(weight_key=np.ones((2, 7))), ValueError, "weight_query is 11, but that of weight_key"),
        (dict(bias=np.ones(2)), ValueError, "weight_query is 11, but that of bias is 2"),
        (dict(vector=np.ones(2)), ValueError, "weight_query is 11, but that of vector is 2"),
        (
            dict(bias=np.ones((2, 11)), vector=np.ones((3, 11))),
            ValueError,
            r"do not broadcast together: .*bias \(2,\), vector \(3,\)",
        ),
        (dict(bias=np.ones(11, bool)), TypeError, "bias has dtype bool; float16"),
        (dict(vector=[1, [2]]), TypeError, "vector cannot be read as an array"),
    ],
)
def test_additive_errors(change, error, sentence, rng):
    names = ("query", "key", "weight_query", "weight_key", "bias", "vector")
    with pytest.raises(error, match=sentence):
        additive_scores(**dict(zip(names, for_additive(rng), strict=True)) | change)


def test_a_cotangent_of_another_shape(rng):
    for (forward, backward), given in ((ADDITIVE, for_additive(rng)), (CONCAT, for_concat(rng))):
        _, saved = forward(*given)
        with pytest.raises(ValueError, match=r"d_out has shape \(3, 2\); that of the output, \(2, 3\)"):
            backward(np.ones((3, 2)), saved)


# ------------------------------------------------------------------------------------ against torch


def test_against_torch(peer, rng):
    torch = peer("torch")

    def additive(query, key, weight_query, weight_key, bias, vector):
        inner = (query @ weight_query.mT)[..., :, None, :] + (key @ weight_key.mT)[..., None, :, :]
        return (torch.tanh(inner + bias[..., None, None, :]) * vector[..., None, None, :]).sum(-1)

    def concat(act):
        def formula(query, key, weight):
            rows = (query * weight[..., None, :5]).sum(-1)
            return act(rows[..., :, None] + (key * weight[..., None, 5:]).sum(-1)[..., None, :])

        return formula

    functional = torch.nn.functional
    acts = dict(
        tanh=torch.tanh,
        sigmoid=torch.sigmoid,
        relu=functional.relu,
        leaky_relu=functional.leaky_relu,
        identity=lambda x: x,
    )
    batch = dict(query=(2, 1), key=(3,), weight_query=(3,), vector=(3,), weight=(3,))
    cases = [(*ADDITIVE, for_additive(rng, **batch), additive, {})]
    cases += [
        (*CONCAT, for_concat(rng, **batch), concat(acts[name]), dict(activation=name)) for name in ACTIVATIONS
    ]
    for forward, backward, given, formula, options in cases:
        out, saved = forward(*given, **options)
        d_out = rng.standard_normal(out.shape)
        theirs = [torch.tensor(x, requires_grad=True) for x in given]
        their_out = formula(*theirs)
        their_out.backward(torch.tensor(d_out))
        assert close(out, their_out.detach(), rtol=1e-13, atol=1e-13)
        for gradient, tensor in zip(backward(d_out, saved), theirs, strict=True):
            assert close(gradient, tensor.grad, rtol=1e-12, atol=1e-12)
