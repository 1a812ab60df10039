"""Check a candidate by its address, in a child process, which it can end without ending the report.

`check_in_child` runs `judge` in the child and follows its messages. Where the child ends without a report,
the report says how and in which case, and holds the verdicts on the cases before.
"""

import inspect
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..candidate.child_process import ChildEnd, Send, run_in_child
from ..candidate.installed import find_installed
from ..candidate.loading import CandidateImportError, check_address, load
from ..candidate.memory_limit import default_memory
from ..candidate.sandbox import message_of
from ..cases.compare import FAIL
from ..cases.specification import Specification
from .failing_case import FailingCase
from .findings import NOT_JUDGED, CandidateProblem
from .judging import CaseJudgement
from .progress import Watcher
from .report import CandidateReport

REFUSALS = {"TypeError": TypeError, "ValueError": ValueError}


class CheckFailed(RuntimeError):
    """An error of this package, not of the candidate; the message holds its traceback."""


def check_in_child(
    address: str, options: Mapping[str, Any], *, judge: str = f"{__package__}.referee:check_candidate"
) -> CandidateReport:
    """The report of `judge(candidate, **options)`, run in a child process.

    Parameters
    ----------
    address : of the candidate: FILE.py:NAME, MODULE:NAME, or the name of something installed.
    options : those of `judge`, and `memory`, the bytes that the child may allocate, or None for the default.
    judge : the function at "module:name".

    Raises
    ------
    TypeError, ValueError, OSError
        For a wrong address or options that the candidate does not have.
    """
    if find_installed(address) is None:
        check_address(address)
    follower = _Follower(address, options)
    options = {name: _plain(x) for name, x in options.items() if name != "progress"}
    memory, device = options.pop("memory", None), str(options.get("device") or "cpu")
    if memory is None and device == "cpu":
        memory = default_memory()
    arguments = {"address": address, "options": options, "judge": judge}
    target, timeout = f"{__name__}:judge_in_child", options.get("timeout", 60.0)
    end = run_in_child(target, arguments, follower.receive, timeout=timeout, memory=memory)
    return follower.report(end, memory)


def _plain(x: Any) -> Any:
    """An iterable as a tuple and a mapping as a dict, which pickle; everything else as it is."""
    if isinstance(x, Mapping):
        return dict(x)
    return tuple(x) if hasattr(x, "__iter__") and not isinstance(x, str) else x


class _Follower:
    """What the parent knows of the child: where it is, and the verdicts so far."""

    def __init__(self, address: str, options: Mapping[str, Any]) -> None:
        self.name = str(options.get("name") or address)
        self.progress: Callable[[str], None] | None = options.get("progress")
        self.setting = {n: options.get(n) for n in ("dtype", "profile", "seed") if options.get(n) is not None}
        self.where = "its import"
        self.case: FailingCase | None = None
        self.large = options.get("shape") is not None
        self.finished: tuple[str, Any] = ("", None)
        self.judged: list[tuple[str, CaseJudgement]] = []

    def receive(self, kind: str, content: Any) -> None:
        """Take a message of the child."""
        if kind == "loaded":
            self.where = "a first call"
        elif kind == "begin":
            number, specification = content
            self.where = f"case {number}, {specification.name}"
            self.case = FailingCase(specification, (), self.large)
        elif kind == "end":
            self.judged += [(self.where, judgement) for judgement in content]
        elif kind == "line":
            if self.progress is not None:
                self.progress(content)
        else:
            self.finished = (kind, content)

    def report(self, end: ChildEnd, memory: int | None) -> CandidateReport:
        """The child's report, or one that says why there is none; raises what the child refused."""
        kind, content = self.finished
        if kind == "report":
            report: CandidateReport = content
            return report
        if kind in REFUSALS:
            raise REFUSALS[kind](content)
        if kind == "failed":
            return self._partial(FAIL, content)
        if kind == "crashed":
            raise CheckFailed(f"the check itself failed ({self.where}):\n{content}")
        if kind == "memory":
            limit = f"; --memory sets the limit, now {memory / 2**30:.3g} GiB" if memory else ""
            return self._partial(NOT_JUDGED, f"memory ran out{limit}")
        return self._partial(FAIL, end.how, end.stderr)

    def _partial(self, outcome: str, what: str, stderr: str = "") -> CandidateReport:
        verdicts = tuple(verdict for _, judgement in self.judged for verdict in judgement.verdicts)
        problems = [CandidateProblem(case, each) for case, judged in self.judged for each in judged.problems]
        if outcome == FAIL:
            problems.append(CandidateProblem(self.where, what))
        notes = [f"stderr ends with {line!r}" for line in stderr.splitlines()[-1:]]
        if verdicts:
            notes.append("the table holds the cases before")
        return CandidateReport(
            self.name, self.setting | {"cases": len(self.judged)}, outcome, f"{what} ({self.where})",
            verdicts=verdicts, problems=tuple(problems), notes=tuple(notes),
            simplest=self.case,
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------- the child


class _Sender(Watcher):
    """Sends every case, its judgement without its arrays, and every line to the parent."""

    def __init__(self, send: Send) -> None:
        self.send = send

    def __call__(self, line: str) -> None:
        self.send("line", line)

    def begin(self, number: int, specification: Specification) -> None:
        self.send("begin", (number, specification))

    def end(self, judgements: Sequence[CaseJudgement]) -> None:
        self.send("end", [judgement._replace(tensors={}) for judgement in judgements])


def judge_in_child(send: Send, address: str, options: dict[str, Any], judge: str) -> None:
    """Load the candidate and judge it; the last message is the report, or why there is none."""
    forks: list[bool] = []
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_parent=lambda: forks.append(True))
    try:
        installed = find_installed(address)
        candidate = load(address) if installed is None else installed.load()
        if isinstance(candidate, str):  # it would be taken for an address
            raise TypeError("the candidate is str; a function, or a pair (forward, backward), is expected")
        send("loaded", None)
        function = load(judge)
        parameters = inspect.signature(function).parameters
        for name, value in ({} if installed is None else installed.options).items():
            if name in parameters and options.get(name) in (None, parameters[name].default):
                options[name] = value
        if "progress" in parameters:
            options["progress"] = _Sender(send)
        report = function(candidate, **options)
        if forks:
            report = report._replace(notes=(*report.notes, "forks the process"))
        send("report", report)
    except CandidateImportError as error:
        send("failed", str(error))
    except (TypeError, ValueError) as error:
        send("TypeError" if isinstance(error, TypeError) else "ValueError", str(error))
    except MemoryError:
        send("memory", None)
    except KeyboardInterrupt:  # Ctrl-C goes to the parent alone
        send("failed", "raises KeyboardInterrupt in the main thread")
    except BaseException as error:
        send("crashed", f"{message_of(error)}\n{traceback.format_exc()}")
