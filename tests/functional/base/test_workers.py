"""Units run once each, their puts in order, and no thread survives a failure."""

import threading
import time

import numpy as np
import pytest

from numpy_attention.functional.base import workers
from numpy_attention.functional.base.workers import Buffers, run


@pytest.mark.parametrize("threads", (1, 2, 5, 40))
def test_every_unit_runs_once_and_puts_in_order(threads):
    done, put = [], []

    def work(unit, buffers):
        time.sleep(0.001 * (unit % 3))
        done.append(unit)
        return lambda: put.append(unit)

    run(work, list(range(23)), threads)
    assert sorted(done) == list(range(23))
    assert put == list(range(23))


def test_a_unit_without_a_put_does_not_wait():
    """Unit 0 is over only when unit 2 is, which the other thread takes after unit 1."""
    later = threading.Event()

    def work(unit, buffers):
        if unit == 0:
            assert later.wait(timeout=10)
        if unit == 2:
            later.set()

    run(work, [0, 1, 2], 2)


def test_no_put_runs_after_a_failure():
    put, begun = [], threading.Event()

    def work(unit, buffers):
        if unit == 0:
            assert begun.wait(timeout=10)
            time.sleep(0.05)  # for unit 1 to wait by now
            raise KeyError("unit 0")
        begun.set()
        return lambda: put.append(unit)

    with pytest.raises(KeyError, match="unit 0"):
        run(work, [0, 1], 2)
    assert not put


def test_no_units_return_at_once():
    run(lambda unit, buffers: pytest.fail("there is no unit"), [], 3)


@pytest.mark.parametrize("threads", (1, 3))
@pytest.mark.parametrize("where", ("work", "put"))
def test_the_first_exception_reaches_the_caller_and_all_threads_end(threads, where):
    before, begun = threading.active_count(), []

    def fails():
        raise KeyError("unit 4")

    def work(unit, buffers):
        begun.append(unit)
        if unit == 4:
            return fails() if where == "work" else fails
        return None

    with pytest.raises(KeyError, match="unit 4"):
        run(work, list(range(1000)), threads)
    assert threading.active_count() == before
    assert len(begun) < 1000


def test_ctrl_c_ends_all_threads(monkeypatch):
    before = threading.active_count()

    def work(unit, buffers):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        run(work, list(range(100)), 3)
    assert threading.active_count() == before


def test_a_thread_that_cannot_start_raises(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(workers.Thread, "start", start)
    with pytest.raises(RuntimeError, match="start"):
        run(lambda unit, buffers: None, [1, 2], 2)


def test_buffers_are_allocated_once_for_each_name_and_dtype():
    buffers = Buffers()
    whole = buffers("scores", (3, 5), np.float32)
    assert whole.shape == (3, 5)
    assert whole.flags.c_contiguous
    assert np.shares_memory(whole, buffers("scores", (2, 7), np.float32))
    assert not np.shares_memory(whole, buffers("scores", (3, 5), np.float64))
    assert not np.shares_memory(whole, buffers("weights", (3, 5), np.float32))
    assert buffers("scores", (4, 5), np.float32).size == 20


def test_small_buffers_are_reused_by_the_next_worker():
    used = []

    def work(size, buffers):
        buffers("scores", (size,), np.uint8)
        used.append(buffers)

    for size in (5, 7, workers.MAX_IDLE_BYTES + 1, 5):
        run(work, [size], 1)
    assert used[0] is used[1] is used[2]
    assert used[3] is not used[2]
