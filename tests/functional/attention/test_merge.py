"""Merging parts: equal to attention over all keys at once, in any order, with empty parts too."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpy_attention as na
from numpy_attention.functional.attention.merge import (
    Merged,
    attention_merge,
    attention_merge_backward,
    attention_merge_forward,
)
from tests.contract.test_admission import WRONG
from tests.support.judges import close
from tests.support.known_numbers import drawn

U = 2.0**-53
INF = float("inf")
B, H, G, L, S, D, E = 2, 6, 3, 5, 7, 11, 13
seeds = st.integers(0, 2**32)


def parts_of(seed, count=3, size=1.0, shape=(B, L, E)):
    """Random parts, whose lse spread by `size`; the rows of some are empty."""
    rng = np.random.default_rng(seed)
    lses = size * rng.standard_normal((count, *shape[:-1]))
    lses[rng.random(lses.shape) < 0.2] = -INF
    return [(rng.standard_normal(shape), lse) for lse in lses]


def roundings(*parts, merges):
    """Bound on the error of lse, and the relative error of share, in units of the roundoff.

    One merge of n parts, lse no farther apart than r and no larger than m: each lse_i - top is rounded (r),
    and so are exp (2), the sum (n), its logarithm (2, and log n, which it does not exceed) and the last sum
    (m + log n). A share inherits the first three from its own exp and from the sum, and is rounded once more
    by the division; out once by the product and n times by its sum. What was merged before comes in as an
    error of lse_i, twice.
    """
    lses = np.array([lse for _, lse in parts])
    nonempty = np.isfinite(lses)
    top, bottom = np.where(nonempty, lses, -INF).max(axis=0), np.where(nonempty, lses, INF).min(axis=0)
    r = np.where(nonempty.any(axis=0), top - bottom, 0)
    m = np.where(nonempty, np.abs(lses), 0).max(axis=0)
    n = len(parts)
    return merges * 2 * (2 * (r + 4 + n) + 2 * math.log(n) + m + n + 4)


def assert_merged_alike(one, other, parts, merges):
    u = U * roundings(*parts, merges=merges)
    whole = attention_merge(*((np.abs(out), lse) for out, lse in parts))
    with np.errstate(invalid="ignore"):
        assert ((one.lse == other.lse) | (np.abs(one.lse - other.lse) <= 2 * u)).all()
    assert (np.abs(one.out - other.out) <= 2 * u[..., None] * whole.out).all()


# ---------------------------------------------------------------------------------------------- by hand


def test_by_hand():
    """Weights 1 and 3: lse log 4, shares 1/4 and 3/4."""
    parts = (np.array([[8.0]]), np.zeros(1)), (np.array([[4.0]]), np.array([math.log(3)]))
    (out, lse), saved = attention_merge_forward(*parts)
    assert close(out, [[5]], rtol=4 * U)
    assert close(lse, [math.log(4)], rtol=4 * U)
    assert close(saved.shares, [[0.25, 0.75]], rtol=4 * U)
    first, second = attention_merge_backward(np.array([[2.0]]), saved)
    assert close(first.d_out, [[0.5]], rtol=4 * U)
    assert close(second.d_out, [[1.5]], rtol=4 * U)
    assert close(first.d_lse, [2 * 0.25 * (8 - 5)], rtol=16 * U)
    assert close(second.d_lse, [2 * 0.75 * (4 - 5)], rtol=16 * U)
    first, second = attention_merge_backward(np.array([[0.0]]), saved, d_lse=np.array([10.0]))
    assert close(first.d_lse, [2.5], rtol=4 * U)
    assert close(second.d_lse, [7.5], rtol=4 * U)
    assert not first.d_out.any()


def test_one_part_is_the_whole():
    out, lse = parts_of(0, 1)[0]
    merged, saved = attention_merge_forward((out, lse))
    assert type(merged) is Merged
    np.testing.assert_array_equal(merged.out, np.where(lse[..., None] == -INF, 0, out))
    np.testing.assert_array_equal(merged.lse, lse)
    [(d_out, d_lse)] = attention_merge_backward(out, saved, d_lse=np.ones_like(lse))
    np.testing.assert_array_equal(d_out, merged.out)
    np.testing.assert_array_equal(d_lse, lse != -INF)


def test_gradients_keep_their_digits_where_one_part_is_far_ahead():
    """shares 1 - p and p = exp(-36): d_lse = p (1 - p) (out_2 - out_1), of which d_lse_1 is the negative."""
    one = np.ones((1, 1))
    _, saved = attention_merge_forward((3 * one, np.zeros(1)), (7 * one, np.full(1, -36.0)))
    first, second = attention_merge_backward(one, saved)
    p = math.exp(-36)
    assert math.isclose(second.d_lse[0], p * (1 - p) * 4, rel_tol=16 * U)
    assert math.isclose(first.d_lse[0], -p * (1 - p) * 4, rel_tol=16 * U)


# -------------------------------------------------------------------------- attention over all the keys


def whole_and_in_parts(cuts, dtype=np.float64, sinks=None, order=None):
    """Attention at once, and by parts of keys: out, lse, d_query, d_key, d_value, d_bias, d_sinks."""
    shapes = ((B, H, L, D), (B, G, S, D), (B, G, S, E), (B, H, L, S), (B, H, L, E), (B, H, L))
    query, key, value, bias, d_out, d_lse = drawn(*shapes, dtype=dtype)
    bias[:, :, 1, 2:] = -INF  # some parts of this row are empty
    bias[:, :, 3] = -INF  # and all of this one

    out, saved = na.attention_forward(query, key, value, bias=bias, sinks=sinks)
    d = na.attention_backward(d_out, saved, d_lse=d_lse)
    whole = [out, saved.lse, d.d_query, d.d_key, d.d_value, d.d_bias, d.d_sinks]

    edges = [0, *cuts, S]
    keys = [slice(a, b) for a, b in pairwise(edges)]
    order = list(range(len(keys))) if order is None else order
    outs, saveds = [], []
    for n in order:
        out, saved = na.attention_forward(
            query, key[:, :, keys[n]], value[:, :, keys[n]], bias=bias[..., keys[n]]
        )
        outs.append(out)
        saveds.append(saved)
    parts = [(out, saved.lse) for out, saved in zip(outs, saveds, strict=True)]
    if sinks is not None:
        parts.append((np.zeros((1, 1), dtype), sinks[..., None]))
    merged, saved = attention_merge_forward(*parts)
    above = attention_merge_backward(d_out, saved, d_lse=d_lse)
    d_query, pieces = np.zeros(query.shape), {}
    for n, own, part in zip(order, saveds, above, strict=False):
        d = na.attention_backward(part.d_out, own, d_lse=part.d_lse)
        d_query = d_query + d.d_query
        pieces[n] = (d.d_key, d.d_value, d.d_bias)
    d_key, d_value, d_bias = (
        np.concatenate([pieces[n][i] for n in sorted(pieces)], axis=axis) for i, axis in enumerate((2, 2, 3))
    )
    d_sinks = None if sinks is None else above[-1].d_lse[..., 0]
    return whole, [*merged, d_query, d_key, d_value, d_bias, d_sinks]


CUTS = {
    "two": (3,),
    "three": (2, 3),
    "one of no key": (3, 3),
    "the first of no key": (0,),
    "one for each key": tuple(range(1, S)),
}


@pytest.mark.parametrize("sinks", [None, np.linspace(-2, 5, H)], ids=["", "sinks"])
@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_parts_merged_are_attention_over_all_keys(cuts, sinks):
    """And so are the gradients through both.

    Some hundred roundings lie between (products of length D and E, sums over S keys, L queries, H / G heads
    and the merge itself), each of numbers no larger than the largest of its array, times the cancellation in
    d_scores, of numbers (E max|value| max|d_out|) that weights make smaller.
    """
    whole, merged = whole_and_in_parts(cuts, sinks=sinks)
    for left, right in zip(whole, merged, strict=True):
        if left is not None:
            size = np.abs(left[np.isfinite(left)]).max()
            with np.errstate(invalid="ignore"):
                assert ((left == right) | (np.abs(left - right) <= 500 * U * size)).all()


def test_in_any_order():
    whole, merged = whole_and_in_parts((2, 3), sinks=np.linspace(-2, 5, H), order=[2, 0, 1])
    for left, right in zip(whole, merged, strict=True):
        assert close(left, right, rtol=1e-12, atol=500 * U * np.abs(left[np.isfinite(left)]).max())


@given(seeds, st.sampled_from([1e-8, 1.0, 30.0, 1e4]), st.integers(2, 5))
def test_associative_and_in_any_order_within_the_bound(seed, size, count):
    parts = parts_of(seed, count, size)
    at_once = attention_merge(*parts)
    from_left = from_right = None
    for part in parts:
        from_left = part if from_left is None else attention_merge(from_left, part)
    for part in parts[::-1]:
        from_right = part if from_right is None else attention_merge(part, from_right)
    assert_merged_alike(from_left, at_once, parts, merges=count)
    assert_merged_alike(from_right, at_once, parts, merges=count)
    order = np.random.default_rng(seed).permutation(count)
    assert_merged_alike(attention_merge(*(parts[n] for n in order)), at_once, parts, merges=1)


# -------------------------------------------------------------------------------- empty parts


def bits(merged, gradients):
    return [np.asarray(x).tobytes() for x in (*merged, *(d for part in gradients for d in part))]


@given(seeds, st.sampled_from([np.nan, INF, 1e300, -0.0]))
def test_an_empty_part_has_no_influence_even_if_nan(seed, value):
    parts = parts_of(seed)
    spoiled = [(np.where(lse[..., None] == -INF, value, out), lse) for out, lse in parts]
    rng = np.random.default_rng(seed)
    d_out, d_lse = rng.standard_normal((B, L, E)), rng.standard_normal((B, L))
    results = []
    for each in (parts, spoiled):
        with np.errstate(all="raise"):
            merged, saved = attention_merge_forward(*each)
            gradients = attention_merge_backward(d_out, saved, d_lse=d_lse)
        results.append(bits(merged, gradients))
        for (_, lse), d in zip(parts, gradients, strict=True):
            assert not d.d_out[lse == -INF].any()
            assert not d.d_lse[lse == -INF].any()
            assert np.isfinite(d.d_out).all()
    assert results[0] == results[1]


def test_all_parts_empty_gives_zero_out_and_gradients_and_lse_minus_infinity():
    empty = (np.full((L, E), np.nan), np.full(L, -INF))
    merged, saved = attention_merge_forward(empty, empty)
    assert not merged.out.any()
    assert (merged.lse == -INF).all()
    for d in attention_merge_backward(np.full((L, E), np.nan), saved, d_lse=np.full(L, np.nan)):
        assert not d.d_out.any()
        assert not d.d_lse.any()


def test_a_visible_nan_reaches_its_own_entry_only():
    parts = parts_of(0, size=0.1)
    parts[0][1][0, 2] = 0.0
    expected = attention_merge(*parts)
    parts[0][0][0, 2, 7] = np.nan
    out, lse = attention_merge(*parts)
    assert np.isnan(out[0, 2, 7])
    np.testing.assert_array_equal(lse, expected.lse)
    np.testing.assert_array_equal(np.delete(out, 2, axis=1), np.delete(expected.out, 2, axis=1))
    assert np.isnan(out).sum() == 1


# --------------------------------------------------------------------------------- dtypes and broadcasts


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_dtypes(dtype):
    parts = [(out.astype(dtype), lse.astype(dtype)) for out, lse in parts_of(0)]
    merged, saved = attention_merge_forward(*parts)
    assert {merged.out.dtype, merged.lse.dtype} == {np.dtype(dtype)}
    gradients = attention_merge_backward(merged.out, saved, d_lse=np.ones_like(merged.lse))
    assert {x.dtype for part in gradients for x in part} == {np.dtype(dtype)}
    assert saved.shares.dtype == (np.float32 if dtype == "float16" else dtype)
    exact = attention_merge(*(tuple(x.astype(complex) for x in part) for part in parts))
    unit = np.finfo(dtype).eps
    assert (np.abs(merged.out - exact.out) <= 16 * unit * np.abs(exact.out).max()).all()


def test_out_and_lse_keep_their_own_dtypes():
    """A float32 out with a float64 lse, as attention_forward gives them; each gradient has its own dtype."""
    one = (np.ones((L, E), np.float32), np.zeros(L))
    two = (np.ones((L, E), np.float16), np.zeros(L, np.float32))
    merged, saved = attention_merge_forward(one, two)
    assert (merged.out.dtype, merged.lse.dtype) == (np.float32, np.float64)
    gradients = attention_merge_backward(np.ones((L, E)), saved)
    assert [x.dtype for part in gradients for x in part] == ["float32", "float64", "float16", "float32"]
    for d_out, d_lse in ((1j * np.ones((L, E)), None), (np.ones((L, E)), 1j * np.ones(L))):
        gradients = attention_merge_backward(d_out, saved, d_lse=d_lse)
        assert {x.dtype.kind for part in gradients for x in part} == {"c"}


def test_the_plain_form_takes_lists_and_whole_numbers():
    out, lse = attention_merge(([[2]], [0]), [[[4]], [0]], (np.array([[6]]), np.zeros(1, int)))
    assert close(out, [[4]], rtol=8 * U)
    assert close(lse, [math.log(3)], rtol=8 * U)


# ---------------------------------------------------------------------------------------------- errors

FINE = (np.ones((L, E)), np.zeros(L))


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("place, name", [(0, "part 2's out"), (1, "part 2's lse")])
def test_anything_but_an_array_of_numbers_is_refused_by_name(place, name, what):
    part = list(FINE)
    part[place] = WRONG[what](part[place])
    for form in (attention_merge, attention_merge_forward):
        with pytest.raises((TypeError, ValueError), match=rf"^{name} "):
            form(FINE, part)


@pytest.mark.parametrize(
    "parts, error, sentence",
    [
        ((), TypeError, r"parts is \(\); one pair \(out, lse\) or more"),
        (FINE, TypeError, r"part 1 is ndarray; a pair \(out, lse\) is expected"),
        ((FINE, (*FINE, 1)), TypeError, "part 2 is tuple of 3; a pair"),
        ((FINE, None), TypeError, "part 2 is NoneType; a pair"),
        ((FINE, (np.ones(L), np.zeros(L))), ValueError, r"part 2's out has shape \(5,\); at least 2 axes"),
        ((FINE, (np.ones((L, E)), 0.0)), ValueError, r"part 2's lse has shape \(\); at least 1 axis"),
        (
            (FINE, (np.ones((L, E)), np.zeros(3))),
            ValueError,
            r"do not broadcast together .*part 2's out \(5, 13\) and lse \(3,\)",
        ),
        *(
            (
                (FINE, (np.ones((*batch, E)), np.zeros((*batch, 1)))),
                ValueError,
                rf"part 2's lse has shape {re.escape(str((*batch, 1)))} beside out .*write lse\[\.\.\., 0\]",
            )
            for batch in ((L,), (1,), (2, L), (2, 3, L))
        ),
        ((FINE, (np.ones((L, 2)), np.zeros(L))), ValueError, r"part 2's out \(5, 2\) and lse \(5,\)"),
    ],
)
def test_refused_parts(parts, error, sentence):
    for form in (attention_merge, attention_merge_forward):
        with pytest.raises(error, match=sentence):
            form(*parts)


def test_whole_numbers_are_refused_by_forward():
    with pytest.raises(TypeError, match="part 1's lse has dtype int64"):
        attention_merge_forward((np.ones((L, E)), np.zeros(L, int)))


def test_cotangents_and_saved_are_admitted():
    merged, saved = attention_merge_forward(FINE, FINE)
    for d_out in (np.zeros((L, E, 2)), np.zeros((L, E), int), np.ma.zeros((L, E))):
        with pytest.raises((TypeError, ValueError), match=r"^d_out "):
            attention_merge_backward(d_out, saved)
    with pytest.raises(ValueError, match=r"d_lse has shape \(3,\); that of lse, \(5,\), is expected"):
        attention_merge_backward(merged.out, saved, d_lse=np.zeros(3))
    with pytest.raises(TypeError, match="saved is tuple, not what attention_merge_forward returned"):
        attention_merge_backward(merged.out, tuple(saved))
    assert "array(" not in repr(saved)


def test_plus_infinity_marks_no_empty_row_here():
    """FlashAttention-2 marks rows without a key so. A score of +inf gives the same lse, but NaN in out."""
    part = np.ones((2, 3)), np.zeros(2)
    with pytest.raises(ValueError, match=r"^part 2's lse holds \+inf, .* np.where\(np.isposinf\(lse\)"):
        attention_merge(part, (np.zeros((2, 3)), np.array([INF, 0])))
    out, saved = na.attention_forward(np.eye(2), np.eye(2), np.ones((2, 3)), bias=np.diag([INF, 0]))
    merged, saved = attention_merge_forward(part, (out, saved.lse))
    assert np.isnan(merged.out).all(axis=-1).tolist() == [True, False]
    assert merged.lse[0] == INF
    gradients = attention_merge_backward(np.ones((2, 3)), saved)
    assert all(np.isfinite(d[1]).all() for part in gradients for d in part)
