"""Cases are exact in their dtype, the same every time, and every feature in them matters."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.cases.cases import (
    COTANGENTS,
    EXTRAS,
    INPUTS,
    OPTIONS,
    Shape,
    Specification,
    draw_case,
)
from numpy_attention.check.cases.compare import expected_results
from numpy_attention.check.cases.profiles import PROFILES, Capabilities, profile
from numpy_attention.check.cases.sensitivity import (
    MIN_SENSITIVITY,
    ReferenceCase,
    reference_case,
    sensitivities,
)
from numpy_attention.check.rounding.formats import FORMATS, roundoff

SHAPE = Shape(2, 6, 3, 11, 17, 7, 5)
EVERYTHING = tuple(name for name in (*OPTIONS, *EXTRAS) if name != "scale_array")


def test_the_same_specification_gives_the_same_numbers():
    one, two = (draw_case(Specification("rich", SHAPE, EVERYTHING)) for _ in range(2))
    for name, x in one.arrays.items():
        np.testing.assert_array_equal(x, two.arrays[name])
    other = draw_case(Specification("rich", SHAPE, EVERYTHING, seed=2))
    assert not np.array_equal(one.query, other.query)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("inputs", INPUTS)
def test_numbers_are_exact_in_the_dtype(dtype, inputs):
    for cotangent in COTANGENTS:
        case = draw_case(
            Specification("rich", SHAPE, EVERYTHING, inputs=inputs, cotangent=cotangent, dtype=dtype)
        )
        for name, x in case.arrays.items():
            if isinstance(x, np.ndarray | float) and name != "mask":
                np.testing.assert_array_equal(FORMATS[dtype].rounded(x), x, err_msg=name)
                assert np.isfinite(x).all()


@pytest.mark.parametrize("corner", ["top_left", "bottom_right"])
@pytest.mark.parametrize("options", [("causal",), ("window",), ("causal", "window", "mask"), ("mask",)])
def test_who_sees_whom_is_what_the_mask_values_say(corner, options):
    for L, S in ((11, 17), (17, 11), (13, 13)):
        case = draw_case(Specification("masks", SHAPE._replace(L=L, S=S), options, corner=corner))
        by_values = np.broadcast_to(case.mask.array(L, S, heads=True), (2, 1, L, S))
        np.testing.assert_array_equal(np.broadcast_to(case.inputs.visible, (2, 1, L, S)), by_values)
        if "causal" in options and "mask" not in options and "window" not in options:
            right = na.causal(corner).array(L, S)
            np.testing.assert_array_equal(by_values[0, 0], right)


def test_an_offset_says_where_queries_stand():
    case = draw_case(Specification("offset", SHAPE, ("causal", "q_offset")))
    right = na.causal(offset=case.options["q_offset"]).array(11, 17)
    np.testing.assert_array_equal(case.inputs.visible, right)
    assert case.options["q_offset"] not in (0, SHAPE.S - SHAPE.L)


def test_every_query_sees_something_unless_it_is_not_to():
    for seed in range(20):
        spec = Specification("masks", SHAPE, ("causal", "window", "mask"), corner="bottom_right", seed=seed)
        assert draw_case(spec).inputs.visible.any(axis=-1).all()
    assert not draw_case(spec._replace(empty_rows=True)).inputs.visible.any(axis=-1).all()


@pytest.mark.parametrize("feature", [*OPTIONS, "groups", "corner"])
def test_a_feature_taken_away_is_that_feature_alone(feature):
    options = ("causal",) if feature == "corner" else tuple(n for n in OPTIONS if n != "q_offset")
    if feature == "q_offset":
        options = ("causal", "q_offset")
    case = draw_case(Specification("rich", SHAPE, options))
    without = case.without(feature)
    assert feature in case.features
    rest = {name: x for name, x in case.options.items() if name != feature}
    assert without.options.keys() == rest.keys()
    if feature == "groups":
        for h in range(6):  # query head h reads key head h % G
            np.testing.assert_array_equal(without.key[:, h], case.key[:, h % 3])
    else:
        np.testing.assert_array_equal(without.query, case.query)


# ------------------------------------------------------------------------------------------- proofs


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_feature_of_every_case_matters(dtype):
    reach = Capabilities((*OPTIONS, *EXTRAS), corner="bottom_right", dtype=dtype)
    for spec in profile("smoke", reach):
        proof = reference_case(spec, roundoff(dtype))
        assert not proof.weak, (spec.name, proof.sensitivities)
        assert set(proof.sensitivities) == set(proof.case.features)
        assert spec.name == "plain" or proof.sensitivities


def test_a_feature_that_does_nothing_is_found():
    case = draw_case(Specification("a bias of nothing", SHAPE, ("bias", "softcap")))
    case.options["bias"] = 1e-9 * case.options["bias"]
    right = expected_results(case.inputs, roundoff("float32"))
    proof = ReferenceCase(case, right, sensitivities(case, right))
    assert proof.weak == ("bias",)
    assert proof.sensitivities["softcap"] > MIN_SENSITIVITY


# ----------------------------------------------------------------------------------------- profiles


def test_full_has_each_option_and_every_pair():
    reach = Capabilities(OPTIONS, corner="bottom_right")
    specs = profile("full", reach)
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


def test_cases_keep_to_what_a_kernel_takes():
    reach = Capabilities(
        ("causal",), groups=False, unequal_lengths=False, head_dims=(16, 32), length_multiple=64
    )
    for name in PROFILES:
        for spec in profile(name, reach):
            B, H, G, L, S, D, E = spec.shape
            assert B >= 2
            assert H == G
            assert L == S
            assert L % 64 == 0
            assert D == E
            assert D in (16, 32)


def test_a_diagonal_that_nobody_placed_is_left_to_equal_lengths():
    for spec in profile("full", Capabilities(("causal", "bias"))):
        assert spec.shape.L == spec.shape.S or "causal" not in spec.options


@pytest.mark.parametrize(
    "changed", [{"options": ("causl",)}, {"inputs": "odd"}, {"cotangent": "odd"}, {"dtype": "odd"}]
)
def test_what_is_not_known_is_refused(changed):
    with pytest.raises(ValueError, match=next(iter(changed))):
        draw_case(Specification("wrong", SHAPE)._replace(**changed))
    with pytest.raises(ValueError, match="profile is 'long'"):
        profile("long", Capabilities())
