"""Large, small and hidden numbers: `fast_attention` keeps rows apart, and does not overflow."""

import numpy as np
import pytest

import numpy_attention as na
from tests.support.judges import bits

RNG = np.random.default_rng(5)
MOST = float(np.finfo(np.float32).max)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def column(*numbers):
    return np.array(numbers, np.float32)[:, None]


def hide(rows, keys, *hidden):
    visible = np.ones((rows, keys), bool)
    for row, columns in hidden:
        visible[row, columns] = False
    return na.visible(visible)


ONES, VALUE = np.ones((4, 1), np.float32), normal(4, 2)
LOW = column(-1000, 0.01, 0.02, 0.03)
LONG_KEY, LONG_VALUE = np.ones((3, 1, 1500, 1), np.float32), normal(3, 1, 1500, 2)


def entries(score):
    """Queries of three batch entries, the first with this score everywhere."""
    return np.stack([np.full((1, 100, 1), x, np.float32) for x in (score, 0.1, 0.2)])


CASES = {
    "low scores, then a fully masked tile": (
        (LOW, ONES, VALUE), dict(mask=hide(4, 4, (0, slice(2, 4))), scale=1.0, block=(4, 2)),
    ),
    "a fully masked tile, then low scores": (
        (LOW, ONES, VALUE), dict(mask=hide(4, 4, (0, slice(0, 2))), scale=1.0, block=(4, 2)),
    ),
    "a fully masked row, and a low sink": (
        (ONES[None], ONES[None], VALUE[None]),
        dict(mask=hide(4, 4, (0, slice(None))), scale=1.0, sinks=np.array([-200.0])),
    ),
    "a sink as low as powers reach": (
        (ONES[None], ONES[None], VALUE[None]),
        dict(mask=hide(4, 4, (0, slice(None))), scale=1.0, sinks=np.array([-95.0])),
    ),
    "padding, low scores": (
        (entries(-300.0), LONG_KEY, LONG_VALUE), dict(mask=na.padding([900, 1500, 1500]), scale=1.0),
    ),
    "padding, scores as low as powers reach": (
        (entries(-98.0), LONG_KEY, LONG_VALUE), dict(mask=na.padding([900, 1500, 1500]), scale=1.0),
    ),
    "large values under large scores": (
        (np.full((4, 1), 20, np.float32), ONES, VALUE * np.float32(1e30)), dict(scale=1.0),
    ),
    "large cotangents above low scores": (
        (np.full((4, 1), -20, np.float32), ONES, VALUE),
        dict(scale=1.0, of_d_out=1e33, mask=hide(4, 4, (0, 3))),
    ),
    "the lowest finite bias, for a whole row": (
        (ONES, ONES, VALUE), dict(bias=np.where(np.arange(4)[:, None] == 1, -MOST, np.zeros((4, 4)))),
    ),
    "the lowest finite bias, for a key": (
        (ONES, ONES, VALUE), dict(bias=np.where(np.arange(4) == 1, -MOST, np.zeros((4, 4)))),
    ),
    "a sink of 3e38": ((ONES[None], ONES[None], VALUE[None]), dict(sinks=np.array([3e38]))),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_of_attention(name):
    """Scores of up to s are off by s roundoffs, and so are weights; results of 4 keys, by some more."""
    (query, key, value), options = CASES[name]
    options = {k: v.astype(np.float32) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    of_d_out, block = options.pop("of_d_out", 1.0), options.pop("block", None)
    expected, saved = na.attention_forward(query, key, value, **options)
    out, fast_saved = na.fast_attention_forward(query, key, value, block=block, **options)
    d_out, d_lse = normal(*out.shape) * np.float32(of_d_out), normal(*saved.lse.shape)
    got = na.fast_attention_backward(d_out, fast_saved, d_lse=d_lse)
    wanted = na.attention_backward(d_out, saved, d_lse=d_lse)
    assert (np.isneginf(fast_saved.lse) == np.isneginf(saved.lse)).all()
    pairs = [(out, expected), (fast_saved.lse, saved.lse), *zip(got, wanted, strict=True)]
    factor = 2.0**-24 * (64 + 8 * min(1000.0, float(np.nanmax(abs(saved.scores)))))
    for x, y in pairs:
        if y is not None:
            x, y = (np.where(np.isneginf(z), 0, z).astype(float) for z in (x, y))
            largest = max(float(abs(z).max()) for z in (y, of_d_out * value) if z.size)
            assert abs(x - y).max() <= factor * max(1.0, largest)
    for d in got[1:3]:  # padding has no gradient
        if "padding" in name:
            assert not d[0, :, 900:].any()


@pytest.mark.parametrize("score, value, d_out", [(-20, 1e-34, 1), (20, 1, 1e-31), (20, 1e-30, 1)])
def test_tiny_values_and_cotangents_are_those_of_attention(score, value, d_out):
    """In tiles, whose exponentials are of scores as they are; the other rows keep their bits."""
    query, key = np.full((2, 3, 1), score, np.float32), np.ones((2, 5, 1), np.float32)
    query[1] = 0.5
    values = np.full((2, 5, 1), value, np.float32)
    values[:, 0] *= np.float32(1.5)
    cotangents = np.stack([np.full((3, 1), d_out), np.ones((3, 1))]).astype(np.float32)
    options = {"scale": np.float32(1.0), "block": (3, 2)}
    out, saved = na.fast_attention_forward(query, key, values, **options)
    expected, dense = na.attention_forward(query, key, values, scale=np.float32(1.0))
    got, wanted = na.fast_attention_backward(cotangents, saved), na.attention_backward(cotangents, dense)
    for x, y in zip((out, *got[1:3]), (expected, *wanted[1:3]), strict=True):  # d_query is 0: keys are equal
        np.testing.assert_allclose(x, y, rtol=1e-5)


def test_batch_entries_are_independent():
    query = entries(-300.0)
    one, other = (
        na.fast_attention(query, LONG_KEY, LONG_VALUE, mask=na.padding(lengths), scale=1.0)[0]
        for lengths in ([900, 900, 1500], [900, 1500, 1500])
    )
    truth = na.attention(query, LONG_KEY, LONG_VALUE, mask=na.padding([900] * 3), scale=1.0)[0]
    for out in (one, other):
        assert abs(out - truth).max() <= 900 * 2.0**-24


def test_peaks_of_one_row_do_not_depend_on_another():
    """Scores of two million have so few digits left that a weight of 0.93 may come out as 1 next time."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        query, key, value, d_out = (rng.standard_normal((2, 3)).astype(np.float32) for _ in range(4))
        query[0] *= 1500
        key *= 1500
        numbers = []
        for other in (0.0, 1500.0):
            query[1] = other
            _, saved = na.fast_attention_forward(query, key, value)
            numbers.append(na.fast_attention_backward(d_out, saved).d_query[0])
        assert (bits(numbers[0]) == bits(numbers[1])).all(), seed


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
def test_non_finite_table_shows_as_in_attention(wrong):
    table = normal(3)
    table[1] = wrong
    buckets = np.arange(20).reshape(4, 5) % 7 % 3
    query, key, value, d_out = normal(4, 3), normal(5, 3), normal(5, 2), normal(4, 2)
    bias = na.relative(table, buckets)
    out, saved = na.fast_attention_forward(query, key, value, bias=bias)
    expected, dense = na.attention_forward(query, key, value, bias=bias)
    assert (np.isnan(out) == np.isnan(expected)).all()
    got, wanted = na.fast_attention_backward(d_out, saved), na.attention_backward(d_out, dense)
    for x, y in zip(got[:3], wanted[:3], strict=True):
        assert (np.isnan(x) == np.isnan(y)).all()


def test_fully_masked_row_has_no_gradient_of_minus_zero():
    query, key, value = normal(3, 4), normal(5, 4), normal(5, 2)
    for scale in (-0.5, -np.ones((3, 1), np.float32)):
        _, saved = na.fast_attention_forward(
            query, key, value, scale=scale, mask=hide(3, 5, (1, slice(None)))
        )
        d_query = na.fast_attention_backward(normal(3, 2), saved).d_query
        assert not bits(d_query[1]).any()


def test_gradient_of_a_shared_bias_takes_the_memory_of_one_head():
    """One for each of 64 heads would take 23 MB; the thread's scratch memory may be new."""
    import tracemalloc

    def most(heads):
        query, key, value, d_out = (normal(heads, 300, 3) for _ in range(4))
        _, saved = na.fast_attention_forward(query, key, value, bias=normal(300, 300), threads=1)
        tracemalloc.start()
        na.fast_attention_backward(d_out, saved)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    most(8)
    assert most(64) < 64 * 300 * 300 * 4 / 4


def test_casts_overflow_silently():
    """A bias that float32 cannot hold, and a result that float16 cannot, become infinite."""
    half = np.full((1, 1), 6e4, np.float16)
    with np.errstate(all="raise"):
        na.fast_attention(normal(1, 2), normal(3, 2), normal(3, 2), bias=np.array([[1e300, 0.0, 0.0]]))
        out = na.fast_attention(half * 0, half, half, dropout=np.full((1, 1), 2.0))
    assert np.isposinf(out).all()


@pytest.mark.parametrize("mask", [None, na.causal()])
def test_repr_of_saved_shows_shapes(mask):
    query = normal(2, 5, 3)
    for forward in (na.fast_attention_forward, na.blockwise_attention_forward):
        _, saved = forward(query, query, query, mask=mask)
        assert "array(" not in repr(saved)
        assert "float32(2, 5, 3)" in repr(saved)
