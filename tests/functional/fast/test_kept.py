"""Exponentials from forward to backward: memory within the limit, given back, taken once, never copied."""

import copy
import pickle

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.fast import kept as module
from numpy_attention.functional.fast.kept import KEEP, Kept
from numpy_attention.functional.fast.stack import RowBlock

BLOCK = RowBlock(slice(0, 1), slice(0, 1), slice(0, 5))
OPTIONS = {
    "plain": {}, "causal": {"mask": na.causal()}, "window": {"mask": na.window(3, 40)},
    "peaked": {"scale": 9.0},
    "dropout": {"dropout": na.dropout(3, 0.2)}, "softcap": {"softcap": 5.0}, "sinks": {"sinks": np.ones(3)},
    "one peaked row": {"scale": np.where(np.arange(300) == 7, 9.0, 0.1)[:, None]},
}  # fmt: skip


def problem(name):
    rng = np.random.default_rng(3)
    query, key, value, d_out = rng.standard_normal((4, 3, 300, 8)).astype(np.float32)
    return query, key, value, d_out, OPTIONS[name]


@pytest.mark.parametrize("name", OPTIONS)
def test_no_bit_depends_on_what_is_kept(name):
    """None, a few tiles, or all; a second backward, and that of a copy, compute them again."""
    query, key, value, d_out, options = problem(name)
    _, saved = na.fast_attention_forward(query, key, value, keep=0, **options)
    expected = na.fast_attention_backward(d_out, saved)
    for keep in (300_000, KEEP):
        out, saved = na.fast_attention_forward(query, key, value, keep=keep, **options)
        held = sum(x.nbytes for tiles in saved.kept.tiles.values() for x in tiles)
        assert 0 <= held <= keep
        assert keep < KEEP or (held > 0) == (name not in ("softcap", "peaked"))
        for copied in (copy.deepcopy(saved), pickle.loads(pickle.dumps(saved)), saved, saved):
            for x, y in zip(na.fast_attention_backward(d_out, copied)[:3], expected, strict=False):
                assert (x == y).all()


def test_memory_is_used_again(monkeypatch):
    monkeypatch.setattr(module.SPARE, "arrays", {})
    query, key, value, d_out, _ = problem("plain")
    places = []
    for _ in range(3):
        _, saved = na.fast_attention_forward(query, key, value, threads=1)
        places.append({x.ctypes.data for tiles in saved.kept.tiles.values() for x in tiles})
        na.fast_attention_backward(d_out, saved)
    assert places[0] == places[1] == places[2]


def test_without_memory_nothing_is_kept(monkeypatch):
    def no_memory(*_):
        raise MemoryError

    kept = Kept(10**9)
    monkeypatch.setattr(np, "empty", no_memory)
    assert kept.new_tile(BLOCK, (3, 10**6), np.dtype(np.float32)) is None


def test_repr_says_how_much():
    kept = Kept(1000)
    module.SPARE.give([np.empty(150, np.uint8)])  # memory that is larger than what is asked for
    tile = kept.new_tile(BLOCK, (5, 7), np.dtype(np.float32))
    kept.tiles[0, 0, 0] = [tile]
    assert repr(kept) == "Kept(140 bytes)"
    assert kept.room == 860
    kept.give_back(BLOCK)
    assert kept.room == 1000


@pytest.mark.parametrize(
    "wrong, error", [(-1, ValueError), (np.nan, TypeError), ("much", TypeError), ([1], TypeError)]
)
def test_keep_is_one_number_of_bytes(wrong, error):
    query, key, value, _, _ = problem("plain")
    for function in (na.fast_attention, na.fast_attention_forward):
        with pytest.raises(error, match="keep"):
            function(query, key, value, keep=wrong)


def test_nothing_is_kept_where_a_sink_shifts_the_rows():
    query, key, value, d_out = np.random.default_rng(0).standard_normal((4, 1, 13, 5))
    sinks = np.array([40.0])
    _, saved = na.fast_attention_forward(query, key, value, sinks=sinks)
    _, again = na.fast_attention_forward(query, key, value, sinks=sinks, keep=0)
    assert not saved.kept.tiles
    assert saved.kept.room == KEEP
    for got, expected in zip(
        na.fast_attention_backward(d_out, saved), na.fast_attention_backward(d_out, again), strict=True
    ):
        assert np.array_equal(got, expected)
