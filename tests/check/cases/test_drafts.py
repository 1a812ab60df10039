"""A draft meets its conditions and keeps to what the candidate supports."""

import random

import pytest

from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.conditions import CONDITIONS
from numpy_attention.check.cases.drafts import LONG, LONG_PAIRS, drafts, supported_levels, tensors_of
from numpy_attention.check.cases.specification import EXTRAS, OPTIONS, Specification
from numpy_attention.check.reference.inputs import Shape

BY_NAME = {condition.name: condition for condition in CONDITIONS}
EVERYTHING = Capabilities((*OPTIONS, *EXTRAS), corner="bottom_right", hidden_nan=True)


def drawn(*names, supported=EVERYTHING, count=8):
    wanted = tuple(BY_NAME[name] for name in names)
    return drafts(wanted, supported_levels(supported), supported, random.Random(0), count)


@pytest.mark.parametrize(
    "names",
    [
        ("L > 1024", "D = 256"), ("hidden nan", "B = 1"), ("q_offset negative", "softcap"),
        ("L = S", "L > 256"), ("scale_array", "sinks -inf"), ("value expanded", "B H > 16"),
        ("empty rows", "window"), ("E > D", "S = 1"),
    ],
)  # fmt: skip
def test_drafts_meet_their_conditions(names):
    found = drawn(*names)
    assert found
    for spec in found:
        assert all(BY_NAME[name].holds(spec) for name in names)
        L, S = spec.shape.L, spec.shape.S
        assert min(L, S) <= LONG or (L, S) in LONG_PAIRS


@pytest.mark.parametrize(
    "names",
    [("B = 1", "key expanded"), ("L odd", "L % 16 = 0"), ("scale", "scale_array"), ("L = S", "L < S"),
     ("empty rows", "L = 1"), ("L > 1024", "S > 1024")],
)  # fmt: skip
def test_conditions_that_exclude_each_other_have_no_draft(names):
    assert drawn(*names) == []


def test_drafts_keep_to_what_is_supported():
    supported = Capabilities(
        ("causal",), groups=False, unequal_lengths=False, unequal_widths=False, head_dims=(16, 32),
        length_multiple=64, empty_rows=False, layouts=("sliced",), modes=("all gradients", "no gradient"),
    )  # fmt: skip
    for spec in drawn("causal", "D = 32", supported=supported):
        B, H, G, L, S, D, E = spec.shape
        assert H == G
        assert L == S
        assert L % 64 == 0
        assert D == E == 32
        assert set(dict(spec.layouts).values()) <= {"sliced"}
        assert spec.mode in supported.modes
        assert not spec.empty_rows
    assert drawn("bias", "D = 16", supported=supported) == []


def test_unknown_alignment_leaves_causal_to_equal_lengths():
    supported = Capabilities(("causal", "q_offset"))
    for spec in drawn("causal", "B = 3", supported=supported, count=30):
        assert spec.shape.L == spec.shape.S or "q_offset" in spec.options


@pytest.mark.parametrize(
    "changes, judged",
    [
        ({}, {"out", "d_query", "d_key", "d_value"}),
        ({"mode": "no gradient"}, {"out"}),
        ({"mode": "key, value"}, {"out", "d_key", "d_value"}),
        ({"shape": Shape(1, 1, 1, 3, 1, 2, 2)}, {"out", "d_value"}),
        ({"shape": Shape(1, 1, 1, 0, 3, 2, 2)}, set()),
        ({"options": ("scale",), "variants": (("scale", "zero"),)}, {"out", "d_value"}),
    ],
)
def test_judged_tensors_are_those_that_are_not_zero(changes, judged):
    spec = Specification("a", Shape(2, 2, 2, 3, 5, 4, 4))._replace(**changes)
    assert set(tensors_of(spec)) == judged
