"""A law: its statement, proof and domain, and the function that computes both of its sides."""

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from ...functional.base.admission import Array
from .domain import Feature, Need
from .evidence import Evidence

INDENT = "    "


class Facts(Protocol):
    """What decides whether a law applies: the `Evidence` of a call, or of one step in `study`."""

    @property
    def features(self) -> frozenset[Any]:
        """Features in use."""

    def missing(self, need: Any) -> str:
        """Reason why a need is not met; "" if it is."""


E = TypeVar("E", bound=Facts)


class Sides(NamedTuple):
    """Both sides of a law for one tensor, and the allowed difference; `relation` is "=", "≤" or "≥"."""

    tensor: str
    left: Array
    right: Array
    allowed: Array
    relation: str = "="

    @property
    def excess(self) -> Array:
        """How far the sides are from their relation; not positive where an inequality holds."""
        apart = self.left - self.right
        return np.asarray({"=": np.abs(apart), "≤": apart, "≥": -apart}[self.relation])


@dataclass(frozen=True)
class Law(Generic[E]):
    """A law; a law of one step has the number of the law of `LAWS` that it is a case of, or 0.

    Its domain: everything in `needs` is available, no feature in `broken_by` is in use.
    """

    number: int
    name: str
    statement: str
    sides: Callable[[E], Iterator[Sides]]
    proof: str = ""
    domain: str = ""
    needs: tuple[Any, ...] = ()
    broken_by: tuple[Any, ...] = ()

    def __str__(self) -> str:
        lines = [f"Law {self.number}: {self.name}", ""]
        for title, text in (("", self.statement), ("Proof. ", self.proof), ("Domain. ", self.domain)):
            lines += textwrap.wrap(title + text, 96, initial_indent=INDENT, subsequent_indent=INDENT) + [""]
        return "\n".join(lines[:-1])

    def breaking(self, evidence: E) -> list[Any]:
        """Features in use with which the law does not hold."""
        return [feature for feature in self.broken_by if feature in evidence.features]

    def undecided(self, evidence: E) -> str:
        """Reason why the evidence is outside the law's domain; "" if it is inside."""
        missing = [reason for need in self.needs if (reason := evidence.missing(need))]
        return "; ".join(missing + [f"does not hold with {it.value}" for it in self.breaking(evidence)])


def law(
    number: int, name: str, statement: str, *, proof: str, domain: str, needs: tuple[Need, ...],
    broken_by: tuple[Feature, ...] = (),
) -> Callable[[Callable[[Evidence], Iterator[Sides]]], Law[Evidence]]:  # fmt: skip
    """Decorator that turns the function computing a law's sides into the Law."""
    return lambda sides: Law(number, name, statement, sides, proof, domain, needs, broken_by)
