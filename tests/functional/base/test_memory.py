"""Memory of arrays that are gone is used again, never that of one still in use."""

import copy
import gc
import pickle
import sys
from threading import Barrier, Thread

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


@pytest.mark.parametrize(
    "view",
    [memoryview, np.from_dlpack, np.frombuffer, np.ravel, lambda x: np.asarray(x.base),
     lambda x: x.view("i4")[::2], lambda x: np.lib.stride_tricks.as_strided(x, (3,), (8,)),
     lambda x: np.broadcast_to(x, (3, *x.shape)), lambda x: iter(x)],
    ids=["memoryview", "dlpack", "frombuffer", "ravel", "base", "view", "strided", "broadcast", "iterator"],
)  # fmt: skip
def test_whatever_reads_an_array_keeps_its_memory(view, spare):
    array = new_array(SHAPE, np.float32)
    own = view(array)
    del array
    assert not spare
    del own
    assert len(spare) == 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_the_base_of_an_array_has_no_copy_which_would_give_the_memory_back_twice(copied, spare):
    array = new_array(SHAPE, np.float32)
    with pytest.raises(TypeError, match="x is _Loan, the base of an array; the array itself is expected"):
        copied(array.base)
    assert not spare
    copied(array)


def test_a_part_of_spare_memory_is_given_back_whole_and_once():
    spare = Spare()
    memory = spare.take(1000)
    spare.give([memory[:800], memory[200:], memory])
    assert [*spare.arrays.values()] == [memory]
    assert spare.take(900) is memory


def test_nothing_is_kept_where_memory_is_short():
    spare = Spare()
    spare.give([np.empty(1000, np.uint8)])
    assert spare.take(2**62) is None
    assert not spare.arrays


def test_an_interrupt_before_there_is_an_array_goes_unnoticed(spare, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    loan = module._Loan.__new__(module._Loan)
    del loan
    assert not seen
    assert not spare


def test_no_thread_writes_to_the_array_of_another(spare):
    wrong, begin = [], Barrier(4)

    def work(number):
        held = []
        begin.wait()
        for value in range(number, 160, 4):
            array = new_array(SHAPE, np.float32)
            array[::999] = value
            held = [(array, value), *held[:2]]
            wrong.extend(own for x, own in held if (x[::999] != own).any())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert not wrong


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
