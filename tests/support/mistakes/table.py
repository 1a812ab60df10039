"""The measure: how many mistakes of each kind a profile lets through, and which."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from numpy_attention.check.cases.covering import ConditionCoverage

from .domain import shown_by_no_call
from .kernels import read
from .listed import not_shown, pairs, singles
from .measure import Mistake, Seen, escaped, seen_cases, upper_limit
from .unlisted import Condition, draw

PAIRS, DRAWN, SEED = 2000, 3000, 0
"""How many pairs and unlisted conditions are drawn, and their seed."""

RARE = 0.05
"""The share of the cases up to which a condition is rare."""


class Row(NamedTuple):
    """One kind of mistakes under a profile: those that count, those that no call shows, those that escape."""

    kind: str
    counted: int
    not_shown: int
    escaped: list[str]

    @property
    def limit(self) -> float:
        """The upper 95 % limit of the share that escapes."""
        return upper_limit(len(self.escaped), self.counted)

    def __str__(self) -> str:
        share = 100 * len(self.escaped) / self.counted
        return (
            f"| {self.kind} | {self.counted} | {self.not_shown} | {len(self.escaped)} | {share:.1f} % "
            f"| {100 * self.limit:.1f} % |"
        )


HEAD = """| Mistakes | Counted | Shown by no call | Escaped | Share | Upper 95 % limit |
|---|---|---|---|---|---|"""


def unlisted() -> dict[str, list[Condition]]:
    """The conditions that the table does not list, by their generator."""
    return {"drawn": draw(DRAWN, SEED), "read in kernels": read(SEED)}


def as_mistake(condition: Condition) -> Mistake:
    """A condition on facts as a mistake."""
    return Mistake(condition.name, condition.tensor, lambda seen: condition.holds(seen.facts))


def measured(profile: str) -> tuple[list[Row], int]:
    """The rows of a profile, and the number of its cases."""
    coverage = ConditionCoverage(pairs=profile == "full")
    cases = list(seen_cases(profile, coverage))
    return rows_of(profile, cases, coverage), len(cases)


def rows_of(profile: str, cases: Sequence[Seen], coverage: ConditionCoverage) -> list[Row]:
    """The rows of a profile with these cases."""
    rows = [listed_row("listed, one condition", singles(), cases, coverage)]
    if profile == "full":
        rows.append(listed_row("listed, two conditions", pairs(PAIRS, SEED), cases, coverage))
    kinds = unlisted()
    every = [condition for conditions in kinds.values() for condition in conditions]
    rare = [c for c in every if sum(c.holds(case.facts) for case in cases) <= RARE * len(cases)]
    once = list({condition.tests: condition for condition in kinds["drawn"]}.values())
    kinds |= {"drawn, each once": once, "rarely true": rare}
    return [*rows, *(unlisted_row(kind, conditions, cases) for kind, conditions in kinds.items())]


def listed_row(
    kind: str, mistakes: Sequence[Mistake], cases: Iterable[Seen], coverage: ConditionCoverage
) -> Row:
    """The row of mistakes on the table's conditions; what the coverage could not meet does not count."""
    without = {*not_shown(mistakes, (*coverage.impossible, *coverage.unresolved))}
    counted = [mistake for mistake in mistakes if mistake not in without]
    return Row(kind, len(counted), len(without), _names(counted, cases))


def unlisted_row(kind: str, conditions: Sequence[Condition], cases: Iterable[Seen]) -> Row:
    """The row of mistakes on other conditions; those that no call shows do not count."""
    counted = [as_mistake(condition) for condition in conditions if not shown_by_no_call(condition)]
    return Row(f"unlisted, {kind}", len(counted), len(conditions) - len(counted), _names(counted, cases))


def _names(mistakes: Sequence[Mistake], cases: Iterable[Seen]) -> list[str]:
    return [f"{mistake.tensor} where {mistake.name}" for mistake in escaped(mistakes, cases)]
