"""Chunks of blocks backward: what each of them accumulates, and the peaks by hand."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.attention.attention import AttentionGradients
from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast.backward import BackwardInputs, GradientSums, Peaks, backward_chunk
from numpy_attention.functional.fast.kernels import PEAK
from numpy_attention.functional.fast.plan import Chunk
from numpy_attention.functional.fast.tile import Tile
from tests.support.fast_problems import row_block


def gradients(saved, d_out, d_lse, row_slices, whole):
    """Gradients of one head, from chunks of one block each unless they are whole."""
    work, stack = saved.work, saved.work.stack
    L = stack.query.shape[2]
    inputs = BackwardInputs(
        stack.stacked(d_out), stack.stacked(saved.out), d_lse[None, None],
        saved.statistics.reshaped(1, 1, L), None, {},
    )  # fmt: skip
    sums = AttentionGradients(
        np.empty(stack.query.shape), np.zeros(stack.key.shape), np.zeros(stack.value.shape),
        np.zeros(saved.problem.bias.shape), None, None,
    )  # fmt: skip
    blocks = [row_block(work, rows) for rows in row_slices]
    chunks = [Chunk(blocks, True)] if whole else [Chunk([block], False) for block in blocks]
    shared = GradientSums(sums)
    for numbered in reversed(list(enumerate(chunks))):  # sums are added in order all the same
        backward_chunk(work, inputs, shared, numbered, Buffers())
    return sums.d_query[0, 0], sums.d_key[0], sums.d_value[0], sums.d_bias


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("scale", [0.3, 60.0])
def test_chunks_add_up_to_the_gradients_of_attention(whole, scale):
    """At a scale of 60 most rows have a peak."""
    rng = np.random.default_rng(6)
    query, key, value, d_out = (rng.standard_normal(s) for s in ((5, 3), (7, 3), (7, 2), (5, 2)))
    bias, d_lse = rng.standard_normal((5, 7)), rng.standard_normal(5)
    _, saved = na.fast_attention_forward(query, key, value, bias=bias, scale=scale, block=(2, 3))
    assert (saved.statistics.largest > PEAK).any() == (scale == 60)
    got = gradients(saved, d_out, d_lse, (slice(0, 2), slice(2, 4), slice(4, 5)), whole)
    _, dense = na.attention_forward(query, key, value, bias=bias, scale=scale)
    expected = na.attention_backward(d_out, dense, d_lse=d_lse)
    for x, y in zip(got, expected[:4], strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-12)


def test_peak_is_left_out_and_the_rest_of_its_row_is_recorded():
    """One row of three keys, d_lse = 10, with a peak at key 1: its own entry is 10 - (2 + 5)."""
    peaks, tile = Peaks(np.array([[10.0]])), Tile(slice(3, 6), [])
    d_scores = np.array([[[[2.0], [99.0], [5.0]]]])
    peaks.take(np.array([[[[False], [True], [False]]]]), d_scores, tile, None)
    assert d_scores[0, 0, :, 0].tolist() == [2, 0, 5]
    assert peaks.rest.tolist() == [[3]]
    [(where, (group, piece, column, row), slope)] = peaks.positions
    assert (where, group, piece, column, row, slope) == (tile, 0, 0, 1, 0, 1)
