"""Memory of arrays that are gone is used again, never that of one still in use."""

import gc

import numpy as np
import pytest

from numpy_attention.functional.base import memory as module
from numpy_attention.functional.base.memory import (
    LEAST,
    MOST,
    SPARE_BYTES,
    Spare,
    added,
    contiguous,
    new_array,
)

SHAPE = (LEAST // 4, 2)


@pytest.fixture
def spare(monkeypatch):
    """An empty pool."""
    monkeypatch.setattr(module.SPARE, "arrays", {})
    return module.SPARE.arrays


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_once_the_last_view_is_gone(spare):
    array = new_array(SHAPE, np.float32)
    array[...] = 3
    where, view = address(array), array.T[:, ::5]
    del array
    gc.collect()
    assert not spare
    assert (view == 3).all()
    del view
    assert len(spare) == 1
    assert address(new_array(SHAPE, np.float32)) == where


def test_two_arrays_share_nothing(spare):
    del_later = [new_array(SHAPE, np.float32) for _ in range(3)]
    del del_later[1]
    one, other = new_array(SHAPE, np.float32), new_array(SHAPE, np.float32)
    for x in (one, other):
        assert not any(np.shares_memory(x, y) for y in del_later)
    assert not np.shares_memory(one, other)


@pytest.mark.parametrize("shape", [(), (0, 3), (LEAST // 8 - 1,), (MOST // 8 + 1,)])
def test_small_and_huge_arrays_are_ordinary(spare, shape):
    array = new_array(shape, np.float64)
    assert array.shape == shape
    assert array.flags.owndata
    del array
    assert not spare


def test_spare_memory_is_bounded_and_of_about_the_size_wanted():
    spare = Spare()
    first, second = spare.take(1000), spare.take(SPARE_BYTES - 500)
    spare.give([first, second])
    assert list(map(len, spare.arrays.values())) == [SPARE_BYTES - 500]
    assert spare.take(SPARE_BYTES // 2).size == SPARE_BYTES // 2
    assert spare.take(SPARE_BYTES - 1000) is second
    assert not spare.arrays


def test_contiguous_copies_only_what_is_not():
    x = np.arange(6.0).reshape(2, 3)
    assert contiguous(x) is x
    turned = contiguous(x.T)
    assert turned.flags.c_contiguous
    assert (turned == x.T).all()


@pytest.mark.parametrize(
    "other", [np.ones((2, 3)), np.ones(3), 1j * np.ones((2, 3)), np.ones((2, 3), np.float32)]
)
def test_added_is_the_sum(other):
    x = np.arange(6.0).reshape(2, 3)
    assert (added(x, other) == x + other).all()
    assert added(x, other).dtype == (x + other).dtype
