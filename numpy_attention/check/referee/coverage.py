"""What a run judged: the cases that ran, the options in them, and what the candidate declined."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

from ..cases.sensitivity import ReferenceCase
from ..cases.specification import EXTRAS, OPTIONS, Specification
from .judging import CaseJudgement

Judged = Sequence[tuple[ReferenceCase, CaseJudgement]]

LARGEST_COMBINATION = 3
"""Most options that are named together as the reason why cases were declined."""

PRINTED_COMBINATIONS, PRINTED_COMPANIONS = 4, 2
"""Most combinations, and most options beside another, that are named."""


class Coverage(NamedTuple):
    """The cases of a run by what became of them.

    Parameters
    ----------
    drawn, ran : the number of cases, and of those that the candidate did not decline.
    options : those in cases that ran, with at least two keys and one query.
    beside : for each of them that never ran alone, the options that always ran beside it; () if they vary.
    widths : the widths D of the cases that ran.
    declined : the names of the declined cases, by the candidate's reason.
    combinations : the fewest options that are in declined cases and in no other.
    refused : the options in declined cases.
    unit : what is counted: cases, or head groups of large ones.
    """

    drawn: int = 0
    ran: int = 0
    options: tuple[str, ...] = ()
    beside: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    widths: tuple[int, ...] = ()
    declined: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    combinations: tuple[tuple[str, ...], ...] = ()
    refused: tuple[str, ...] = ()
    unit: str = "case"

    @property
    def cases(self) -> str:
        """The number of cases that ran, and of those drawn if some were declined."""
        plural = self.unit if self.drawn == 1 else f"{self.unit}s"
        return f"{self.drawn} {plural}" if self.ran == self.drawn else f"{self.ran} of {self.drawn} {plural}"

    @property
    def refusal(self) -> str:
        """What was declined: "5 of 79 cases ran: it declined 74 (bias with softcap, …)"; "" if nothing."""
        if not self.declined:
            return ""
        names = [_in_words(each) for each in self.combinations]
        more = ["…"] if len(names) > PRINTED_COMBINATIONS else []
        which = ", ".join([*names[:PRINTED_COMBINATIONS], *more])
        return f"{self.cases} ran: it declined {self.drawn - self.ran}" + (f" ({which})" if which else "")

    @property
    def never_alone(self) -> str:
        """The options that never ran alone: "scale only beside softcap"; "" if there are none."""
        together = {frozenset({name, *others}) for name, others in self.beside.items()}
        if together == {frozenset(self.beside)} and 1 < len(self.beside) <= PRINTED_COMPANIONS + 1:
            return f"{', '.join(self.beside)} only together"
        by_others: dict[tuple[str, ...], list[str]] = {}
        for name, others in self.beside.items():
            by_others.setdefault(others if len(others) <= PRINTED_COMPANIONS else (), []).append(name)
        vaguely = by_others.pop((), [])
        parts = [
            f"{', '.join(names)} only beside {' and '.join(others)}" for others, names in by_others.items()
        ]
        return "; ".join([*parts, *([f"{', '.join(vaguely)} never alone"] if vaguely else [])])


def _in_words(names: Sequence[str]) -> str:
    """ "bias with scale"; of more than LARGEST_COMBINATION, their number."""
    if len(names) <= LARGEST_COMBINATION:
        return " with ".join(names)
    return f"{names[0]} with {len(names) - 1} other options"


def coverage_of(judged: Judged) -> Coverage:
    """The coverage of the judged cases of a run."""
    ran = [reference.case.specification for reference, judgement in judged if not judgement.declined]
    declined: dict[str, tuple[str, ...]] = {}
    for reference, judgement in judged:
        if judgement.declined:
            declined[judgement.declined] = (*declined.get(judgement.declined, ()), reference.case.name)
    refused = [reference.case.specification for reference, judgement in judged if judgement.declined]
    telling = [spec for spec in ran if spec.shape.S > 1 and spec.shape.L > 0]
    used = {name for spec in telling for name in spec.options}
    options = tuple(name for name in (*OPTIONS, *EXTRAS) if name in used)
    widths = tuple(sorted({spec.shape.D for spec in ran}))
    return Coverage(
        len(judged), len(ran), options, _beside(options, telling), widths,
        declined, _combinations([_apart(spec) for spec in refused], [_apart(spec) for spec in ran]),
        tuple(sorted({name for spec in refused for name in spec.options})),
        "sampled head" if any(judgement.drawn_from for _, judgement in judged) else "case",
    )  # fmt: skip


def _apart(spec: Specification) -> frozenset[str]:
    """The options of a case but the offset, which is a part of causal and window."""
    return frozenset(spec.options) - {"q_offset"}


def _beside(options: Sequence[str], specs: Sequence[Specification]) -> dict[str, tuple[str, ...]]:
    """For each option without a case of its own, the options in all of its cases.

    An option that a candidate always has, stated by `always`, counts for nothing.
    """
    always = {name for name in options if all(name in spec.options for spec in specs)}
    stated = {name for name in always if any(spec.options == (name,) for spec in specs)}
    beside = {}
    for name in options:
        of_name = [spec for spec in specs if name in spec.options]
        banded = {"causal", "window"} if name == "q_offset" else {"q_offset"}
        others = [set(spec.options) - {name} - banded - stated for spec in of_name]
        if all(others):
            common = set.intersection(*others)
            beside[name] = tuple(other for other in options if other in common)
    return beside


def _combinations(refused: list[frozenset[str]], ran: list[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """The smallest sets of options in a refused case and in none that ran, until they explain every case."""
    found: list[tuple[str, ...]] = []
    left = list(refused) if frozenset() in ran or frozenset() not in refused else []
    for size in range(1, LARGEST_COMBINATION + 1):
        sets = {each for options in left for each in combinations(sorted(options), size)}
        sets = {each for each in sets if not any(options.issuperset(each) for options in ran)}
        explained = {each: [options for options in left if options.issuperset(each)] for each in sets}
        for each in sorted(sets, key=lambda names: (-len(explained[names]), names)):
            if any(options.issuperset(each) for options in left):
                alike = [other for other in sets if explained[other] == explained[each]]
                found.append(tuple(sorted(set().union(*alike))))  # nothing tells these apart
                left = [options for options in left if not options.issuperset(each)]
    return tuple(found)
