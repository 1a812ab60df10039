"""Run a learner's function on all calls in a child process, which it may end, block, or fill with its output.

Parent: `answers_of` gives each call's answer, and how the child ended. Child: `answer_calls`. Nothing but
plain arrays and sentences comes back.
"""

import inspect
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...check.candidate.child_process import Send, run_in_child
from ...check.candidate.frameworks import CandidateArray
from ...check.candidate.loading import CandidateImportError, load
from ...check.candidate.memory_limit import default_memory
from ...check.candidate.sandbox import CandidateError, SandboxResult, message_of, run_sandboxed
from ...functional.base.wording import brief

LEAST_SECONDS = 0.01


class Answer(NamedTuple):
    """What a function returned in a call, by name; or why it returned nothing; and what else it did.

    `warned` is NumPy's first warning of a line of it, "" if there was none.
    """

    results: dict[str, CandidateArray]
    failure: str = ""
    problems: tuple[str, ...] = ()
    unwritten: bool = False
    warned: str = ""


class Answers(NamedTuple):
    """The answers to the calls, in order, as far as they came, and how the child ended before the last."""

    answers: list[Answer]
    end: str = ""


def answers_of(
    path: str, function: str, results: Sequence[str], calls: Sequence[Mapping[str, Any]], timeout: float
) -> Answers:
    """Run the function of a file on each call, and on the first one again at the end, in a child process."""
    received: list[Answer] = []
    arguments = {"path": path, "function": function, "results": tuple(results), "calls": [*calls, calls[0]]}

    def receive(kind: str, content: Any) -> None:
        if kind == "answer":
            received.append(Answer(*content))

    end = run_in_child(
        f"{__name__}:answer_calls", arguments | {"timeout": timeout}, receive, timeout=timeout,
        memory=default_memory(),
    )  # fmt: skip
    return Answers(received, end.how)


# ---------------------------------------------------------------------------------------------- the child


def answer_calls(
    send: Send,
    path: str,
    function: str,
    results: tuple[str, ...],
    calls: list[dict[str, Any]],
    timeout: float,
) -> None:
    """Send an answer for each call, until one of them takes too long or is not yet written."""
    import numpy.random  # noqa: F401  before a file of the learner can stand in the way of what it imports

    sys.dont_write_bytecode = True
    deadline = time.monotonic() + timeout
    send("begin", None)
    loaded = run_sandboxed(partial(load, f"{path}:{function}"), timeout)
    if loaded.failure or not callable(loaded.value):
        send("answer", ({}, _import_failure(loaded, timeout) or f"{function} is no function"))
        return
    for arguments in calls:
        left = max(deadline - time.monotonic(), LEAST_SECONDS)
        result = run_sandboxed(partial(answer_call, loaded.value, function, arguments, results), left)
        found, problems, warned = result.value if result.value is not None else ({}, (), "")
        unwritten = isinstance(result.error, NotImplementedError)
        failure = f"takes more than {timeout:g} s" if result.hung else result.failure
        send("answer", (found, failure, (*problems, *result.changed), unwritten, warned))
        if result.hung or unwritten:
            return


def _import_failure(result: SandboxResult, timeout: float) -> str:
    if result.hung:
        return f"takes more than {timeout:g} s to be imported"
    return message_of(result.error) if isinstance(result.error, CandidateImportError) else result.failure


def answer_call(
    function: Callable[..., Any], name: str, arguments: dict[str, Any], results: tuple[str, ...]
) -> tuple[dict[str, CandidateArray], tuple[str, ...], str]:
    """The results by name, the arguments that the call changed, and NumPy's first warning."""
    copies = {n: x.copy() if isinstance(x, np.ndarray) else x for n, x in arguments.items()}
    _check_signature(function, name, [*copies])
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("default", RuntimeWarning)
        returned = function(*copies.values())
    found = _named(returned, results)
    arrays = {n: x for n, x in arguments.items() if isinstance(x, np.ndarray)}
    changed = [n for n, x in arrays.items() if copies[n].tobytes() != x.tobytes()]
    return found, tuple(f"changes its argument {n}" for n in changed), _warning(raised)


def _warning(raised: Sequence[warnings.WarningMessage]) -> str:
    """The first warning of a number that is none, and its line in the learner's file."""
    own = [each for each in raised if "site-packages" not in each.filename]
    return next((f"line {w.lineno}: {w.message}" for w in own if "encountered in" in str(w.message)), "")


def _check_signature(function: Callable[..., Any], name: str, arguments: list[str]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        called = f"{name}({', '.join(arguments)})"
        raise CandidateError(f"defines {name}{signature}, where {called} is called") from error


def _named(returned: Any, results: tuple[str, ...]) -> dict[str, CandidateArray]:
    """The returned arrays by name; any other form raises."""
    names = ", ".join(results)
    expected = f"{names if len(results) == 1 else f'({names})'} is expected"
    if hasattr(returned, "_asdict"):
        returned = returned._asdict()
    if isinstance(returned, Mapping):
        if missing := [n for n in results if n not in returned]:
            raise CandidateError(f"returns a dict without {missing[0]}; {expected}")
        returned = tuple(returned[n] for n in results)
    elif len(results) == 1 and not (isinstance(returned, tuple) and len(returned) == 1):
        returned = (returned,)
    if not isinstance(returned, tuple | list) or len(returned) != len(results):
        came = f"{len(returned)} results" if isinstance(returned, tuple | list) else _described(returned)
        raise CandidateError(f"returns {came}; {expected}")
    return {n: _array(n, x, expected) for n, x in zip(results, returned, strict=True)}


def _array(name: str, x: Any, expected: str) -> CandidateArray:
    try:
        array = np.asarray(x)
    except Exception as error:
        raise CandidateError(f"returns {_described(x)} for {name}; {expected}") from error
    if x is None:
        raise CandidateError(f"returns None; {expected}")
    if array.dtype.kind not in "fiub":
        if isinstance(x, np.ndarray) or array.dtype != object:
            raise CandidateError(f"returns an array of dtype {array.dtype} for {name}; float64 is expected")
        raise CandidateError(f"returns {_described(x)} for {name}; {expected}")
    return CandidateArray(np.array(array, dtype=np.float64), array.dtype.name)


def _described(x: Any) -> str:
    try:
        return f"one array {x.shape}" if isinstance(x, np.ndarray) and x.shape else brief(x, 40)
    except Exception:  # its repr raises
        return f"a {type(x).__name__}"
