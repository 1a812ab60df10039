"""The report as text of at most 100 characters a line, and as HTML: the verdict first, what to do last."""

import html
from collections.abc import Iterator

from ..cases.compare import FAIL, INCONCLUSIVE, PASS, Verdict
from ..pairs.report import wrapped
from ..rounding.formats import FORMATS
from .findings import COARSER, Findings

HEADINGS = ("tensor", "verdict", "cases wrong", "error/bound", "ulp", "bias", "worst in")
CONVENTIONS = ("layout", "mask", "causal", "device")
"""The entries of `setting` that say how the candidate is called."""

LEFT = (0, 1, 6)
"""The columns of text, which are aligned to the left."""

PRINTED_PROBLEMS, PRINTED_NAMES, PRINTED_ERROR = 12, 6, 40
"""Most problems, names of cases in a line, and lines of a traceback that are printed."""


def as_text(report: Findings) -> str:
    """The whole report."""
    parts = [_first(report), _setting(report), _table(report), _failing(report), _last(report)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def as_html(report: Findings) -> str:
    """The report with its table as HTML."""
    colour = {PASS: "#1a7f37", FAIL: "#cf222e"}
    table = "".join(f"<th>{html.escape(x)}</th>" for x in HEADINGS)
    for row in _rows(report):
        cells = [f"<td>{html.escape(x)}</td>" for x in row]
        cells[1] = f'<td style="color:{colour.get(row[1], "#9a6700")}">{row[1]}</td>'
        table += f"</tr><tr>{''.join(cells)}"
    above, below = [*_first(report), *_setting(report)], [*_failing(report), "", *_last(report)]
    texts = [f"<pre>{html.escape(chr(10).join(lines))}</pre>" for lines in (above, below)]
    return f"{texts[0]}<table><tr>{table}</tr></table>{texts[1]}"


# ---------------------------------------------------------------------------------------------- the parts


def _first(report: Findings) -> list[str]:
    """The verdict, and below it what explains it or makes it credible."""
    lines = wrapped(f"{report.outcome}: {report.reason}")
    if report.diagnosis:
        lines += wrapped(f"looks like: {report.diagnosis}")
    elif report.outcome == PASS:
        lines += wrapped(f"control: {report.control}")
    return lines


def _setting(report: Findings) -> list[str]:
    s = report.setting
    computed = f"computed in {s['arithmetic']}" if "arithmetic" in s else ""
    parts = (s.get("framework"), s.get("dtype"), computed, s.get("profile"), f"seed {s.get('seed', 0)}")
    lines = [f"{report.name}: " + ", ".join(x for x in parts if x)]
    said = [f"{name} {s[name]}" for name in CONVENTIONS if s.get(name) not in (None, "BHLD")]
    lines += [f"  called with {', '.join(said)}"] if said else []
    coverage = report.coverage
    if coverage.ran:
        options = f"; options: {', '.join(coverage.options)}" if coverage.options else "; no options"
        widths = ", ".join(map(str, coverage.widths))
        plural = "widths" if len(coverage.widths) > 1 else "width"
        lines.append(f"  judged: {coverage.cases}; head {plural} {widths}{options}")
    by_reason: dict[str, list[str]] = {}
    for name, reason in report.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    lines += [f"  not judged: {', '.join(names)} ({reason})" for reason, names in by_reason.items()]
    lines += [f"  declined: {_names(names)} ({reason})" for reason, names in coverage.declined.items()]
    lines += [f"  note: {note}" for note in report.notes]
    return [part for line in lines for part in wrapped(line, "    ")]


def _names(names: tuple[str, ...]) -> str:
    """The names of cases; of many, the first and the number of the others."""
    few = names if len(names) <= PRINTED_NAMES else names[: PRINTED_NAMES - 1]
    more = f" and {len(names) - len(few)} more" if len(few) < len(names) else ""
    return "; ".join(few) + more


def _rows(report: Findings) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for tensor, v in report.worst.items():
        own = [verdict.verdict for verdict in report.verdicts if verdict.tensor == tensor]
        counts = f"{own.count(FAIL)} of {len(own)}"
        shown = COARSER if report.outcome == COARSER and v.verdict == FAIL else v.verdict
        if not v.place and v.reason:
            rows.append((tensor, shown, counts, "", "", "", f"{v.case}: {v.reason}"))
        else:
            numbers = (f"{v.ratio:.3g}", f"{v.ulps:.2g}", f"{v.bias:+.2f}")
            rows.append((tensor, shown, counts, *numbers, v.case))
    return rows


def _table(report: Findings) -> list[str]:
    if not (rows := _rows(report)):
        return []
    lines = []
    widths = [max(len(row[n]) for row in [HEADINGS, *rows]) for n in range(len(HEADINGS) - 1)]
    for row in [HEADINGS, *rows]:
        cells = [x.ljust(w) if n in LEFT else x.rjust(w)
                 for n, (x, w) in enumerate(zip(row, widths, strict=False))]  # fmt: skip
        before = "  ".join(cells) + "  "
        lines += wrapped((before + row[-1]).rstrip(), " " * len(before))
    return lines


def _failing(report: Findings) -> list[str]:
    """The simplest failing case, with one readable number of each wrong tensor."""
    if (failing := report.simplest) is None or report.outcome != FAIL:
        return []
    lines = wrapped(f"simplest failing case: {failing.description}")
    placed = [verdict for verdict in failing.verdicts if verdict.place or not verdict.reason]
    places = [f"{v.tensor}[{', '.join(map(str, v.place))}]" for v in placed]
    width = max(map(len, places), default=0)
    for verdict, place in zip(placed, places, strict=True):
        got, right = _both(verdict)
        allowed = f"allowed error {verdict.bound:.1e}"
        lines += wrapped(f"  {place.ljust(width)}  got {got:>13}  right {right:>13}  {allowed}", "    ")
    for verdict in failing.verdicts:
        if verdict not in placed:
            lines += wrapped(f"  {verdict.tensor} {verdict.reason}", "    ")
    return [*lines, "to draw it again:", *(f"    {line}" for line in failing.lines)]


def _both(verdict: Verdict) -> tuple[str, str]:
    """Both numbers, with as many digits as show the difference."""
    for digits in (6, 9, 12):
        got, right = f"{verdict.got:.{digits}g}", f"{verdict.right:.{digits}g}"
        if got != right:
            break
    return got, right


def _last(report: Findings) -> list[str]:
    """Problems and what else is known; what to do; the verdict again, for whoever sees the end alone."""
    problems = [problem for problem in report.problems if problem.what not in report.reason]
    lines = [f"{problem.case}: {problem.what}" for problem in problems[:PRINTED_PROBLEMS]]
    if len(problems) > PRINTED_PROBLEMS:
        lines.append(f"… and {len(problems) - PRINTED_PROBLEMS} more problems")
    lines += [f"broken: {law}" for law in report.broken]
    if report.precision:
        lines.append(f"apparent arithmetic: {report.precision}")
    if (report.control.caught or report.control.missed) and report.outcome != PASS:
        lines.append(f"control: {report.control}")
    ends = [*(f"next: {step}" for step in next_steps(report)), f"{report.outcome}: {report.reason}"]
    printed = [part for error in report.errors for part in ("in full:", *_shortened(error), "")]
    return printed + [part for line in [*lines, *ends] for part in wrapped(line)]


def _shortened(error: str) -> list[str]:
    """A traceback in lines of at most WIDTH characters, its middle left out if it is long."""
    lines = [part for line in error.splitlines() for part in _cut(line)]
    if len(lines) > PRINTED_ERROR:
        half = PRINTED_ERROR // 2
        middle = f"… {len(lines) - PRINTED_ERROR} more lines; --json FILE keeps them …"
        lines = [*lines[:half], middle, *lines[-half:]]
    return lines


def _cut(line: str) -> list[str]:
    """A line in pieces of at most WIDTH characters, its indentation kept."""
    margin = " " * (len(line) - len(line.lstrip()))
    return wrapped(margin + line.strip(), margin + "    ") if line.strip() else [""]


def next_steps(report: Findings) -> Iterator[str]:
    """What to do about the outcome, a sentence each, with the option of the command to add."""
    smoke = report.setting.get("profile") == "smoke"
    if report.coarser:
        yield f"add --arithmetic {report.coarser} if that precision is intended"
    if report.dtypes:
        own = sorted({dtype for dtype in report.dtypes.values() if dtype in FORMATS})
        judged = f", or judge with {' or '.join(f'--dtype {dtype}' for dtype in own)}" if own else ""
        yield f"return results in the dtype of the inputs{judged}"
    if report.outcome == INCONCLUSIVE:
        yield "add --dtype float32, in which the error bounds are narrower" + _or_full(smoke)
    if report.control.missed and smoke:
        yield "add --profile full, whose cases reveal more"
    if report.outcome == PASS and smoke:
        yield "add --profile full, which has every pair of options and more sizes"


def _or_full(smoke: bool) -> str:
    return ", or --profile full, which has more cases" if smoke else ""
