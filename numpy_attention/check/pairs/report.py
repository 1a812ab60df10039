"""The report of a check: its findings, each with the ratio of the error to the allowed error, and where."""

import textwrap
from typing import NamedTuple

WIDTH = 100
"""Characters in a line of a report."""


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Lines of at most WIDTH characters, all but the first indented."""
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]


def beside(label: str, text: str) -> str:
    """A label, and beside it a text in lines of at most WIDTH characters."""
    lines = textwrap.wrap(text, WIDTH - len(label), break_on_hyphens=False) or [""]
    return label + f"\n{' ' * len(label)}".join(lines)


class Finding(NamedTuple):
    """One comparison; it passes if `ratio`, the error over the allowed error, is at most 1."""

    check: str
    gradient: str
    ratio: float
    where: str = ""

    @property
    def ok(self) -> bool:
        """True if it passed; a NaN ratio fails."""
        return self.ratio <= 1

    @property
    def badness(self) -> tuple[bool, float]:
        """Sort key: the ratio, with NaN above everything."""
        return self.ratio != self.ratio, self.ratio

    def __str__(self) -> str:
        text = f"{self.check}: {self.where}" if self.where else self.check
        return beside(f"{'ok  ' if self.ok else 'FAIL'} {self.gradient:<14} {self.ratio:9.2e}  ", text)


class Report(NamedTuple):
    """All findings of one check: true if all passed; prints as a table.

    `constants` names the float arrays without a gradient, which were held fixed; `undecided` lists what could
    not be checked, with the reasons.
    """

    name: str
    findings: tuple[Finding, ...]
    constants: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True if every finding passed."""
        return all(finding.ok for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Findings that failed."""
        return tuple(finding for finding in self.findings if not finding.ok)

    @property
    def worst(self) -> Finding:
        """Finding with the largest ratio."""
        return max(self.findings, key=lambda finding: finding.badness)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        fixed = f" (held fixed: {', '.join(self.constants)})" if self.constants else ""
        head = f"{self.name}: {'ok' if self.ok else 'FAIL'}, {len(self.findings)} checks{fixed}"
        left = [beside(f"{'-':<4} {'undecided':<14} {'':9}  ", reason) for reason in self.undecided]
        return "\n".join([*wrapped(head), *map(str, self.findings), *left])
