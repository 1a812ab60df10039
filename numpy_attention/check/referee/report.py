"""The report on a candidate: printed, written as JSON, or shown in a notebook."""

import json
import math
from collections.abc import Mapping
from typing import Any

from ..cases.compare import FAIL, INCONCLUSIVE, PASS
from .findings import COARSER, NOT_JUDGED, WRONG_DTYPE, Findings
from .report_text import as_html, as_text

STATUS = {PASS: 0, FAIL: 1, INCONCLUSIVE: 3, NOT_JUDGED: 3, COARSER: 3, WRONG_DTYPE: 4}


class CandidateReport(Findings):
    """The verdict on a candidate, and all that led to it: the fields of `Findings`.

    `report.ok` and `bool(report)` are True for PASS, `report.status` is the exit status of the command,
    `print(report)` shows it, `report.to_json()` keeps it.
    """

    __slots__ = ()

    @property
    def ok(self) -> bool:
        """True if the outcome is PASS."""
        return self.outcome == PASS

    @property
    def status(self) -> int:
        """The exit status: 0 PASS, 1 FAIL, 4 WRONG DTYPE, 3 COARSER, INCONCLUSIVE or NOT JUDGED."""
        return STATUS[self.outcome]

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"<{self.name}: {self.outcome}: {self.reason}>"

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    def to_json(self, indent: int | None = 1) -> str:
        """The whole report as JSON; NaN and infinities become strings."""
        caught = [{"fault": c.fault} | c.verdict._asdict() for c in self.control.caught]
        content = self._asdict() | {
            "ok": self.ok,
            "status": self.status,
            "control": self.control._asdict() | {"caught": caught},
            "broken": list(self.broken),
        }
        return json.dumps(_json_value(content), indent=indent, allow_nan=False, ensure_ascii=False)


def _json_value(x: Any) -> Any:
    if hasattr(x, "_asdict"):
        x = x._asdict()
    if isinstance(x, Mapping):
        return {str(k): _json_value(v) for k, v in x.items()}
    if isinstance(x, tuple | list):
        return [_json_value(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    return x
