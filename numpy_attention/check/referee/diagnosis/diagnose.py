"""Try all hypotheses, the simplest first, and say what fits."""

import time
from collections.abc import Sequence
from typing import Any

from ...candidate.frameworks import NumPy
from ...reference.oracle import Results
from ...rounding.formats import Roundoff
from ..coverage import Judged
from .changes import UNSTEADY, change_of, multiple_of
from .evidence import Observation, Observations, evidence_of
from .places import first_wrong, place_of
from .separating import Conditions, separating
from .wrong_calls import WrongCall, conventions, planted, with_other_backwards

FIRST = 2
"""Failing and passing cases on which every hypothesis is tried."""

EXTREME = 0.25
"""Share of the failing cases in which no hypothesis need fit, if one fits all others."""

FARTHER = 8.0
"""How many times farther from the candidate's numbers a hypothesis may be than the best one."""

FORWARD = ("out", "weights", "lse")
"""The results of forward."""

NAMED = 3
"""Most names of mistakes that cannot be told apart, and most conditions."""

SHORTEST = 2.0
"""Seconds that a diagnosis may take at least."""


def diagnose(
    judged: Judged, rounding: Roundoff, framework: NumPy, faults: Sequence[Any], conditions: Conditions,
    seconds: float = 60.0,
) -> str:  # fmt: skip
    """The mistake that explains the wrong numbers of a run, in a sentence; "" if no number is wrong.

    Parameters
    ----------
    judged : the cases with the candidate's results and verdicts.
    rounding, framework : those of the run.
    faults : the planted faults to try, as `faults.FAULTS`.
    conditions : names and tests of the conditions that may separate failing cases from passing ones.
    seconds : after this time no further case is asked.
    """
    evidence = evidence_of(judged, rounding, framework)
    if not evidence.failing:
        return ""
    deadline = time.monotonic() + max(seconds, SHORTEST)
    known = [*planted(faults), *conventions()]
    everywhere, conditional = _explaining(known, evidence, deadline)
    if not everywhere and not conditional:
        everywhere, conditional = _explaining(with_other_backwards(faults), evidence, deadline)
    if everywhere:
        return _named(everywhere)
    where = _condition(evidence, conditions)
    if conditional and where:
        return f"{_named(conditional)}, only where {where}"
    if changes := _changes(evidence, conditions, certain=True):
        return changes
    if scaled := _scaled(known, evidence):
        return scaled
    in_forward, _ = _explaining(known, evidence, deadline, FORWARD)
    if in_forward:
        return f"{_named(in_forward)}, in forward; the gradients follow it otherwise"
    if changes := _changes(evidence, conditions):
        return changes
    place = _place(evidence.failing)
    if place:
        return f"{_wrong_tensors(evidence.failing)}, {place}"
    if conditional:
        return f"{_named(conditional)}, but not in every case"
    return _nothing(evidence)


def _explaining(
    hypotheses: Sequence[WrongCall], evidence: Observations, deadline: float,
    names: Sequence[str] = Results._fields,
) -> tuple[list[WrongCall], list[WrongCall]]:  # fmt: skip
    """The hypotheses that fit all cases, and those that fit the failing ones but not all passing ones.

    With `names`, they need fit these tensors alone.
    """
    failing = [each for each in evidence.failing if {*each.wrong} & {*names}]
    passing = [*evidence.passing, *(each for each in evidence.failing if each not in failing)]
    if not failing:
        return [], []
    everywhere: list[WrongCall] = list(hypotheses)
    conditional: list[WrongCall] = []
    extreme = 0
    first = (*failing[:FIRST], *passing[:FIRST])
    for place, seen in enumerate((*first, *failing[FIRST:], *passing[FIRST:])):
        if not everywhere or (place >= len(first) and time.monotonic() > deadline):
            break
        fitting = _closest(everywhere, seen, names)
        if not {*seen.wrong} & {*names}:
            conditional += [each for each in everywhere if each not in fitting]
        elif not fitting:  # numbers so extreme that two ways to make one mistake differ
            extreme += 1
            if not (seen.extreme or len(everywhere) < len(hypotheses)) or extreme > EXTREME * len(failing):
                return [], conditional
            continue
        everywhere = fitting
    return everywhere, conditional


