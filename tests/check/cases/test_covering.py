"""Smoke meets every condition, full every pair that can go together, where both matter."""

from collections import Counter

import numpy as np
import pytest

from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.conditions import CONDITIONS, conditions_of
from numpy_attention.check.cases.covering import ConditionCoverage, holding
from numpy_attention.check.cases.profiles import references
from numpy_attention.check.cases.sensitivity import MIN_SENSITIVITY
from numpy_attention.check.cases.specification import EXTRAS, JUDGED, OPTIONS, Specification
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import roundoff

EVERYTHING = Capabilities((*OPTIONS, *EXTRAS), corner="bottom_right", hidden_nan=True)
FACTORS = {condition.name: condition.factors for condition in CONDITIONS}


def covered(name, supported):
    """The coverage of a profile, and the pairs its cases meet, counted again from their numbers."""
    coverage = ConditionCoverage(pairs=name == "full")
    met = np.zeros((len(JUDGED), len(CONDITIONS), len(CONDITIONS)), dtype=bool)
    for case in references(name, supported, roundoff(supported.dtype), coverage):
        coverage.mark(case)
        held = holding(case.case.specification, case.weak)
        assert all(
            case.sensitivities[name] >= MIN_SENSITIVITY
            for name in case.sensitivities
            if name not in case.weak
        )
        for tensor in case.resolved:
            met[JUDGED.index(tensor)] |= np.outer(held, held)
    return coverage, met


def test_smoke_meets_every_condition():
    coverage, met = covered("smoke", EVERYTHING)
    without = {CONDITIONS[i].name for i in np.flatnonzero(~met.diagonal(0, 1, 2).any(axis=0))}
    assert without == set()
    for tensor, name, _ in coverage.impossible:  # what a call does not ask for, or what is 0
        assert "gradient" in name or (name == "scale zero" and tensor in ("d_query", "d_key"))
    assert all("1e5" in name for _, name, _ in coverage.unresolved)


@pytest.mark.slow
def test_full_meets_every_pair_that_can_go_together():
    coverage, met = covered("full", EVERYTHING)
    left_out = {*coverage.impossible, *coverage.unresolved}
    for t, i, j in np.argwhere(~met & np.tri(len(CONDITIONS), dtype=bool)):
        assert (JUDGED[t], CONDITIONS[i].name, CONDITIONS[j].name) in left_out
    unresolved = [(one, other) for _, one, other in coverage.unresolved if "1e5" not in one + other]
    assert len(unresolved) <= 0.0005 * met.sum() / 2, unresolved
    times = Counter((one, other) for _, one, other in coverage.impossible)
    for one, other in (pair for pair, n in times.items() if n == len(JUDGED)):
        assert excluded(one, other), (one, other)


def excluded(one, other):
    """True for two conditions that no call meets together, or that are too large together."""
    if set(FACTORS[one]) & set(FACTORS[other]):
        return True  # on the same axis, option or form
    axes = {*FACTORS[one], *FACTORS[other]}
    needs = [
        {"B", "expanded"}, {"L", "S"}, {"D", "E"}, {"heads", "B"}, {"hidden", "mask"}, {"hidden", "S"},
        {"empty rows", "mask"}, {"empty rows", "L"}, {"scale", "scale_array"}, {"inputs", "cotangent"},
        {"inputs", "E"}, {"inputs", "D"}, {"q_offset", "window"}, {"q_offset", "causal"},
        {"causal", "window"}, {"softcap", "inputs"}, {"softcap", "scale"}, {"mask", "B"}, {"mask", "S"},
    ]  # fmt: skip
    if "expanded" in one + other:
        axes.add("expanded")
    return any(pair <= axes for pair in needs) or ("L S > 16384" in (one, other) and axes & {"B", "heads"})


def test_a_pair_counts_only_where_the_option_matters():
    spec = Specification(
        "a", Shape(2, 2, 2, 3, 5, 4, 4), ("mask", "softcap"), (("mask", "all true"),), "tiny"
    )
    names = {CONDITIONS[n].name for n in np.flatnonzero(holding(spec))}
    assert "mask all true" in names
    assert not {"mask", "softcap"} & names
    assert "B = 2" in {CONDITIONS[n].name for n in np.flatnonzero(holding(spec, weak=("bias",)))}


def test_what_the_candidate_declines_is_not_met():
    supported = Capabilities(("causal", "bias"), corner="top_left")
    coverage, ran = ConditionCoverage(pairs=False), []
    for case in references("smoke", supported, roundoff("float32"), coverage):
        options = {*case.case.specification.options}
        if options == {"causal", "bias"}:
            coverage.declined.add(frozenset(options))
        else:
            coverage.mark(case)
            ran.append(case)
    met = {name for case in ran for name in conditions_of(case.case.specification)}
    left = {name for _, name, _ in (*coverage.impossible, *coverage.unresolved)}
    assert {condition.name for condition in CONDITIONS} <= met | left
    assert not coverage.unmet.any()
