"""Units run once each; whatever ends them, the caller gets it when none is at work any more."""

import os
import signal
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from numpy_attention.functional.base import workers
from numpy_attention.functional.base.workers import Buffers, Stopped, default_threads, run, run_in_pool

BASE = os.path.dirname(workers.__file__)


@pytest.mark.parametrize("threads", (1, 2, 5, 40))
def test_every_unit_runs_once(threads):
    done = []
    run(lambda unit, buffers: done.append(unit), list(range(23)), threads)
    assert sorted(done) == list(range(23))


def test_no_units_return_at_once():
    run(lambda unit, buffers: pytest.fail("there is no unit"), [], 3)
    run_in_pool(lambda unit, buffers: pytest.fail("there is no unit"), [], 3)


def test_one_thread_is_the_caller_and_the_pool_never_is():
    used = []
    for start in (run, run_in_pool):
        start(lambda unit, buffers: used.append(threading.current_thread()), [1, 2], 1)
    caller = threading.current_thread()
    assert [thread is caller for thread in used] == [True, True, False, False]


def test_units_may_run_units():
    done = []

    def work(unit, buffers):
        run(lambda inner, buffers: done.append((unit, inner)), [0, 1, 2], 2)

    run(work, [0, 1, 2], 2)
    assert sorted(done) == [(i, j) for i in range(3) for j in range(3)]


@pytest.mark.parametrize("threads", (1, 3))
def test_first_exception_reaches_the_caller_when_no_unit_is_at_work(threads):
    begun, at_work = [], set()

    def work(unit, buffers):
        begun.append(unit)
        at_work.add(unit)
        if unit == 4:
            at_work.discard(unit)
            raise KeyError("unit 4")
        time.sleep(0.001)
        at_work.discard(unit)

    with pytest.raises(KeyError, match="unit 4"):
        run(work, list(range(1000)), threads)
    assert len(begun) < 1000
    assert not at_work


def test_interrupt_ends_long_units_at_their_next_buffer(interruptible):
    at_work, ended = [], []

    def work(unit, buffers):
        at_work.append(unit)
        if len(at_work) == 2:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        try:
            for _ in range(20_000):
                buffers("scores", (5,), np.float32)
                time.sleep(0.001)
        except Stopped:
            ended.append(unit)
            raise

    with pytest.raises(KeyboardInterrupt):
        run(work, [0, 1, 2], 2)
    assert sorted(ended) == [0, 1]


def interrupt_at(line, function, folder=BASE):
    """Call the function with a KeyboardInterrupt before that line of those that it runs in the folder."""
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            lines += 1
            if lines == line:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()  # what measures coverage
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)


def test_interrupt_at_any_line_leaves_no_unit_at_work():
    at_work, finished = set(), False

    def work(unit, buffers):
        at_work.add(unit)
        time.sleep(0.002)
        at_work.discard(unit)

    line = 0
    while not finished:
        line += 1
        try:
            interrupt_at(line, lambda: run(work, [0, 1, 2, 3], 2))
            finished = True
        except KeyboardInterrupt:
            assert not at_work
    assert line > 20


def test_thread_that_cannot_start_raises(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(workers, "_pool", workers.Pool())
    monkeypatch.setattr(workers.Thread, "start", start)
    with pytest.raises(RuntimeError, match="start"):
        run(lambda unit, buffers: None, [1, 2], 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_child_has_threads_of_its_own():
    inside, go = threading.Event(), threading.Event()

    def work(unit, buffers):
        inside.set()
        assert go.wait(timeout=20)

    other = threading.Thread(target=run, args=(work, [0, 1], 2))
    other.start()
    assert inside.wait(timeout=20)
    child = os.fork()
    if not child:
        done = []
        run(lambda unit, buffers: done.append(unit), [0, 1, 2], 2)
        os._exit(0 if sorted(done) == [0, 1, 2] else 1)
    go.set()
    other.join()
    assert os.waitpid(child, 0)[1] == 0


def test_idle_threads_keep_no_array_of_a_caller():
    array = np.zeros(3)
    reference = weakref.ref(array)

    def work(unit, buffers, array=array):
        pass

    run(work, [0, 1], 2)
    del array, work
    deadline = time.monotonic() + 10
    while reference() is not None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert reference() is None


def test_scratch_memory_of_all_idle_threads_has_one_bound(monkeypatch):
    monkeypatch.setattr(workers, "_pool", workers.Pool())
    all_started = threading.Barrier(4)

    def work(unit, buffers):
        all_started.wait(timeout=20)
        buffers("scores", (workers.IDLE_BYTES // 3,), np.uint8)

    run(work, list(range(4)), 4)
    deadline = time.monotonic() + 10
    while len(workers._pool.idle_bytes) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    kept = sum(workers._pool.idle_bytes.values())
    assert workers.IDLE_BYTES / 2 < kept <= workers.IDLE_BYTES


def test_buffers_are_allocated_once_for_each_name_and_dtype():
    buffers = Buffers()
    whole = buffers("scores", (3, 5), np.float32)
    assert whole.shape == (3, 5)
    assert whole.flags.c_contiguous
    assert np.shares_memory(whole, buffers("scores", (2, 7), np.float32))
    assert not np.shares_memory(whole, buffers("scores", (3, 5), np.float64))
    assert not np.shares_memory(whole, buffers("weights", (3, 5), np.float32))
    assert buffers("scores", (4, 5), np.float32).size == 20
    assert buffers.bytes() == 20 * 4 + 15 * 8 + 15 * 4


def test_default_is_the_processors_of_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5}, raising=False)
    assert default_threads() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert default_threads() == os.cpu_count()


def test_child_forgets_the_threads_of_its_parent(monkeypatch):
    """What a forked child runs; there, coverage sees nothing."""
    monkeypatch.setattr(workers, "_pool", workers._pool)
    before = workers._pool
    workers._forget_threads()
    assert workers._pool is not before
    assert not workers._pool.threads


def test_caller_keeps_one_small_set_of_buffers():
    used = []

    def work(size, buffers):
        buffers("scores", (size,), np.uint8)
        used.append(buffers)

    for size in (5, 7, workers.IDLE_BYTES, 5):
        run(work, [size], 1)
    assert used[0] is used[1] is used[2]
    assert used[3] is not used[2]
