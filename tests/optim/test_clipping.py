"""Clipping by global norm: closed forms, extremes, what is not finite."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn_arrays

from numpy_attention.optim.clipping import clip_by_global_norm
from numpy_attention.optim.updates import leaves
from tests.support.optimizer_problems import U, bits, drawn, mapped

FLOATS = [np.float16, np.float32, np.float64]


def entries(tree):
    return np.concatenate([np.ravel(leaf) for leaf in leaves("tree", tree).values()])


def test_by_hand():
    grads = {"a": {"w": np.array([[3.0], [0.0]])}, "b": np.array(-4.0), "nothing": {}}
    clipped, norm = clip_by_global_norm(grads, 2.5)
    assert norm == 5
    assert type(norm) is float
    np.testing.assert_array_equal(clipped["a"]["w"], [[1.5], [0]])
    assert clipped["b"] == -2
    assert clipped["nothing"] == {}


@pytest.mark.parametrize("limit", [5, 5.5, 1e300])
def test_within_the_limit_the_bits_stay(limit):
    grads = {"a": np.array([3.0, -0.0]), "b": np.array(-4.0)}
    clipped, norm = clip_by_global_norm(grads, limit)
    assert norm == 5
    assert bits(clipped) == bits(grads)


@given(
    st.lists(drawn_arrays(float, (3,), elements=st.floats(-1e300, 1e300)), max_size=3), st.floats(0, 1e300)
)
def test_the_norm_is_the_root_of_the_sum_of_squares_and_the_clipped_one_is_the_limit(leaf, limit):
    """Against exact rational arithmetic. Nine entries: at most 9 + 3 roundings, half of them under a root."""
    grads = dict(zip("abc", leaf, strict=False))
    before = bits(grads)
    clipped, norm = clip_by_global_norm(grads, limit)

    def squares(tree):
        return sum((Fraction(x) ** 2 for x in entries({"none": np.zeros(0), **tree}).tolist()), Fraction(0))

    assert abs(Fraction(norm) ** 2 - squares(grads)) <= 24 * Fraction(U) * squares(grads) + Fraction(5e-324)
    assert bits(grads) == before
    if norm > limit:
        tiny = 9 * Fraction(2) ** -1070  # entries that end among the subnormals are rounded there
        assert abs(squares(clipped) - Fraction(limit) ** 2) <= 40 * Fraction(U) * Fraction(limit) ** 2 + (
            tiny * (Fraction(limit) + tiny)
        )


@given(st.integers(0, 2**32), st.floats(1e-3, 1e3))
def test_the_direction_stays_and_one_factor_serves_all(seed, limit):
    grads = drawn(seed)
    clipped, norm = clip_by_global_norm(grads, limit)
    factor = min(1.0, limit / norm)
    np.testing.assert_allclose(entries(clipped), factor * entries(grads), rtol=8 * U, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", ["max", "tiny", "smallest_subnormal"])
def test_extremes_neither_overflow_nor_underflow(dtype, size):
    """Four entries of one size: the norm is twice that size; their squares would be inf or 0."""
    x = getattr(np.finfo(dtype), size) / dtype(4 if size == "max" else 1)
    with np.errstate(all="raise"):
        clipped, norm = clip_by_global_norm({"a": np.full(3, x), "b": np.array(-x)}, 0.0)
        halved, _ = clip_by_global_norm({"a": np.full(3, x), "b": np.array(-x)}, float(x))
    assert norm == 2 * float(x)
    np.testing.assert_array_equal(entries(clipped), np.zeros(4))
    np.testing.assert_array_equal(entries(halved), [x / 2, x / 2, x / 2, -x / 2])


def test_a_norm_above_the_largest_float_is_infinite_and_clips_all_the_same():
    clipped, norm = clip_by_global_norm({"a": np.full(4, 1e308)}, 1.0)
    assert norm == math.inf
    np.testing.assert_allclose(clipped["a"], 0.5, rtol=4 * U)


@pytest.mark.parametrize(
    "values, expected",
    [([1, np.inf], np.inf), ([-np.inf, 1], np.inf), ([1, np.nan], np.nan), ([np.inf, np.nan], np.nan)],
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_not_finite_is_said_and_nothing_is_scaled(values, expected, dtype):
    grads = {"a": np.array(values, dtype), "b": np.array([1e4], dtype)}
    with np.errstate(all="raise"):
        clipped, norm = clip_by_global_norm(grads, 1.0)
    np.testing.assert_equal(norm, expected)
    assert bits(clipped) == bits(grads)


@pytest.mark.parametrize("limit", [math.inf, np.float32(np.inf), np.array(np.inf)])
@pytest.mark.parametrize("largest", [1.0, 1e308, np.inf, np.nan])
def test_an_infinite_limit_clips_nothing(limit, largest):
    grads = {"a": np.full(4, largest), "b": {"c": np.ones(3, np.float32)}}
    clipped, norm = clip_by_global_norm(grads, limit)
    assert norm == clip_by_global_norm(grads, 1.0)[1] or np.isnan(largest)
    assert bits(clipped) == bits(grads)
    assert not np.shares_memory(clipped["a"], grads["a"])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("power", [-1040, -500, 500, 1010])
def test_scaling_by_a_power_of_two_changes_no_bit(dtype, power):
    """Limit and gradients scaled alike; the largest power that each dtype has room for."""
    power = int(np.clip(power, np.finfo(dtype).minexp + 24, np.finfo(dtype).maxexp - 8))
    grads, scale = drawn(0, dtype), float(np.ldexp(1.0, power))
    clipped, norm = clip_by_global_norm(grads, 1.0)
    scaled, scaled_norm = clip_by_global_norm(mapped(lambda x: np.ldexp(x, power), grads), scale)
    assert scaled_norm == scale * norm
    if power > 0:  # a small entry rounds to fewer digits
        assert bits(scaled) == bits(mapped(lambda x: np.asarray(np.ldexp(x, power)), clipped))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("limit", [1e-2, 1e3])
def test_pure_and_each_keeps_its_dtype(dtype, limit):
    grads = drawn(0, dtype)
    came = list(leaves("grads", grads).values())
    for array in came:
        array.flags.writeable = False
    clipped, norm = clip_by_global_norm(grads, limit)
    went = list(leaves("clipped", clipped).values())
    assert (norm > limit) == (limit == 1e-2)
    for array in went:
        assert type(array) is np.ndarray
        assert array.dtype == dtype
        assert array.flags.writeable
        assert not any(np.may_share_memory(array, other) for other in came if other.size)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_gradients_are_computed_in_float64_and_rounded_once(dtype):
    """60,000 overflows float16 when squared; of 10,000 ones float16 could count no more than 2,048."""
    grads = {"a": np.full(3, 6e4, dtype), "b": np.ones(10_000, dtype)}
    clipped, norm = clip_by_global_norm(grads, 100.0)
    exact, exact_norm = clip_by_global_norm(mapped(lambda x: x.astype(float), grads), 100.0)
    assert norm == exact_norm
    assert bits(clipped) == bits(mapped(lambda x: x.astype(dtype), exact))


def test_no_gradients_have_norm_0():
    assert clip_by_global_norm({}, 1.0) == ({}, 0.0)
    clipped, norm = clip_by_global_norm({"a": np.zeros(2), "b": np.zeros((0, 3))}, 0.0)
    assert norm == 0
    assert bits(clipped) == bits({"a": np.zeros(2), "b": np.zeros((0, 3))})


@pytest.mark.parametrize(
    "grads, limit, error, text",
    [
        ({"a": np.ones(2)}, -1, ValueError, "limit is -1"),
        ({"a": np.ones(2)}, np.nan, ValueError, "limit is nan"),
        ({"a": np.ones(2)}, -np.inf, ValueError, "limit is -inf"),
        ({"a": np.ones(2)}, None, TypeError, "limit is None"),
        ({"a": {"w": None}}, 1, TypeError, "grads['a']['w'] is None; an array"),
        ({"a": {"w": np.ones(2, int)}}, 1, TypeError, "grads['a']['w'] has dtype int64"),
        ({"a": {"w": np.ones(2, complex)}}, 1, TypeError, "grads['a']['w'] is complex"),
        (np.ones(2), 1, TypeError, "grads is ndarray; a dict"),
    ],
)
def test_refused(grads, limit, error, text):
    with pytest.raises(error, match=re.escape(text)):
        clip_by_global_norm(grads, limit)


@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e4])
def test_torch(peer, scale):
    """Its norm is ours; its factor is limit / (norm + 1e-6), so it is undone before comparing."""
    torch = peer("torch")
    grads = drawn(0, scale=scale)
    theirs = [torch.zeros(leaf.shape, dtype=torch.float64) for leaf in leaves("g", grads).values()]
    for parameter, leaf in zip(theirs, leaves("g", grads).values(), strict=True):
        parameter.grad = torch.tensor(leaf)
    limit = scale / 8
    clipped, norm = clip_by_global_norm(grads, limit)
    their_norm = float(torch.nn.utils.clip_grad_norm_(theirs, limit))
    size = entries(grads).size
    assert abs(norm - their_norm) <= (size + 4) * U * norm
    factor = limit / (their_norm + 1e-6)
    their_entries = np.concatenate([parameter.grad.numpy().ravel() for parameter in theirs])
    np.testing.assert_allclose(
        entries(clipped), their_entries / factor * (limit / norm), rtol=(size + 12) * U, atol=0
    )
