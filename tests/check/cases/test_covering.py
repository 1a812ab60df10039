"""Smoke meets every condition, full every pair that can go together, where both matter.

Full is drawn once: few mistakes escape it, and this package's attentions pass it.
"""

from collections import Counter

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import NumPy
from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.conditions import CONDITIONS, conditions_of
from numpy_attention.check.cases.covering import ConditionCoverage, holding
from numpy_attention.check.cases.profiles import references
from numpy_attention.check.cases.sensitivity import MIN_SENSITIVITY
from numpy_attention.check.cases.specification import JUDGED, Specification
from numpy_attention.check.referee.judging import judge_case
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import roundoff
from tests.support.mistakes.measure import EVERYTHING, FLOAT32, seen_cases
from tests.support.mistakes.table import HEAD, rows_of

TILED = ("blockwise_attention", "fast_attention")
"""They take no d_weights: `attention` is called on cases with it."""
FACTORS = {condition.name: condition.factors for condition in CONDITIONS}


class Met:
    """The pairs of conditions that cases meet, counted again from their numbers."""

    def __init__(self):
        self.pairs = np.zeros((len(JUDGED), len(CONDITIONS), len(CONDITIONS)), dtype=bool)

    def add(self, case):
        held = holding(case.case.specification, case.weak)
        assert all(
            case.sensitivities[name] >= MIN_SENSITIVITY
            for name in case.sensitivities
            if name not in case.weak
        )
        for tensor in case.resolved:
            self.pairs[JUDGED.index(tensor)] |= np.outer(held, held)


def test_smoke_meets_every_condition():
    coverage, so_far = ConditionCoverage(pairs=False), Met()
    for case in references("smoke", EVERYTHING, FLOAT32, coverage):
        coverage.mark(case)
        so_far.add(case)
    met = so_far.pairs
    without = {CONDITIONS[i].name for i in np.flatnonzero(~met.diagonal(0, 1, 2).any(axis=0))}
    assert without == set()
    for tensor, name, _ in coverage.impossible:  # what a call does not ask for, or what is 0
        assert "gradient" in name or (name == "scale zero" and tensor in ("d_query", "d_key"))
    assert all("1e5" in name for _, name, _ in coverage.unresolved)


@pytest.mark.slow
def test_full_meets_every_pair_lets_few_mistakes_escape_and_passes_our_attentions():
    coverage, met, passed = ConditionCoverage(pairs=True), Met(), Counter()

    def watch(case):
        met.add(case)
        names = ("attention",) if "d_weights" in case.case.options else TILED
        passed.update(name for name in names if passes(name, case))

    cases = list(seen_cases("full", coverage, watch))
    assert min(passed[name] for name in TILED) > 500
    assert passed["attention"] > 100
    assert_every_pair_that_can_go_together(coverage, met.pairs)
    one, two, drawn, read_in_kernels, *others = rows_of("full", cases, coverage)
    print(f"\n{len(cases)} cases", HEAD, one, two, drawn, read_in_kernels, *others, sep="\n")
    assert (one.escaped, two.escaped) == ([], [])
    assert drawn.limit <= 0.03
    assert read_in_kernels.limit <= 0.03


def passes(name, case):
    """True if an attention of this package gives the results of a case; an assertion fails if not."""
    pair = getattr(na, f"{name}_forward"), getattr(na, f"{name}_backward")
    candidate = Candidate(pair, checked_convention(causal="bottom_right"))
    judgement = judge_case(candidate, case, NumPy(), FLOAT32, 1, 60)
    assert not judgement.declined, (name, judgement)
    assert not judgement.problems, (name, judgement)
    assert all(verdict.ok for verdict in judgement.verdicts), (name, judgement.verdicts)
    return bool(judgement.verdicts)


def assert_every_pair_that_can_go_together(coverage, met):
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
