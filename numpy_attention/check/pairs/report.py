"""What a check has found: every finding with its error over what is allowed, and where."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that was checked: right if `ratio`, the error over what is allowed, is at most 1."""

    check: str
    gradient: str
    ratio: float
    where: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is right; a ratio of NaN is not."""
        return self.ratio <= 1

    @property
    def badness(self) -> tuple[bool, float]:
        """What findings are ordered by: NaN is worse than anything."""
        return self.ratio != self.ratio, self.ratio

    def __str__(self) -> str:
        told = f"{self.check}: {self.where}" if self.where else self.check
        return f"{'ok  ' if self.ok else 'FAIL'} {self.gradient:<14} {self.ratio:9.2e}  {told}"


class Report(NamedTuple):
    """All findings of one check. It is true if all are right, and prints as a table.

    `constants` names the float arrays for which backward has no gradient, and which were held fixed;
    `undecided` says what could not be checked, and why.
    """

    name: str
    findings: tuple[Finding, ...]
    constants: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything that was checked is right."""
        return all(finding.ok for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that are not right."""
        return tuple(finding for finding in self.findings if not finding.ok)

    @property
    def worst(self) -> Finding:
        """The finding with the largest error over what is allowed."""
        return max(self.findings, key=lambda finding: finding.badness)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        fixed = f" (held fixed: {', '.join(self.constants)})" if self.constants else ""
        head = f"{self.name}: {'ok' if self.ok else 'FAIL'}, {len(self.findings)} checks{fixed}"
        left = [f"{'-':<4} {'undecided':<14} {'':9}  {reason}" for reason in self.undecided]
        return "\n".join([head, *map(str, self.findings), *left])
