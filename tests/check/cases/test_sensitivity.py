"""Every feature of a drawn case changes the results by far more than the error bound."""

from itertools import islice

import numpy as np
import pytest

from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.compare import expected_results
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.profiles import references
from numpy_attention.check.cases.sensitivity import (
    FOUND,
    MIN_SENSITIVITY,
    ReferenceCase,
    reference_case,
    sensitivities,
)
from numpy_attention.check.cases.specification import EXTRAS, JUDGED, OPTIONS, Specification
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import roundoff


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_feature_of_every_simple_case_matters(dtype):
    supported = Capabilities((*OPTIONS, *EXTRAS), corner="bottom_right", dtype=dtype)
    for drawn in islice(references("smoke", supported, roundoff(dtype)), 14):
        assert not drawn.weak, (drawn.case.name, drawn.sensitivities)
        assert set(drawn.sensitivities) == set(drawn.case.features)
        assert set(drawn.resolved) == set(JUDGED)


def test_a_feature_without_effect_is_weak():
    case = draw_case(Specification("a bias of nothing", Shape(2, 6, 3, 11, 17, 7, 5), ("bias", "softcap")))
    case = case.rebuilt(options=case.options | {"bias": 1e-9 * case.options["bias"]})
    right = expected_results(case, roundoff("float32"))
    drawn = ReferenceCase(case, right, sensitivities(case, right))
    assert drawn.weak == ("bias",)
    assert drawn.sensitivities["softcap"] > MIN_SENSITIVITY


def test_sensitivity_is_the_largest_change_over_its_bound():
    case = draw_case(Specification("biased", Shape(1, 1, 1, 2, 3, 2, 2), ("bias",)))
    right = expected_results(case, roundoff("float32"))
    without = expected_results(case.without("bias"), roundoff("float32"))
    ratios = [
        np.max(np.abs(x - y) / right.allowed(name))
        for name, x, y in zip(right.values._fields, right.values, without.values, strict=True)
        if x is not None and y is not None
    ]
    assert sensitivities(case, right) == {"bias": pytest.approx(max(ratios))}


def test_a_case_with_one_key_has_no_sensitivities():
    drawn = reference_case(
        Specification("one key", Shape(2, 2, 2, 5, 1, 3, 2), ("bias",)), roundoff("float32")
    )
    assert drawn.sensitivities == {}
    assert drawn.weak == ()


def test_a_hollow_case_keeps_the_description_and_no_memory():
    supported = Capabilities((*OPTIONS, *EXTRAS), corner="bottom_right")
    whole = list(islice(references("smoke", supported, roundoff("float32")), 14))[-1]
    hollow = whole.hollow()
    assert hollow.case.specification == whole.case.specification
    assert hollow.weak == whole.weak
    for name, x in whole.case.arrays.items():
        if isinstance(x, np.ndarray):
            assert hollow.case.arrays[name].shape == x.shape
            assert not any(hollow.case.arrays[name].strides)
    for x in (*hollow.expected.values, *(y.value for y in hollow.expected.bounded if y is not None)):
        assert x is None or not any(np.asarray(x).strides)


def test_a_mask_matters_where_nan_appears_without_it():
    spec = Specification("hidden", Shape(1, 6, 3, 11, 17, 7, 5), ("mask",), hidden="nan")
    assert reference_case(spec, roundoff("float32")).sensitivities["mask"] == FOUND
