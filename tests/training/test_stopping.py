"""Ctrl-C that waits, and the bar that shows how far training is."""

import io
import signal
import sys
import threading

import pytest

from numpy_attention.training.progress import progress
from numpy_attention.training.stopping import deferred_interrupt


@pytest.fixture(autouse=True)
def listening():
    """What a shell starts in the background ignores Ctrl-C; here it shall not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_is_noted_and_the_second_stops():
    with deferred_interrupt() as stop:
        assert not stop.asked
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_else_s_handling_stays():
    noted = []
    signal.signal(signal.SIGINT, lambda *_: noted.append(1))
    with deferred_interrupt() as stop:
        signal.raise_signal(signal.SIGINT)
        assert not stop.asked
    assert noted == [1]


def test_another_thread_may_train():
    seen = []

    def work():
        with deferred_interrupt() as stop:
            seen.append(stop.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_no_terminal_no_bar(capsys):
    with progress(10) as bar:
        assert bar.stepped is None
        bar.say("one", "two")
    assert capsys.readouterr() == ("one\ntwo\n", "")


def test_no_tqdm_no_bar(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with progress(10) as bar:
        assert bar.stepped is None


class Terminal(io.StringIO):
    """What says that it is a terminal."""

    def isatty(self):
        return True


def test_a_bar_counts_on_a_terminal(peer, monkeypatch, capsys):
    peer("tqdm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress(10, done=4) as bar:
        for _ in range(3):
            bar.stepped()
        bar.say("a line")
        assert bar.bar.n == 7
    assert capsys.readouterr().out == "a line\n"
    assert "4/10" in terminal.getvalue()
