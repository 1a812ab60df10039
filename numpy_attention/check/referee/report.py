"""The report on a candidate: printed, written as JSON, or shown in a notebook."""

import html
import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..cases.compare import FAIL, INCONCLUSIVE, PASS, Verdict
from .control import Control

NOT_JUDGED = "NOT JUDGED"
EMPTY: Mapping[str, Any] = MappingProxyType({})
PRINTED_PROBLEMS = 12
STATUS = {PASS: 0, FAIL: 1, INCONCLUSIVE: 3, NOT_JUDGED: 3}

HEADINGS = ("tensor", "verdict", "error/bound", "largest error", "relative", "ulp", "bias", "worst at", "got",
            "right", "case")  # fmt: skip


class CandidateProblem(NamedTuple):
    """A defect besides wrong numbers: an exception, a changed input, a wrong dtype, …"""

    case: str
    what: str


class CandidateReport(NamedTuple):
    """The verdict on a candidate, and all that led to it.

    Parameters
    ----------
    name : of the candidate.
    setting : framework, dtype, arithmetic, profile, cases, seed, ….
    outcome : "PASS", "FAIL", "INCONCLUSIVE" or "NOT JUDGED".
    reason : for that outcome, in one sentence.
    verdicts : one for each tensor of each case.
    problems : defects besides wrong numbers.
    left_out : options, shapes and tensors that were not judged, each with the reason.
    weak : features to which no case is sensitive enough for a verdict.
    laws : for each case with wrong numbers, the laws that it breaks.
    precision : the apparent arithmetic.
    control : the planted faults, caught and missed.
    notes : printed output, noise between runs, ….
    seconds : duration.
    diagnosis : the mistake that explains wrong numbers, in one sentence; "" if none was found.
    """

    name: str
    setting: dict[str, Any]
    outcome: str
    reason: str
    verdicts: tuple[Verdict, ...] = ()
    problems: tuple[CandidateProblem, ...] = ()
    left_out: Mapping[str, str] = EMPTY
    weak: tuple[str, ...] = ()
    laws: Mapping[str, tuple[str, ...]] = EMPTY
    precision: str = ""
    control: Control = Control()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    diagnosis: str = ""

    @property
    def ok(self) -> bool:
        """True if the outcome is PASS."""
        return self.outcome == PASS

    @property
    def status(self) -> int:
        """The exit status: 0 PASS, 1 FAIL, 3 INCONCLUSIVE or NOT JUDGED."""
        return STATUS[self.outcome]

    def __bool__(self) -> bool:
        return self.ok

    @property
    def worst(self) -> dict[str, Verdict]:
        """For each tensor, its verdict with the largest error over bound, FAIL before all others."""
        worst: dict[str, Verdict] = {}
        for verdict in self.verdicts:
            before = worst.get(verdict.tensor)
            if before is None or _severity(verdict) > _severity(before):
                worst[verdict.tensor] = verdict
        return worst

    @property
    def broken(self) -> tuple[str, ...]:
        """The laws broken in any case, in order of their numbers."""
        broken = {law for laws in self.laws.values() for law in laws}
        return tuple(sorted(broken, key=lambda law: (int(law.split()[1].rstrip(",:")), law)))

    def __repr__(self) -> str:
        return f"<{self.name}: {self.outcome}: {self.reason}>"

    def __str__(self) -> str:
        return "\n".join([*self._head(), "", *self._table(), "", *self._foot()])

    def _head(self) -> list[str]:
        s = self.setting
        computed = f"computed in {s['arithmetic']}" if "arithmetic" in s else ""
        parts = (s.get("framework"), s.get("dtype"), computed, s.get("profile"), f"seed {s.get('seed', 0)}")
        lines = [f"{self.name}: " + ", ".join(x for x in parts if x)]
        if options := s.get("options"):
            lines.append(f"  judged with: {', '.join(options)}")
        by_reason: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            by_reason.setdefault(reason, []).append(name)
        lines += [f"  not judged: {', '.join(names)} ({reason})" for reason, names in by_reason.items()]
        return lines + [f"  note: {note}" for note in self.notes]

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for tensor, v in self.worst.items():
            cells, case = ("",) * 8, f"{v.case}: {v.reason}"
            if v.place or not v.reason:
                place = f"[{', '.join(map(str, v.place))}]"
                cells = (f"{v.ratio:.3g}", f"{v.absolute:.1e}", f"{v.relative:.1e}", f"{v.ulps:.2g}",
                         f"{v.bias:+.2f}", place, f"{v.got:.6g}", f"{v.right:.6g}")  # fmt: skip
                case = v.case
            rows.append((tensor, v.verdict, *cells, case))
        return rows

    def _table(self) -> list[str]:
        rows = [HEADINGS, *self._rows()]
        if len(rows) == 1:
            return ["no results"]
        widths = [max(len(row[n]) for row in rows) for n in range(len(HEADINGS) - 1)]

        def line(row: tuple[str, ...]) -> str:
            cells = [x.ljust(w) if n in (0, 1, 7) else x.rjust(w)
                     for n, (x, w) in enumerate(zip(row, widths, strict=False))]  # fmt: skip
            return "  ".join([*cells, row[-1]]).rstrip()

        return [line(row) for row in rows]

    def _foot(self) -> list[str]:
        lines = [f"{p.case}: {p.what}" for p in self.problems[:PRINTED_PROBLEMS]]
        if len(self.problems) > PRINTED_PROBLEMS:
            lines.append(f"… and {len(self.problems) - PRINTED_PROBLEMS} more problems")
        lines += [f"broken: {law}" for law in self.broken]
        if self.precision:
            lines.append(f"apparent arithmetic: {self.precision}")
        if self.control.caught or self.control.missed:
            lines.append(f"control: {self.control}")
        lines += [f"looks like: {self.diagnosis}"] if self.diagnosis else []
        return [*lines, f"{self.outcome}: {self.reason}"]

    def to_json(self, indent: int | None = 1) -> str:
        """The whole report as JSON; NaN and infinities become strings."""
        content = self._asdict() | {
            "ok": self.ok,
            "status": self.status,
            "verdicts": [v._asdict() for v in self.verdicts],
            "problems": [p._asdict() for p in self.problems],
            "control": self.control._asdict()
            | {"caught": [{"fault": c.fault} | c.verdict._asdict() for c in self.control.caught]},
            "broken": list(self.broken),
        }
        return json.dumps(_json_value(content), indent=indent, allow_nan=False, ensure_ascii=False)

    def _repr_html_(self) -> str:
        colour = {PASS: "#1a7f37", FAIL: "#cf222e"}
        table = "".join(f"<th>{html.escape(x)}</th>" for x in HEADINGS)
        for row in self._rows():
            cells = [f"<td>{html.escape(x)}</td>" for x in row]
            cells[1] = f'<td style="color:{colour.get(row[1], "#9a6700")}">{row[1]}</td>'
            table += f"</tr><tr>{''.join(cells)}"
        above = "<br>".join(map(html.escape, self._head()))
        below = "<br>".join(map(html.escape, self._foot()))
        return f"<p>{above}</p><table><tr>{table}</tr></table><p>{below}</p>"


def _severity(verdict: Verdict) -> tuple[bool, bool, float]:
    """Sort key: FAIL is worst, INCONCLUSIVE least; then by error over bound."""
    return verdict.verdict == FAIL, verdict.verdict != INCONCLUSIVE, verdict.ratio


def _json_value(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {str(k): _json_value(v) for k, v in x.items()}
    if isinstance(x, tuple | list):
        return [_json_value(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    return x
