"""Run a function of this package in a child process, which may crash, exit, hang or use up memory.

The parent: `run_in_child` starts the child, hands on its messages and says how it ended. The child: `main`
calls the function with a `send` for messages. They travel through a private copy of its standard output; what
the child prints is dropped, but for the end of its stderr. From the first message on the child also sends a
sign of life every BEAT seconds.
"""

import io
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

from .memory_limit import limit_memory

BEAT, POLL = 0.5, 0.1
GRACE = 10.0
"""Seconds of silence beyond the timeout of a call, after which a child counts as hanging."""

FIRST_MESSAGE = 60.0
"""Seconds to the first message: for the import of the candidate and of its framework."""

LENGTH_BYTES, STDERR_BYTES = 8, 4000
ROOT = str(Path(__file__).parents[3])

SIGNALS = {"SIGSEGV": "a segmentation fault", "SIGABRT": "abort()", "SIGFPE": "a division in C",
           "SIGKILL": "kill -9, or the system, out of memory", "SIGBUS": "a bus error"}  # fmt: skip

Send = Callable[[str, Any], None]
"""send(kind, content), content being anything that pickles."""


class ChildEnd(NamedTuple):
    """How a child ended, "" if its function returned, and the end of its stderr."""

    how: str
    stderr: str = ""


def run_in_child(
    target: str, arguments: Mapping[str, Any], receive: Send, *, timeout: float, memory: int | None = None
) -> ChildEnd:
    """Call the function at "module:name" as f(send, **arguments) in a child process.

    Parameters
    ----------
    target, arguments : the function, in this package, and its arguments; they are pickled.
    receive : called in this process with every message.
    timeout : seconds; a child is ended after GRACE seconds more without a sign of life.
    memory : bytes that the child may allocate; None for no limit.
    """
    request = pickle.dumps((target, dict(arguments), list(sys.path), memory))
    process = _start()
    assert process.stdin is not None
    messages: queue.Queue[tuple[str, Any] | None] = queue.Queue()
    tail = bytearray()
    readers = (
        threading.Thread(target=_read_messages, args=(process.stdout, messages), daemon=True),
        threading.Thread(target=_keep_tail, args=(process.stderr, tail), daemon=True),
    )
    for thread in readers:
        thread.start()
    try:
        with suppress(OSError):  # it has died already
            process.stdin.write(len(request).to_bytes(LENGTH_BYTES, "big") + request)
            process.stdin.flush()
        how = _follow(process, messages, receive, timeout + GRACE)
    finally:
        _kill(process)
        _close(process, readers)
    return ChildEnd(how, tail.decode("utf-8", "replace").strip())


def _start() -> subprocess.Popen[bytes]:
    code = f"import sys; sys.path.insert(0, {ROOT!r}); from {__name__} import main; main()"
    own_group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-c", code], bufsize=-1, **pipes, **own_group)


def _follow(
    process: subprocess.Popen[bytes], messages: "queue.Queue[Any]", receive: Send, silence: float
) -> str:
    """Hand on messages until the child ends or is silent for too long; how it ended."""
    left, started = FIRST_MESSAGE, False
    while left > 0:
        ended = process.poll() is not None  # before the queue: what was sent before the end is in it
        before = time.monotonic()
        try:
            message = messages.get(timeout=POLL)
        except queue.Empty:
            if ended:
                return _how_it_ended(process.returncode)
            left -= min(2 * POLL, time.monotonic() - before)  # a suspended machine does not count
            continue
        if message is None:  # it has closed the pipe, and is ending
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL)
            if process.returncode is None:
                return "closes the file descriptors of the process"
            continue
        kind, content = message
        if kind == "returned":
            return ""
        left, started = silence, True
        if kind != "alive":
            receive(kind, content)
    seconds = silence if started else FIRST_MESSAGE
    return f"hangs: the process gives no sign of life for {seconds:.0f} s"


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ends the process with status {status if status < 256 else hex(status)}"
    with suppress(ValueError):
        name = signal.Signals(-status).name
        return f"ends the process by {name}" + (f" ({SIGNALS[name]})" if name in SIGNALS else "")
    return f"ends the process by signal {-status}"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child and all processes that it has started."""
    with suppress(OSError):
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _close(process: subprocess.Popen[bytes], readers: Sequence[threading.Thread]) -> None:
    """Close the pipes, but not one that a process outside the child's group keeps open: a thread reads it."""
    with suppress(OSError):
        assert process.stdin is not None
        process.stdin.close()
    for thread, pipe in zip(readers, (process.stdout, process.stderr), strict=True):
        thread.join(1.0)
        if pipe is not None and not thread.is_alive():
            pipe.close()


def _read_messages(pipe: IO[bytes], messages: "queue.Queue[Any]") -> None:
    with suppress(Exception):  # half a message, when the child is killed
        while length := pipe.read(LENGTH_BYTES):
            messages.put(pickle.loads(pipe.read(int.from_bytes(length, "big"))))
    messages.put(None)


def _keep_tail(pipe: io.BufferedReader, tail: bytearray) -> None:
    with suppress(OSError, ValueError):
        while data := pipe.read1(1 << 16):
            tail += data
            del tail[:-STDERR_BYTES]


# ---------------------------------------------------------------------------------------------- the child


class _Channel:
    """Sends messages through a file descriptor; a process forked from this one ends where it tries to."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.owner, self.lock = descriptor, os.getpid(), threading.Lock()
        self.beating = False
        self.write, self.sleep = os.write, time.sleep  # the candidate may replace them

    def send(self, kind: str, content: Any = None) -> None:
        if os.getpid() != self.owner:
            os._exit(0)
        data = _pickled((kind, content))
        data = len(data).to_bytes(LENGTH_BYTES, "big") + data
        with self.lock:
            while data:
                data = data[self.write(self.descriptor, data) :]
        if not self.beating:
            self.beating = True
            threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while True:
            self.sleep(BEAT)
            self.send("alive")


def main() -> None:
    """The child: read the request, call its function, and end without Python's clean-up."""
    requests, answers = os.dup(0), os.dup(1)
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY)):
        null = os.open(os.devnull, flags)
        os.dup2(null, descriptor)
        os.close(null)
    channel = _Channel(answers)
    target, arguments, path, memory = pickle.loads(_read(requests, _length(requests)))
    sys.path[:] = path
    threading.Thread(target=_end_with_parent, args=(requests,), daemon=True).start()
    limit_memory(memory)
    module, _, name = target.partition(":")
    getattr(import_module(module), name)(channel.send, **arguments)
    channel.send("returned")
    os._exit(0)


def _length(descriptor: int) -> int:
    return int.from_bytes(_read(descriptor, LENGTH_BYTES), "big")


def _read(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := os.read(descriptor, count - len(data))):
            os._exit(1)  # the parent is gone
        data += more
    return data


def _end_with_parent(descriptor: int) -> None:
    """End this process when the parent has ended, however it did."""
    with suppress(OSError):  # the candidate has closed it
        os.read(descriptor, 1)
        os._exit(1)


def _pickled(message: Any) -> bytes:
    """The pickle of a message, read-only dicts as dicts."""

    class Pickler(pickle.Pickler):
        def reducer_override(self, obj: Any) -> Any:
            return (dict, (dict(obj),)) if isinstance(obj, MappingProxyType) else NotImplemented

    data = io.BytesIO()
    Pickler(data).dump(message)
    return data.getvalue()
