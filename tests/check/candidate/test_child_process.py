"""A child process may end in any way: the parent says how, and leaves nothing behind."""

import os
import sys
import time

import pytest

from numpy_attention.check.candidate import child_process
from numpy_attention.check.candidate.child_process import run_in_child

FUNCTIONS = """
import ctypes, os, signal, sys, time

def answers(send, n):
    send("square", n * n)
    print("not part of the messages")
    os.write(1, b"nor is this")

def exits(send):
    os._exit(0)

def says_why(send):
    os.write(2, b"x" * 1_000_000 + b"\\nno kernel image")
    os._exit(3)

def crashes(send):
    os.abort()

def reads_address_0(send):
    ctypes.string_at(0)

def keeps_the_lock(send):
    send("started", None)
    ctypes.PyDLL(None).sleep(100)

def never_answers(send):
    time.sleep(100)

def closes_all(send):
    os.closerange(0, 99)
    time.sleep(100)

def forks(send, file):
    if os.fork() == 0:
        time.sleep(100)
    send("pid", os.getpid())
    os._exit(0)

def fills_memory(send):
    try:
        bytearray(1 << 33)
    except MemoryError:
        send("refused", None)
"""
posix = pytest.mark.skipif(os.name == "nt", reason="signals and descriptors as POSIX has them")


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "functions_of_a_child.py").write_text(FUNCTIONS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    messages = []

    def run(name, timeout=60.0, memory=None, **arguments):
        target = f"functions_of_a_child:{name}"
        receive = lambda *message: messages.append(message)  # noqa: E731
        return run_in_child(target, arguments, receive, timeout=timeout, memory=memory), messages

    return run


def test_messages_arrive_and_what_it_prints_does_not(run):
    end, messages = run("answers", n=7)
    assert end.how == ""
    assert messages == [("square", 49)]


@pytest.mark.parametrize(
    "name, how",
    [
        ("exits", "ends the process with status 0"),
        ("says_why", "ends the process with status 3"),
        pytest.param("crashes", r"ends the process by SIGABRT (abort())", marks=posix),
        pytest.param("reads_address_0", "ends the process by SIGSEGV (a segmentation fault)", marks=posix),
        pytest.param("closes_all", "closes the file descriptors of the process", marks=posix),
    ],
)
def test_how_it_ended(run, name, how):
    end, messages = run(name)
    assert end.how == how
    assert messages == []
    assert end.stderr.endswith("\nno kernel image") == (name == "says_why")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["keeps_the_lock", "never_answers"])
def test_a_child_without_a_sign_of_life_is_ended(run, name, monkeypatch):
    monkeypatch.setattr(child_process, "GRACE", 1.0)
    monkeypatch.setattr(child_process, "FIRST_MESSAGE", 5.0 if name == "keeps_the_lock" else 1.0)
    start = time.monotonic()
    end, _ = run(name, timeout=0.5)
    seconds = "2" if name == "keeps_the_lock" else "1"
    assert end.how == f"hangs: the process gives no sign of life for {seconds} s"
    assert time.monotonic() - start < 60


@posix
@pytest.mark.slow
def test_a_forked_process_ends_with_the_child(run):
    end, ((_, pid),) = run("forks", file=None)
    assert end.how == "ends the process with status 0"
    for _ in range(100):
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process of the group is left")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits the memory of a process")
def test_memory_is_limited(run):
    assert run("fills_memory", memory=1 << 30)[1] == [("refused", None)]
