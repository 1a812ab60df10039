"""A profile covers the options that a candidate supports, and nothing else."""

import pytest

from numpy_attention.check.cases.profiles import PROFILES, Capabilities, profile
from numpy_attention.check.cases.specification import COTANGENTS, INPUTS, OPTIONS


def test_full_has_each_option_and_every_pair_of_options():
    supported = Capabilities(OPTIONS, corner="bottom_right")
    specs = profile("full", supported)
    used = [set(spec.options) for spec in specs]
    for one in OPTIONS:
        assert {one} in used or one == "q_offset"
        for other in OPTIONS:
            sensible = "q_offset" not in (one, other) or {"causal", "window"} & {one, other}
            assert {one, other} in used or not sensible, (one, other)
    shapes = [spec.shape for spec in specs]
    assert any(s.L == s.S > 1 for s in shapes)
    assert any(s.L < s.S for s in shapes)
    assert any(s.L > s.S > 1 for s in shapes)
    assert any(s.L == s.S == 1 for s in shapes)
    assert any(s.L == 0 for s in shapes)
    assert all(s.B >= 2 for s in shapes)
    assert {spec.inputs for spec in specs} == set(INPUTS)
    assert {spec.cotangent for spec in specs} == set(COTANGENTS)
    assert any(spec.empty_rows for spec in specs)


def test_specifications_keep_to_the_supported_sizes():
    supported = Capabilities(
        ("causal",), groups=False, unequal_lengths=False, head_dims=(16, 32), length_multiple=64
    )
    for name in PROFILES:
        for spec in profile(name, supported):
            B, H, G, L, S, D, E = spec.shape
            assert B >= 2
            assert H == G
            assert L == S
            assert L % 64 == 0
            assert D == E
            assert D in (16, 32)


def test_unknown_alignment_leaves_causal_to_equal_lengths():
    for spec in profile("full", Capabilities(("causal", "bias"))):
        assert spec.shape.L == spec.shape.S or "causal" not in spec.options


def test_names_are_unique_since_they_seed_the_numbers():
    for name in PROFILES:
        specs = profile(name, Capabilities(OPTIONS, corner="bottom_right"))
        assert len({spec.name for spec in specs}) == len(specs)


def test_seed_and_dtype_reach_every_specification():
    specs = profile("smoke", Capabilities(("bias",), dtype="bfloat16", seed=3))
    assert {spec.dtype for spec in specs} == {"bfloat16"}
    assert {spec.seed for spec in specs} == {6, 7}  # even and odd seeds broadcast a bias differently


def test_an_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="profile is 'long'; one of smoke, full is expected"):
        profile("long", Capabilities())
