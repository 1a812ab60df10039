"""A law: its statement, proof and domain, and the function that computes both of its sides for one call."""

import textwrap
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...functional.base.admission import Array
from .domain import Feature, Need
from .evidence import Evidence

INDENT = "    "


class Sides(NamedTuple):
    """Both sides of a law for one tensor, and the allowed difference; `relation` is "=", "≤" or "≥"."""

    tensor: str
    left: Array
    right: Array
    allowed: Array
    relation: str = "="


ComputeSides = Callable[[Evidence], Iterator[Sides]]


class Law(NamedTuple):
    """A numbered law. Its domain: everything in `needs` is available, no feature in `broken_by` is in use."""

    number: int
    name: str
    statement: str
    proof: str
    domain: str
    needs: tuple[Need, ...]
    broken_by: tuple[Feature, ...]
    sides: ComputeSides

    def __str__(self) -> str:
        lines = [f"Law {self.number}: {self.name}", ""]
        for title, text in (("", self.statement), ("Proof. ", self.proof), ("Domain. ", self.domain)):
            lines += textwrap.wrap(title + text, 96, initial_indent=INDENT, subsequent_indent=INDENT) + [""]
        return "\n".join(lines[:-1])

    def undecided(self, evidence: Evidence) -> str:
        """Reason why the call is outside the law's domain; "" if it is inside."""
        missing = [reason for need in self.needs if (reason := evidence.missing(need))]
        breaking = [f"does not hold with {it.value}" for it in self.broken_by if it in evidence.features]
        return "; ".join(missing + breaking)


def law(
    number: int, name: str, statement: str, *, proof: str, domain: str, needs: tuple[Need, ...],
    broken_by: tuple[Feature, ...] = (),
) -> Callable[[ComputeSides], Law]:  # fmt: skip
    """Decorator that turns the function computing a law's sides into the Law."""

    def decorate(sides: ComputeSides) -> Law:
        return Law(number, name, statement, proof, domain, needs, broken_by, sides)

    return decorate
