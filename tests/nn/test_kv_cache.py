"""The cache: token by token equals one causal pass, whatever was trimmed, reordered or slid out before."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn.kv_cache import admit_cache
from tests.support.layer_formulas import random_params

WIDTH, HEADS, T = 6, 2, 11
X = np.random.default_rng(0).standard_normal((3, T, WIDTH))
CAUSAL = na.causal()
POSITIONS = {
    "none": None,
    "rotary": nn.Rotary(2, layout="halves"),
    "alibi": nn.ALiBi(HEADS),
    "buckets": nn.T5Buckets(HEADS, buckets=6, max_distance=5, bidirectional=False),
    "transformer-xl": nn.TransformerXL(HEADS, 3, WIDTH),
}
every_position = pytest.mark.parametrize("positions", POSITIONS.values(), ids=POSITIONS)


def attention(positions=None, **options):
    layer = nn.MultiHeadAttention(WIDTH, HEADS, positions=positions, **options)
    return layer, random_params(layer)


def one_pass(layer, params, x, mask=CAUSAL):
    return layer.forward(params, x, mask=mask)[0]


def pieces(layer, params, cache, x, lengths):
    """The outputs of x, in pieces of these lengths."""
    outs, first = [], 0
    for length in lengths:
        part, mask = x[:, first : first + length], cache.mask(length)
        outs.append(layer.forward(params, part, mask=mask, cache=cache)[0])
        first += length
    return np.concatenate(outs, axis=1)


def close(out, expected):
    """Equal but for the order of sums of T terms of size ten."""
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)


@every_position
@pytest.mark.parametrize("lengths", [[1] * T, [5, 1, 1, 4], [T]], ids=str)
@pytest.mark.parametrize("kv_heads", [1, 2])
def test_pieces_equal_one_causal_pass(positions, lengths, kv_heads):
    layer, params = attention(positions, kv_heads=kv_heads)
    close(pieces(layer, params, nn.KVCache(T), X, lengths), one_pass(layer, params, X))


@every_position
@pytest.mark.parametrize("lengths", [[1] * T, [2, 1, 5, 3], [7, 4], [T]], ids=str)
def test_a_sliding_cache_equals_a_window(positions, lengths):
    layer, params = attention(positions)
    expected = one_pass(layer, params, X, na.window(2, 0))
    close(pieces(layer, params, nn.KVCache(3, sliding=True), X, lengths), expected)


def test_a_sliding_cache_keeps_its_memory():
    cache = nn.KVCache(3, sliding=True)
    rows = np.ones((1, 1, 1, 2))
    for _ in range(50):
        k, _, positions = cache.append(rows, rows)
    assert positions.tolist() == [47, 48, 49]
    assert k.base.shape == (1, 1, 6, 2)


@every_position
@pytest.mark.parametrize("sliding", [False, True])
def test_entries_of_different_length_go_on_where_each_ended(positions, sliding):
    layer, params = attention(positions)
    capacity, lengths, more = 4 if sliding else T, np.array([2, 5, 3]), 5
    cache = nn.KVCache(capacity, sliding=sliding)
    pieces(layer, params, cache, X[:, :5], [5])
    cache.trim(lengths)
    np.testing.assert_array_equal(cache.lengths, lengths)
    rows = np.arange(more)
    x = np.stack([X[b, n + rows] for b, n in enumerate(lengths)])
    out = pieces(layer, params, cache, x, [1, 3, 1])
    np.testing.assert_array_equal(cache.lengths, lengths + more)
    mask = na.window(capacity - 1, 0) if sliding else CAUSAL
    for b, n in enumerate(lengths):
        close(out[b], one_pass(layer, params, X[b : b + 1, : n + more], mask)[0, n:])


def test_what_stands_where_an_entry_has_no_token_has_no_influence():
    layer, params = attention()
    cache = nn.KVCache(T)
    pieces(layer, params, cache, X[:, :4], [4])
    cache.trim([1, 4, 2])
    k, v = cache._held
    k[0, :, :3], v[0, :, :3] = np.nan, np.inf
    close(pieces(layer, params, cache, X[:, 1:3], [1, 1])[0], one_pass(layer, params, X[:1, :3])[0, 1:])


def test_trimming_twice_and_reordering_keep_every_entry_apart():
    layer, params = attention(POSITIONS["rotary"])
    cache = nn.KVCache(T)
    pieces(layer, params, cache, X[:, :6], [6])
    cache.trim([6, 3, 5])
    cache.trim([2, 3, 4])
    cache.reorder([2, 0, 0, 1])
    np.testing.assert_array_equal(cache.lengths, [4, 2, 2, 3])
    out = pieces(layer, params, cache, X[[2, 0, 1, 1], 7:9], [2])
    for row, (entry, kept, came) in enumerate([(2, 4, 2), (0, 2, 0), (0, 2, 1), (1, 3, 1)]):
        whole = np.concatenate([X[entry, :kept], X[came, 7:9]])[None]
        close(out[row], one_pass(layer, params, whole)[0, kept:])


def test_trimming_to_nothing_starts_anew():
    layer, params = attention()
    cache = nn.KVCache(T)
    pieces(layer, params, cache, X, [T])
    cache.trim(0)
    close(pieces(layer, params, cache, X, [4, T - 4]), one_pass(layer, params, X))


def test_a_trim_and_then_an_earlier_one_finds_what_has_slid_out():
    cache = nn.KVCache(3, sliding=True)
    rows = np.ones((2, 1, 1, 2))
    for _ in range(9):
        cache.append(rows, rows)
    cache.trim([9, 8])
    with pytest.raises(ValueError, match=r"^lengths holds 4; one whose earlier keys have not slid out"):
        cache.trim([9, 4])
    cache.reorder([1, 0])
    with pytest.raises(ValueError, match=r"^lengths holds 4; one whose earlier keys have not slid out"):
        cache.trim([4, 9])


ROWS = np.ones((2, 1, 3, 4))
BAD = {
    "too many": (
        lambda c: c.append(ROWS, ROWS),
        ValueError,
        "cache has capacity 5; at least 6 is expected, for 3 tokens and 3 more",
    ),
    "heads": (lambda c: c.append(ROWS[:, [0, 0], :1], ROWS), ValueError, r"key has shape \(2, 2, 1, 4\);"),
    "dtype": (lambda c: c.append(ROWS[:, :, :1].astype("f4"), ROWS), TypeError, "key has dtype float32;"),
    "value": (lambda c: c.append(ROWS[:, :, :1], ROWS[:1, :, :1]), ValueError, "value has shape"),
    "longer": (
        lambda c: c.trim([2, 4]),
        ValueError,
        "lengths holds 4; at most 3 is expected, the tokens of entry 1",
    ),
    "negative": (lambda c: c.trim(-1), ValueError, "lengths holds -1; at least 0"),
    "other count": (lambda c: c.trim([1, 1, 1]), ValueError, r"lengths has shape \(3,\); one for each entry"),
    "no entry": (lambda c: c.reorder([0, 2]), ValueError, "entries holds 2; less than 2"),
    "no axis": (lambda c: c.reorder(1), ValueError, r"entries has shape \(\); one axis"),
    "no number": (lambda c: c.reorder([0.5]), TypeError, "entries has dtype float64"),
}


@pytest.mark.parametrize("change, error, text", BAD.values(), ids=BAD)
def test_what_does_not_fit_is_one_sentence_and_changes_nothing(change, error, text):
    cache = nn.KVCache(5)
    cache.append(ROWS, ROWS)
    with pytest.raises(error, match=f"^{text}"):
        change(cache)
    assert str(cache) == "KVCache(5): [3, 3] tokens"


def test_an_empty_cache_has_no_entries():
    cache = nn.KVCache(5)
    cache.trim(0)
    assert cache.lengths.shape == (0,)
    with pytest.raises(ValueError, match=r"^entries holds 0; less than 0, the entries"):
        cache.reorder([0])
    with pytest.raises(ValueError, match=r"^key has shape \(3, 4\); \(B, heads"):
        cache.append(ROWS[0, 0], ROWS[0, 0])
    with pytest.raises(ValueError, match=r"^capacity holds 0; at least 1"):
        nn.KVCache(0)


def test_a_model_cache_changes_every_layer():
    cache = nn.ModelCache(2, 5)
    for each in cache:
        each.append(ROWS, ROWS)
    cache.trim([1, 2])
    cache.reorder([1, 1])
    assert [each.lengths.tolist() for each in cache.layers] == [[2, 2], [2, 2]]
    assert admit_cache(cache, 2, 3) is cache
    assert str(cache) == "ModelCache(2 layers of KVCache(5): [2, 2] tokens)"
    with pytest.raises(TypeError, match="cache is KVCache; a ModelCache is expected"):
        admit_cache(cache[0], 2, 1)
    with pytest.raises(ValueError, match="cache is for 2 layers; 3, as the model has"):
        admit_cache(cache, 3, 1)
