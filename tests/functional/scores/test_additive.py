"""Additive scores."""

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
    concat_scores_backward,
    concat_scores_forward,
)
from tests.support.judges import close


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
    """(2, 250, 150, 64) in float64 would be 38 MB; scores and d_out are 0.6 MB each, a tile 0.5 MB."""
    rng = np.random.default_rng(0)
    given = for_additive(rng, L=250, S=150, A=64, query=(2,))
    d_out = rng.standard_normal((2, 250, 150))
    tracemalloc.start()
    _, saved = additive_scores_forward(*given)
    _, forward = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    additive_scores_backward(d_out, saved)
    _, backward = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert forward < 4e6
    assert backward < 8e6


# ------------------------------------------------------------------------------------------ dtypes


def test_mixed_dtypes(rng):
    given = [x.astype(np.float32) for x in for_additive(rng)]
    given[1] = given[1].astype(np.float16)
    out, saved = additive_scores_forward(*given)
    assert out.dtype == np.float32
    d = additive_scores_backward(np.ones((2, 3)), saved)
    assert [g.dtype for g in d] == [x.dtype for x in given]


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "change, error, sentence",
    [
        (dict(query=np.ones(5)), ValueError, r"query has shape \(5,\); at least 2 axes"),
        (dict(key=np.ones(7)), ValueError, r"key has shape \(7,\); at least 2 axes"),
        (dict(weight_query=np.ones(5)), ValueError, "weight_query has shape"),
        (dict(weight_key=np.ones(7)), ValueError, "weight_key has shape"),
        (dict(bias=1.0), ValueError, r"bias has shape \(\); at least 1 axis"),
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
    ],
)
def test_additive_errors(change, error, sentence, rng):
    names = ("query", "key", "weight_query", "weight_key", "bias", "vector")
    with pytest.raises(error, match=sentence):
        additive_scores(**dict(zip(names, for_additive(rng), strict=True)) | change)
