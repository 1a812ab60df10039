"""Rows in blocks: each once, the same bits for any block size, and no temporary of an array's size."""

import tracemalloc

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base import row_blocks as module
from numpy_attention.functional.base.row_blocks import by_elements, by_rows
from tests.support.judges import close

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def arguments(count, width):
    """Of each pair: its arguments, d_out, how many arrays of their size the forward returns."""
    x, weight, bias, d_out = normal(count, width), normal(width), normal(width), normal(count, width)
    targets = RNG.integers(width, size=count)
    return {
        "softmax": ([x], d_out, 2),  # out, weights
        "log_softmax": ([x], d_out, 2),
        "logsumexp": ([x], d_out[:, 0], 1),
        "layer_norm": ([x, weight, bias], d_out, 2),  # out, unit
        "rms_norm": ([x, weight], d_out, 2),
        "cross_entropy": ([x, targets], np.float32(0.7), 1),  # weights
    }


PAIRS = tuple(arguments(1, 1))


def pair(name):
    return getattr(na, f"{name}_forward"), getattr(na, f"{name}_backward")


# ---------------------------------------------------------------------------------------------- blocks


def blocks_of(monkeypatch, block):
    """Blocks of this many entries."""
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "LEAST", block)
    monkeypatch.setattr(module, "ALONE", 0)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("count", [3001, 2**15 + 1, 2**17 - 1, 2**17 + 1, 2**20 + 5])
def test_every_number_is_in_one_block_at_the_sizes_that_are_used(count, threads):
    x = np.arange(count, dtype=float)

    def formula(x, doubled, _):
        np.multiply(x, 2, out=doubled)

    (doubled,) = by_elements(formula, x, threads=threads)
    assert (doubled == 2 * x).all()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("block", [1, 5, 14, 15, 1000])
@pytest.mark.parametrize("shape", [(5,), (7, 5), (2, 3, 5), (0, 5), (7, 0), (0, 0)], ids=str)
def test_the_formula_is_applied_to_every_row_once(block, shape, threads, monkeypatch):
    blocks_of(monkeypatch, block)
    x, column, counts = RNG.standard_normal(shape), RNG.standard_normal((*shape[:-1], 1)), []

    def formula(x, column, summed, doubled, _):
        assert len(x) == len(column) <= max(1, block // max(shape[-1], 1))
        counts.append(len(x))
        np.add(x, column, out=summed)
        np.multiply(column, 2, out=doubled)

    summed, doubled = by_rows(formula, [x, column], [shape[-1], 1], threads)
    assert sum(counts) == column.size
    np.testing.assert_array_equal(summed, x + column)
    np.testing.assert_array_equal(doubled, 2 * column)


@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (0, 5)], ids=str)
def test_elements_keep_their_shape_and_float16_is_widened(shape, monkeypatch):
    blocks_of(monkeypatch, 4)
    x = RNG.standard_normal(shape).astype(np.float16)
    (doubled,) = by_elements(lambda x, out, _: np.add(x, x, out=out), x, threads=2)
    np.testing.assert_array_equal(doubled, 2 * x.astype(np.float32))
    assert doubled.dtype == np.float32


def results(name, arrays, d_out):
    forward, backward = pair(name)
    out, saved = forward(*arrays)
    gradients = backward(d_out, saved)
    return [out, *(gradients if isinstance(gradients, tuple) else [gradients])]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
def test_no_bit_depends_on_the_block_size(name, layout, monkeypatch):
    """Except for sums over all rows, the gradients of norm weights, which may differ by one rounding."""
    (x, *others), d_out, _ = arguments(13, 11)[name]
    x[2, 3] = x[7] = -np.inf if "norm" not in name else 0
    expected = results(name, [layout(x), *others], d_out)
    for block in (1, 23, 60):
        blocks_of(monkeypatch, block)
        for got, want in zip(results(name, [layout(x), *others], d_out), expected, strict=True):
            if name.endswith("norm") and want.ndim == 1:
                assert close(got, want, rtol=2.0**-23, atol=0)
            else:
                assert got.tobytes() == want.tobytes()


# ---------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_large_is_allocated_but_the_results(name, monkeypatch):
    """Of arrays of 5 MB: the results themselves, and in blocks of 128 kB some temporaries."""
    blocks_of(monkeypatch, 2**15)
    arrays, d_out, left = arguments(1013, 1201)[name]
    forward, backward = pair(name)
    tracemalloc.start()
    _, saved = forward(*arrays, threads=1)
    _, most_forward = tracemalloc.get_traced_memory()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    backward(d_out, saved)
    _, most_backward = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    some = 12 * 4 * module.BLOCK
    assert some < arrays[0].nbytes / 2
    assert most_forward < left * arrays[0].nbytes + some
    assert most_backward - before < arrays[0].nbytes + some
