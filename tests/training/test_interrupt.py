"""Ctrl-C that waits for the end of an epoch."""

import signal
import threading

import pytest

from numpy_attention.training.interrupt import deferred_interrupt


@pytest.fixture(autouse=True)
def listening():
    """Install Python's handler: processes in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_interrupt_is_recorded_and_the_second_raises():
    with deferred_interrupt() as stop:
        assert not stop.requested
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_stays_installed():
    noted = []
    signal.signal(signal.SIGINT, lambda *_: noted.append(1))
    with deferred_interrupt() as stop:
        signal.raise_signal(signal.SIGINT)
        assert not stop.requested
    assert noted == [1]


def test_outside_the_main_thread_nothing_changes():
    seen = []

    def work():
        with deferred_interrupt() as stop:
            seen.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
