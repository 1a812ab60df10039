"""Cases are exact in their dtype and reproducible, and lose one feature at a time."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.cases.cases import COTANGENTS, EXTRAS, INPUTS, OPTIONS, Specification, draw_case
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import FORMATS

SHAPE = Shape(2, 6, 3, 11, 17, 7, 5)
EVERYTHING = tuple(name for name in (*OPTIONS, *EXTRAS) if name != "scale_array")


def test_equal_specifications_give_equal_numbers():
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
def test_visible_pairs_are_those_of_the_mask(corner, options):
    for L, S in ((11, 17), (17, 11), (13, 13)):
        case = draw_case(Specification("masks", SHAPE._replace(L=L, S=S), options, corner=corner))
        by_mask = np.broadcast_to(case.mask.array(L, S, heads=True), (2, 1, L, S))
        np.testing.assert_array_equal(np.broadcast_to(case.visible, (2, 1, L, S)), by_mask)
        if "causal" in options and "mask" not in options and "window" not in options:
            right = na.causal(corner).array(L, S)
            np.testing.assert_array_equal(by_mask[0, 0], right)


def test_q_offset_shifts_the_causal_mask():
    case = draw_case(Specification("offset", SHAPE, ("causal", "q_offset")))
    right = na.causal(offset=case.options["q_offset"]).array(11, 17)
    np.testing.assert_array_equal(case.visible, right)
    assert case.options["q_offset"] not in (0, SHAPE.S - SHAPE.L)


def test_only_empty_rows_leaves_a_fully_masked_row():
    for seed in range(20):
        spec = Specification("masks", SHAPE, ("causal", "window", "mask"), corner="bottom_right", seed=seed)
        assert draw_case(spec).visible.any(axis=-1).all()
    assert not draw_case(spec._replace(empty_rows=True)).visible.any(axis=-1).all()


@pytest.mark.parametrize("feature", [*OPTIONS, "groups", "corner"])
def test_without_removes_one_feature_and_keeps_the_rest(feature):
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


@pytest.mark.parametrize(
    "changed", [{"options": ("causl",)}, {"inputs": "odd"}, {"cotangent": "odd"}, {"dtype": "odd"}]
)
def test_unknown_names_are_refused(changed):
    with pytest.raises(ValueError, match=next(iter(changed))):
        draw_case(Specification("wrong", SHAPE)._replace(**changed))
