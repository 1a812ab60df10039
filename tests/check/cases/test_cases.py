"""A case's mask is that of its options, and it loses one feature at a time."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import EXTRAS, OPTIONS, Specification
from numpy_attention.check.reference.inputs import Shape

SHAPE = Shape(2, 6, 3, 11, 17, 7, 5)
EVERYTHING = tuple(name for name in (*OPTIONS, *EXTRAS) if name != "scale_array")


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
