"""The progress bar, and its absence."""

import io
import sys

from numpy_attention.training.progress import progress


def test_no_terminal_no_bar(capsys):
    with progress(10) as bar:
        assert bar.on_step is None
        bar.print("one", "two")
    assert capsys.readouterr() == ("one\ntwo\n", "")


def test_no_tqdm_no_bar(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with progress(10) as bar:
        assert bar.on_step is None


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


def test_a_bar_counts_on_a_terminal(peer, monkeypatch, capsys):
    peer("tqdm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress(10, done=4) as bar:
        for _ in range(3):
            bar.on_step()
        bar.print("a line")
        assert bar.bar.n == 7
    assert capsys.readouterr().out == "a line\n"
    assert "4/10" in terminal.getvalue()
