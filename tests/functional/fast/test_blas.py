"""BLAS is limited to one thread while workers compute, and restored afterwards."""

import sys
import threading
from types import SimpleNamespace

import pytest

from numpy_attention.functional.fast.blas import BLAS, blas_controller, run_threaded


def test_nested_limits_are_set_and_restored_once(blas):
    with BLAS as outer, BLAS as inner:
        assert (outer, inner) == (4, 4)
        run_threaded(lambda unit, buffers: None, [1, 2, 3], 2)
        assert blas.calls == [1]
    assert blas.calls == [1, "restored"]


def test_limit_is_restored_after_a_failure(blas):
    def fails(unit, buffers):
        raise MemoryError("no buffer")

    before = threading.active_count()
    with pytest.raises(MemoryError, match="no buffer"):
        run_threaded(fails, list(range(9)), 3)
    assert blas.calls == [1, "restored"]
    assert threading.active_count() == before


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


def test_controller_is_that_of_blas_or_none(monkeypatch):
    import_controller = blas_controller.__wrapped__
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert import_controller() is None
    pools = SimpleNamespace(select=lambda user_api: f"the pools of {user_api}")
    monkeypatch.setitem(sys.modules, "threadpoolctl", SimpleNamespace(ThreadpoolController=lambda: pools))
    assert import_controller() == "the pools of blas"
