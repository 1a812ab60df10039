"""Masked entries: no bit of any result depends on them, pair by pair."""

from itertools import product

import numpy as np
import pytest

import numpy_attention as na
from tests.support.known_numbers import all_numbers, drawn

EVEN = np.arange(7) % 2 == 0
MASKS = {  # over 5 queries and 7 keys: each masks key 6, and more, for every query
    "visible": na.visible(np.arange(7) < 5),
    "hidden": na.hidden(np.arange(7) >= 5),
    "causal": na.causal("top_left"),
    "causal by offsets": na.causal(offset=np.array([0, -2])),
    "window": na.window(2, 1, "top_left"),
    "padding": na.padding(np.array([4, 6])),
    "real keys": na.real_keys(EVEN & (np.arange(7) < 6)),
    "segments": na.segments(np.array([0, 0, 1, 1, 1]), np.array([0, 2, 0, 1, 1, 3, 3])),
    "prefix": na.prefix(3),
    "& | ~": (na.causal("top_left") | na.prefix(3)) & ~na.real_keys(EVEN),
    "nothing": na.prefix(0),
    "-inf": None,
    "-inf by head": None,
}
BIASES = {
    "-inf": np.where(np.arange(7) < 4, 0.5, -np.inf),
    "-inf by head": np.where(np.arange(7) < np.arange(1, 7)[:, None, None], 0.5, -np.inf),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", MASKS)
def test_not_a_bit_depends_on_a_hidden_key_or_value(kind, dtype):
    """Six heads on two, softcap and sinks besides; nothing raises where floating-point errors do."""
    query, key, value = drawn((2, 6, 5, 3), (2, 2, 7, 3), (2, 2, 7, 11), dtype=dtype)
    bias = BIASES.get(kind, np.zeros(7)).astype(dtype)
    options = dict(mask=MASKS[kind], bias=bias, softcap=3.0, sinks=np.zeros(6, dtype=dtype))
    visible = np.ones((2, 6, 5, 7), bool) if MASKS[kind] is None else MASKS[kind].array(5, 7, heads=True)
    visible = np.broadcast_to(visible & ~np.isneginf(bias), (2, 6, 5, 7))
    hidden = ~visible.reshape(2, 2, 3 * 5, 7).any(axis=2)
    assert hidden.any(axis=-1).all()
    with np.errstate(over="ignore"):
        poisons = np.array([1e30, np.inf, -np.inf, np.nan]).astype(dtype)
    with np.errstate(all="raise"):
        clean = all_numbers(query, key, value, **options)
        for poison in poisons:
            spoilt = [np.where(hidden[..., None], poison, x) for x in (key, value)]
            poisoned = all_numbers(query, *spoilt, **options)
            assert all(x.tobytes() == y.tobytes() for x, y in zip(clean, poisoned, strict=True)), poison
    d_key, d_value = clean[4], clean[5]
    assert not d_key[hidden].any()
    assert not d_value[hidden].any()


def test_hidden_is_masked_or_biased_by_minus_infinity_for_any_score():
    query, key, value = drawn((5, 3), (7, 3), (7, 2))
    key[2] = np.nan
    for options in (
        dict(mask=na.real_keys(np.arange(7) != 2)),
        dict(bias=np.where(np.arange(7) == 2, -np.inf, 0.0)),
        dict(mask=na.real_keys(np.arange(7) != 2), bias=np.where(np.arange(7) == 2, np.nan, 0.0)),
        dict(mask=na.real_keys(np.arange(7) != 2), scale=np.where(np.arange(7) == 2, np.inf, 1.0)),
    ):
        assert all(np.isfinite(x).all() for x in all_numbers(query, key, value, **options))


def test_attend_covers_its_scores_value_and_bias():
    scores, value = drawn((5, 7), (7, 2))
    bias = np.zeros((5, 7))
    mask = na.causal("top_left")

    def numbers(scores, value, bias):
        out, saved = na.attend_forward(scores, value, mask=mask, bias=bias, softcap=2.0)
        d_out, d_weights, d_lse = drawn(out.shape, saved.weights.shape, saved.lse.shape)
        gradients = na.attend_backward(d_out, saved, d_weights=d_weights, d_lse=d_lse)
        return b"".join(x.tobytes() for x in (out, saved.weights, saved.lse, *gradients[:3]))

    hidden = ~mask.array(5, 7)
    for poison in (1e30, np.inf, -np.inf, np.nan):
        with np.errstate(all="raise"):
            spoilt = (np.where(at, poison, x) for at, x in (
                (hidden, scores), (np.arange(7)[:, None] > 4, value), (hidden, bias)
            ))  # fmt: skip
            assert numbers(*spoilt) == numbers(scores, value, bias)


TILED = {
    "blockwise": (na.blockwise_attention_forward, na.blockwise_attention_backward),
    "fast": (na.fast_attention_forward, na.fast_attention_backward),
}
THREES = np.arange(7) // 3
LARGE = (20.0, 3e38, np.nan)
"""20 makes a large exponent of a small one, so that rows are treated in another way; 3e38 has no norm, and a
product of it may be NaN."""


def tiled_numbers(path, query, key, value, **options):
    forward, backward = TILED[path]
    out, saved = forward(query, key, value, **options)
    gradients = backward(*drawn(out.shape, seed=1), saved, d_lse=drawn(saved.lse.shape, seed=2)[0])
    return [np.asarray(x) for x in (out, saved.lse, *gradients) if x is not None]


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize(
    "path, width, sinks",
    [
        pytest.param("blockwise", 3, None, id="blockwise"),
        pytest.param("fast", 3, None, id="fast"),
        pytest.param("fast", 3, np.zeros(6), id="fast, sinks and softcap", marks=pytest.mark.slow),
        pytest.param("fast", 19, np.zeros(6), id="fast, wide keys, sinks and softcap"),
    ],
)
def test_no_bit_depends_on_the_size_of_a_hidden_key(path, width, kind, sinks):
    """All other scores are small, so that the tiled paths may skip the row maximum.

    For keys wider than the number of rows, the fast path computes no norms.
    """
    query, key, value = drawn((2, 6, 5, width), (2, 2, 7, width), (2, 2, 7, 11), dtype=np.float32)
    bias = {} if kind not in BIASES else {"bias": BIASES[kind].astype(np.float32)}
    hidden = ~np.ones((2, 6, 5, 7), bool) if MASKS[kind] is None else ~MASKS[kind].array(5, 7, heads=True)
    hidden = hidden | np.isneginf(BIASES.get(kind, np.zeros(7)))
    hidden = np.broadcast_to(hidden, (2, 6, 5, 7)).reshape(2, 2, 15, 7).all(axis=2)
    softcap = None if sinks is None else 3.0
    options = dict(mask=MASKS[kind], sinks=sinks, softcap=softcap, block=(2, 3), **bias)
    clean = tiled_numbers(path, query, key, value, **options)
    for poison in np.array(LARGE, np.float32):
        bad_key, bad_value = (np.where(hidden[..., None], poison, x) for x in (key, value))
        for spoilt in ((bad_key, value), (key, bad_value)):
            poisoned = tiled_numbers(path, query, *spoilt, **options)
            assert all(x.tobytes() == y.tobytes() for x, y in zip(clean, poisoned, strict=True)), poison


@pytest.mark.parametrize(
    "mask", [na.causal(), na.window(3, 0), na.segments(np.arange(7) // 3, np.arange(7) // 3)]
)
@pytest.mark.parametrize("path, width", [("blockwise", 3), ("fast", 3), ("fast", 19)])
def test_no_row_depends_on_a_hidden_key_or_another_query(path, width, mask):
    """Key 6 is hidden from the first six queries, and query 6 is another's: no bit of theirs changes."""
    query, key, value = drawn((7, width), (7, width), (7, 2), dtype=np.float32)
    clean = tiled_numbers(path, query, key, value, mask=mask)
    for changed, large in product(range(3), LARGE):
        spoilt = [query.copy(), key.copy(), value.copy()]
        spoilt[changed][6] = np.float32(large) * np.sign(spoilt[changed][6])
        numbers = tiled_numbers(path, *spoilt, mask=mask)
        for x, y in zip(numbers[:3], clean[:3], strict=True):  # out, lse, d_query
            assert x[:6].tobytes() == y[:6].tobytes()
