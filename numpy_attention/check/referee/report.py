"""What came of judging a candidate: a report to be printed, kept as JSON, or shown in a notebook."""

import html
import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..cases.compare import FAIL, INCONCLUSIVE, PASS, Verdict
from .control import Control

NOT_JUDGED = "NOT JUDGED"
NOTHING: Mapping[str, Any] = MappingProxyType({})
STATUS = {PASS: 0, FAIL: 1, INCONCLUSIVE: 3, NOT_JUDGED: 3}

HEADINGS = ("tensor", "verdict", "error/bound", "largest error", "relative", "ulp", "bias", "worst at", "got",
            "right", "case")  # fmt: skip


class Problem(NamedTuple):
    """What is wrong with a candidate besides its numbers."""

    case: str
    what: str


class CandidateReport(NamedTuple):
    """All that is known of a candidate.

    Parameters
    ----------
    name : the candidate's.
    setting : how it was judged: framework, dtype, arithmetic, profile, cases, seed, ….
    outcome : "PASS", "FAIL", "INCONCLUSIVE" or "NOT JUDGED".
    reason : of that outcome, in a sentence.
    verdicts : one for each tensor of each case.
    problems : what is wrong besides numbers: raises, hangs, changes its inputs, ….
    left_out : what could not be asked of it or judged, each with the reason.
    weak : features that nowhere matter enough for anything to follow about them.
    laws : for each case with wrong numbers, the laws that it breaks.
    precision : what its arithmetic looks like.
    control : what became of the mistakes that were planted.
    notes : what else was seen: printing, noise between runs, ….
    seconds : that it took.
    """

    name: str
    setting: dict[str, Any]
    outcome: str
    reason: str
    verdicts: tuple[Verdict, ...] = ()
    problems: tuple[Problem, ...] = ()
    left_out: Mapping[str, str] = NOTHING
    weak: tuple[str, ...] = ()
    laws: Mapping[str, tuple[str, ...]] = NOTHING
    precision: str = ""
    control: Control = Control()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it passed."""
        return self.outcome == PASS

    @property
    def status(self) -> int:
        """The exit status: 0 pass, 1 fail, 3 not judged."""
        return STATUS[self.outcome]

    def __bool__(self) -> bool:
        return self.ok

    @property
    def worst(self) -> dict[str, Verdict]:
        """For each tensor the verdict with the largest error over bound; it fails if any case does."""
        found: dict[str, Verdict] = {}
        for verdict in self.verdicts:
            before = found.get(verdict.tensor)
            if before is None or _order(verdict) > _order(before):
                found[verdict.tensor] = verdict
        return found

    @property
    def broken(self) -> tuple[str, ...]:
        """The laws that are broken in any case."""
        found = {law for laws in self.laws.values() for law in laws}
        return tuple(sorted(found, key=lambda law: (int(law.split()[1].rstrip(",:")), law)))

    def __repr__(self) -> str:
        return f"<{self.name}: {self.outcome}: {self.reason}>"

    def __str__(self) -> str:
        return "\n".join([*self._head(), "", *self._table(), "", *self._foot()])

    def _head(self) -> list[str]:
        s = self.setting
        computed = f"computed in {s['arithmetic']}" if "arithmetic" in s else ""
        told = (s.get("framework"), s.get("dtype"), computed, s.get("profile"), f"seed {s.get('seed', 0)}")
        lines = [f"{self.name}: " + ", ".join(x for x in told if x)]
        if options := s.get("options"):
            lines.append(f"  judged with: {', '.join(options)}")
        if self.left_out:
            by_reason: dict[str, list[str]] = {}
            for name, reason in self.left_out.items():
                by_reason.setdefault(reason, []).append(name)
            lines += [f"  not judged: {', '.join(names)} ({reason})" for reason, names in by_reason.items()]
        lines += [f"  note: {note}" for note in self.notes]
        return lines

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for tensor, v in self.worst.items():
            if v.reason and not v.place:
                rows.append((tensor, v.verdict, "", "", "", "", "", "", "", "", f"{v.case}: {v.reason}"))
                continue
            at = f"[{', '.join(map(str, v.place))}]"
            rows.append(
                (tensor, v.verdict, f"{v.ratio:.3g}", f"{v.absolute:.1e}", f"{v.relative:.1e}",
                 f"{v.ulps:.2g}", f"{v.bias:+.2f}", at, f"{v.got:.6g}", f"{v.right:.6g}", v.case)
            )  # fmt: skip
        return rows

    def _table(self) -> list[str]:
        rows = [HEADINGS, *self._rows()]
        if len(rows) == 1:
            return ["no number came back"]
        widths = [max(len(row[n]) for row in rows) for n in range(len(HEADINGS) - 1)]
        left = (0, 1, 7)
        return [
            "  ".join(
                [
                    x.ljust(w) if n in left else x.rjust(w)
                    for n, (x, w) in enumerate(zip(row, widths, strict=False))
                ]
                + [row[-1]]
            ).rstrip()
            for row in rows
        ]

    def _foot(self) -> list[str]:
        lines = [f"{p.case}: {p.what}" for p in self.problems[:MOST]]
        if len(self.problems) > MOST:
            lines.append(f"… and {len(self.problems) - MOST} problems more")
        lines += [f"broken: {law}" for law in self.broken]
        if self.precision:
            lines.append(f"its errors look like: {self.precision}")
        if self.control.caught or self.control.missed:
            lines.append(f"control: {self.control}")
        return [*lines, f"{self.outcome}: {self.reason}"]

    def to_json(self, indent: int | None = 1) -> str:
        """Everything, as JSON; what is not finite is a string."""
        content = self._asdict() | {
            "ok": self.ok,
            "status": self.status,
            "verdicts": [v._asdict() for v in self.verdicts],
            "problems": [p._asdict() for p in self.problems],
            "control": self.control._asdict()
            | {"caught": [{"fault": c.fault} | c.verdict._asdict() for c in self.control.caught]},
            "broken": list(self.broken),
        }
        return json.dumps(_plain(content), indent=indent, allow_nan=False, ensure_ascii=False)

    def _repr_html_(self) -> str:
        colour = {PASS: "#1a7f37", FAIL: "#cf222e"}
        cells = [
            "".join(f"<td>{html.escape(x)}</td>" for x in row).replace(
                f"<td>{row[1]}</td>", f'<td style="color:{colour.get(row[1], "#9a6700")}">{row[1]}</td>', 1
            )
            for row in self._rows()
        ]
        head = "".join(f"<th>{html.escape(x)}</th>" for x in HEADINGS)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        above = "<br>".join(map(html.escape, self._head()))
        below = "<br>".join(map(html.escape, self._foot()))
        return f"<p>{above}</p><table><tr>{head}</tr>{body}</table><p>{below}</p>"


MOST = 12
"""So many problems are printed; all of them are in the JSON."""


def _order(verdict: Verdict) -> tuple[bool, bool, float]:
    """What fails is worst; then what is resolved and close to its bound."""
    return verdict.verdict == FAIL, verdict.verdict != INCONCLUSIVE, verdict.ratio


def _plain(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {str(k): _plain(v) for k, v in x.items()}
    if isinstance(x, tuple | list):
        return [_plain(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    return x
