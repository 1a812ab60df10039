"""The arguments by tile: shapes, visibility, dtypes, and the forms of gradients."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.tiled.tiling import (
    admit_cotangents,
    slices,
    tile_shape,
    tile_view,
    to_gradients,
)
from tests.support.fast_problems import problem_of

RNG = np.random.default_rng(12)


def arrays(*shapes):
    return [RNG.standard_normal(shape) for shape in shapes]


def test_slices_cover_the_length_and_meet_the_range():
    assert list(slices(7, 3)) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert list(slices(7, 3, first=4, last=6)) == [slice(3, 6)]
    assert list(slices(0, 3)) == []


def test_tile_view_keeps_broadcast_axes():
    x = np.arange(12).reshape(3, 4)
    assert tile_view(x, slice(1, 3), slice(0, 2)).tolist() == [[4, 5], [8, 9]]
    assert tile_view(x[:1], slice(1, 3), slice(0, 2)).tolist() == [[0, 1]]
    assert np.shares_memory(tile_view(x, slice(1, 3), slice(0, 2)), x)


def test_visible_pairs_of_a_tile_are_those_of_mask_and_bias():
    bias = np.zeros((4, 5))
    bias[3, 0] = -np.inf
    problem = problem_of(*arrays((4, 1), (5, 1), (5, 1)), mask=na.causal("top_left"), bias=bias)
    assert problem.visible(slice(0, 2), slice(3, 5)) is False
    assert problem.visible(slice(2, 4), slice(0, 3)).tolist() == [[True] * 3, [False, True, True]]
    problem = problem_of(*arrays((4, 1), (5, 1), (5, 1)), mask=na.causal("top_left"))
    assert problem.visible(slice(2, 4), slice(0, 3)) is True


def test_optional_arguments_do_not_promote_but_complex_ones_do():
    query, key, value = (x.astype(np.float32) for x in arrays((2, 3), (4, 3), (4, 1)))
    assert problem_of(query, key, value, bias=np.zeros(4)).bias.dtype == np.float32
    assert problem_of(query, key, value, bias=np.zeros(4)).bias.shape == (1, 4)
    assert problem_of(query, key, value, scale=np.array(1j)).query.dtype == np.complex64
    out, lse = np.zeros((2, 1), np.float32), np.zeros(2, np.float32)
    assert [d.dtype for d in admit_cotangents(out * 1j, None, out, lse)] == [np.complex64] * 2


def test_gradients_have_the_shape_and_dtype_of_their_arguments():
    query, key, value = (x.astype(np.float16) for x in arrays((3, 2, 1), (1, 4, 1), (1, 4, 1)))
    problem = problem_of(query, key, value, bias=np.zeros((1, 4)))
    sums = np.ones((3, 2, 1)), np.ones((3, 4, 1)), np.ones((1, 4, 1)), np.ones((2, 4)), None, None
    gradients = to_gradients(sums, problem)
    assert [d.dtype for d in gradients[:4]] == [np.float16] * 3 + [np.float64]
    assert gradients.d_key.tolist() == [[[3]] * 4]
    assert gradients.d_bias.tolist() == [[2] * 4]
    assert gradients[4:] == (None, None)
    assert to_gradients((1j * sums[0], *sums[1:]), problem).d_query.dtype == np.complex64


def test_blocks_are_two_whole_numbers():
    assert tile_shape(None, (3000, 3000)) == (1024, 1024)
    assert tile_shape(None, (16, 3000, 3000)) == (256, 256)
    assert tile_shape(None, (4096, 3000, 3000)) == (32, 32)
    query, key, value = arrays((3, 5), (4, 5), (4, 2))
    for wrong, error in (
        ((0, 3), ValueError),
        ((1, 2, 3), ValueError),
        (5, ValueError),
        ((1.5, 2), TypeError),
    ):
        for attention in (na.blockwise_attention, na.fast_attention):
            with pytest.raises(error, match="block"):
                attention(query, key, value, block=wrong)
