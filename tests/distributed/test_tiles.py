"""What workers run, on arrays of NumPy."""

import numpy as np

import numpy_attention as na
from numpy_attention.distributed.tiles import add, add_items, finish, merge, row_terms, whole

RNG = np.random.default_rng(6)
OUT, LSE, D_OUT = RNG.standard_normal((3, 5, 2)), RNG.standard_normal((3, 5)), RNG.standard_normal((3, 5, 2))


def test_rows_without_a_tile_are_empty():
    out, lse = whole(None, None, (3, 5, 2), np.dtype(np.float32))
    assert (out.dtype, lse.dtype) == (np.float32, np.float64)
    assert not out.any()
    assert (lse == -np.inf).all()


def test_sinks_count_once():
    sinks = np.array([0.5, -np.inf, 2.0])
    out, lse = whole((OUT, LSE), sinks, OUT.shape, OUT.dtype)
    right = na.attention_merge((OUT, LSE), (np.zeros((3, 1, 2)), sinks[:, None]))
    np.testing.assert_allclose(out, right.out, rtol=0, atol=1e-15)
    np.testing.assert_allclose(lse, right.lse, rtol=0, atol=1e-15)


def test_a_sink_of_infinity_takes_all():
    out, lse = whole((OUT, LSE), np.array([0.5, np.inf, 2.0]), OUT.shape, OUT.dtype)
    assert not out[1].any()
    assert (lse[1] == np.inf).all()
    right, _ = whole((OUT, LSE), np.array([0.5, 0.0, 2.0]), OUT.shape, OUT.dtype)
    np.testing.assert_array_equal(out[::2], right[::2])


def test_a_complex_sink_makes_a_row_complex():
    sinks = np.array([0.5, 1 + 2j, 2.0])
    out, lse = whole((OUT, LSE), sinks, OUT.shape, OUT.dtype)
    assert out.dtype == lse.dtype == np.complex128
    np.testing.assert_allclose(np.exp(lse), np.exp(LSE) + np.exp(sinks)[:, None], rtol=1e-14)


def test_row_terms():
    d_lse = RNG.standard_normal((3, 5))
    rows = row_terms(D_OUT, d_lse, OUT, LSE, None)
    np.testing.assert_allclose(rows.less, (D_OUT * OUT).sum(axis=-1) - d_lse, rtol=0, atol=1e-15)
    assert rows.d_sinks is None
    narrow = (x.astype(np.float32) for x in (D_OUT, OUT))
    assert row_terms(next(narrow), None, next(narrow), LSE, None).less.dtype == np.float64
    np.testing.assert_allclose(row_terms(D_OUT * 1j, None, OUT, LSE, None).less, (D_OUT * OUT).sum(-1) * 1j)


def test_gradient_of_sinks_is_that_of_a_merge():
    sinks = np.array([0.5, 0.1, 2.0])
    parts = (OUT, LSE), (np.zeros((3, 1, 2)), sinks[:, None])
    (out, lse), saved = na.attention_merge_forward(*parts)
    expected = na.attention_merge_backward(D_OUT, saved)[1].d_lse
    rows = row_terms(D_OUT, None, out, lse, sinks)
    np.testing.assert_allclose(rows.d_sinks, expected[:, 0], rtol=0, atol=1e-14)


def test_one_part_merged_is_that_part():
    out, lse = merge([(OUT, LSE)])
    assert (out == OUT).all()
    assert (lse == LSE).all()


def test_sums_are_in_order():
    arrays = [np.array([x]) for x in (1e16, 1.0, -1e16)]
    assert add(arrays) == [(1e16 + 1.0) - 1e16]
    assert add_items(1, [(None, x) for x in arrays]) == add(arrays)


def test_a_gradient_that_no_tile_reaches_is_0():
    assert finish(None, (2, 3), np.dtype(np.float16)).shape == (2, 3)
    assert finish(np.float64(1.5), (), np.dtype(np.float32)).dtype == np.float32
