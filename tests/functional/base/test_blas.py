"""BLAS is limited to one thread while workers compute, and restored afterwards."""

import os
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.base import blas as module
from numpy_attention.functional.base.blas import BLAS, blas_libraries, run_threaded
from tests.functional.base.test_workers import interrupt_at


def test_nested_limits_are_restored_once(blas):
    with BLAS:
        with BLAS:
            assert (blas.threads, BLAS.threads()) == (1, 4)
        assert blas.threads == 1
    assert blas.threads == 4


def test_limit_is_restored_after_a_failure(blas):
    def fails(unit, buffers):
        raise MemoryError("no buffer")

    with pytest.raises(MemoryError, match="no buffer"):
        run_threaded(fails, list(range(9)), 3)
    assert (blas.threads, BLAS.users) == (4, 0)


def test_interrupt_at_any_line_leaves_no_limit(blas):
    """Also after it, the next call gives the same bits."""
    x = np.random.default_rng(3).standard_normal((2, 300, 64)).astype(np.float32)
    folder = os.path.dirname(os.path.dirname(module.__file__))  # functional/

    def compute():
        out, saved = na.fast_attention_forward(x, x, x, threads=2)
        return na.fast_attention_backward(out, saved)

    expected, line, step = compute(), 0, 1
    while True:
        line += step
        step += 1 + step // 8  # every line at first, where the threads start; then ever fewer
        try:
            interrupt_at(line, compute, folder)
            break
        except KeyboardInterrupt:
            assert (blas.threads, BLAS.users) == (4, 0)
    for a, b in zip(expected[:3], compute(), strict=False):
        assert (a == b).all()


def threads_used(threads):
    used, units, all_started = set(), list(range(4)), threading.Barrier(4)

    def work(unit, buffers):
        used.add(threading.current_thread())
        if threads is None:
            all_started.wait(timeout=20)

    run_threaded(work, units, threads)
    return used


def test_default_is_as_many_threads_as_blas_uses(blas):
    assert len(threads_used(None)) == 4


def test_without_threadpoolctl_the_caller_runs_all_units(without_threadpoolctl):
    assert threads_used(3) == {threading.current_thread()}
    assert BLAS.threads() == 1


def test_libraries_are_those_of_blas_or_none(monkeypatch):
    find = blas_libraries.__wrapped__
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert find() == []
    pools = SimpleNamespace(select=lambda user_api: SimpleNamespace(lib_controllers=(user_api,)))
    monkeypatch.setitem(sys.modules, "threadpoolctl", SimpleNamespace(ThreadpoolController=lambda: pools))
    assert find() == ["blas"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_child_is_not_limited_by_the_threads_of_its_parent(blas):
    with BLAS:
        child = os.fork()
        if not child:
            os._exit(0 if (blas.threads, BLAS.users) == (4, 0) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert blas.threads == 1


def test_child_leaves_the_limit_of_its_parent(blas):
    """What a forked child runs; there, coverage sees nothing."""
    forked = module.SingleThreadedBlas()
    forked.__enter__()
    assert blas.threads == 1
    for _ in range(2):
        forked.leave_all()
        assert (blas.threads, forked.users) == (4, 0)


def test_limit_holds_whichever_thread_set_one_before():
    """threadpoolctl lets one thread alone set limits, and ignores the others."""
    pytest.importorskip("threadpoolctl")
    libraries = module.blas_libraries()
    before, seen = [library.get_num_threads() for library in libraries], []
    for library in libraries:
        library.set_num_threads(library.get_num_threads())  # by this thread
    for _ in range(5):
        run_threaded(lambda unit, buffers: seen.extend(x.get_num_threads() for x in libraries), [0, 1], 2)
    assert set(seen) <= {1}
    assert [library.get_num_threads() for library in libraries] == before


def test_idle_memory_is_bounded_however_many_threads_computed():
    x, bias = np.ones((1, 2, 512, 64)), np.ones((1, 1, 512, 512))

    def compute():
        out, saved = na.fast_attention_forward(x, x, x, threads=4, softcap=30.0, bias=bias)
        na.fast_attention_backward(out, saved)

    callers = [threading.Thread(target=compute) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    from numpy_attention.functional.base import workers

    assert sum(workers._pool.idle_bytes.values()) <= workers.IDLE_BYTES