def _closest(hypotheses: Sequence[WrongCall], seen: Observation, names: Sequence[str]) -> list[WrongCall]:
    """The hypotheses that fit a case, without those that are much farther from its numbers than the best."""
    misfits = [seen.misfit_of(each.expectation, names) for each in hypotheses]
    limit = min(1.0, FARTHER * min(misfits, default=1.0))
    limit = limit if {*seen.wrong} & {*names} else 1.0
    return [each for each, misfit in zip(hypotheses, misfits, strict=True) if misfit <= limit]


def _scaled(hypotheses: Sequence[WrongCall], evidence: Observations) -> str:
    """The first hypothesis of which every wrong tensor is a multiple in all cases, and its constants."""
    for each in hypotheses:
        words: dict[str, list[str]] = {}
        for name in dict.fromkeys(name for seen in evidence.failing for name in seen.wrong):
            wrong = [seen for seen in evidence.failing if name in seen.wrong]
            text = multiple_of(wrong, name, each.expectation)
            if not text:
                break
            words.setdefault(text, []).append(name)
        else:
            scaled = [f"{', '.join(names)} times {text}" for text, names in words.items() if text != "1"]
            return f"{each.statement}; besides, {' and '.join(scaled)}" if scaled else ""
    return ""


# --------------------------------------------------------------------------------------------- words


def _named(fitting: Sequence[WrongCall]) -> str:
    others = [each.short for each in fitting[1:NAMED]]
    return fitting[0].statement + (f", or {' or '.join(others)}" if others else "")


def _wrong_tensors(failing: Sequence[Observation]) -> str:
    names = tuple(dict.fromkeys(name for seen in failing for name in seen.wrong))
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} wrong"


def _changes(evidence: Observations, conditions: Conditions, *, certain: bool = False) -> str:
    """What the wrong tensors are and where, each by itself; "" if one of them fits nothing.

    If `certain`, what they are must be known; else where they are wrong suffices.
    """
    words: dict[tuple[str, str], list[str]] = {}
    seen = (*evidence.failing, *evidence.passing)
    for name in dict.fromkeys(name for each in evidence.failing for name in each.wrong):
        judged = [each for each in seen if name in each.tensors]
        wrong = [each for each in judged if name in each.wrong]
        right = [each for each in judged if name not in each.wrong and each.resolves(name)]
        what = change_of(wrong, name)
        if certain and what in ("", UNSTEADY):
            return ""
        where = separating(conditions, wrong, right)[:NAMED]
        if not what and not where:
            return ""
        words.setdefault((what or "is wrong", " or ".join(where)), []).append(name)
    return "; ".join(
        f"{', '.join(names)} {_plural(what, names)}" + (f", only where {where}" if where else "")
        for (what, where), names in words.items()
    )


def _plural(change: str, names: Sequence[str]) -> str:
    verb, _, rest = change.partition(" ")
    several = {"is": "are", "has": "have"}[verb] if len(names) > 1 else verb
    return f"{several} {rest}"


def _condition(evidence: Observations, conditions: Conditions) -> str:
    found = separating(conditions, evidence.failing, evidence.passing)
    return " or ".join(found[:NAMED])


def _place(failing: Sequence[Observation]) -> str:
    """The places of the errors, if they are the same for every wrong tensor."""
    names = tuple(dict.fromkeys(name for seen in failing for name in seen.wrong))
    places = {place_of(failing, name) for name in names}
    return places.pop() if len(places) == 1 else ""


def _nothing(evidence: Observations) -> str:
    first = first_wrong(evidence.failing[0])
    step = f" of the returned results, {first} is the first wrong one;" if first else ""
    return f"no known mistake gives these numbers;{step} the simplest failing case is below"
