"""A profile begins with simple cases, and keeps to what a candidate supports."""

from itertools import islice

import pytest

from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.profiles import PROFILES, references
from numpy_attention.check.cases.specification import EXTRAS, OPTIONS
from numpy_attention.check.rounding.formats import roundoff


def specifications(profile, supported, count=None):
    drawn = references(profile, supported, roundoff(supported.dtype))
    return [reference.case.specification for reference in islice(drawn, count)]


def test_the_first_cases_are_plain_each_option_alone_and_all_together():
    supported = Capabilities((*OPTIONS, *EXTRAS), corner="bottom_right")
    specs = specifications("smoke", supported, 16)
    names = [spec.name for spec in specs]
    assert names[0] == "plain"
    assert names[1:13] == [f"{option} alone" for option in (*OPTIONS, *EXTRAS)]
    assert names[13] == "everything"
    assert set(specs[13].options) == {*OPTIONS, *EXTRAS} - {"scale"}
    assert specs[9].options == ("causal", "q_offset")
    assert all(spec.shape.B == 2 for spec in specs)


def test_all_profiles_keep_to_the_supported_sizes():
    supported = Capabilities(
        ("causal",), groups=False, unequal_lengths=False, head_dims=(16, 32), length_multiple=64
    )
    for name in PROFILES:
        specs = specifications(name, supported, 30)
        assert {spec.shape.D for spec in specs[:2]} == {16, 32}
        for _, H, G, L, S, D, _ in (spec.shape for spec in specs):
            assert H == G
            assert L == S
            assert L % 64 == 0
            assert D in (16, 32)


def test_what_is_always_on_is_in_every_case():
    supported = Capabilities(("window", "bias"), always="window", window=(3, 0), corner="top_left")
    for spec in specifications("smoke", supported, 20):
        assert "window" in spec.options
        assert spec.window == (3, 0)


def test_names_are_unique_since_they_seed_the_numbers():
    specs = specifications("smoke", Capabilities(OPTIONS, corner="bottom_right"), 20)
    assert len({spec.name for spec in specs}) == len(specs)


def test_seed_and_dtype_reach_every_specification():
    specs = specifications("smoke", Capabilities(("bias",), dtype="bfloat16", seed=3), 20)
    assert {spec.dtype for spec in specs} == {"bfloat16"}
    assert {spec.seed for spec in specs} <= {6, 7, 8, 9}  # even and odd seeds broadcast a bias differently


def test_an_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="profile is 'long'; one of simple, smoke, full is expected"):
        references("long", Capabilities(), roundoff("float32"))
