"""A verdict follows from the ratio of error to bound, and carries the numbers."""

import math

import numpy as np
import pytest

from numpy_attention.check.cases.compare import RESOLUTION, compare_tensor, expected_results
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.reference.error_bounds import bounds
from numpy_attention.check.reference.inputs import Inputs, Shape
from numpy_attention.check.rounding.error_analysis import (
    BFLOAT16,
    FLOAT32,
    TF32,
    Arithmetic,
    error_free,
    stored_error,
)
from numpy_attention.check.rounding.formats import FORMATS, roundoff

FLOAT = FORMATS["float32"]


def judge(got, right, bound=1e-3, **more):
    bound = np.broadcast_to(bound, np.shape(right))
    return compare_tensor("case", "out", np.array(got, float), np.array(right, float), bound, FLOAT, **more)


def test_a_verdict_carries_the_numbers():
    verdict = judge([1.0, 2.0005, -3.0], [1.0, 2.0, -3.001])
    assert verdict.verdict == "PASS"
    assert verdict.ratio == pytest.approx(1.0)
    assert verdict.place == (2,)
    assert (verdict.got, verdict.right) == (-3.0, -3.001)
    assert verdict.absolute == pytest.approx(1e-3)
    assert verdict.relative == pytest.approx(1e-3 / 3.001)
    assert verdict.bias == pytest.approx((5e-4 - 1e-3) / 1.5e-3)
    assert verdict.ulps == pytest.approx(5e-4 / 2.0**-22, rel=1e-3)


def test_an_error_beyond_the_bound_fails():
    assert judge([1.0, 2.0011], [1.0, 2.0]).verdict == "FAIL"
    assert judge([1.0, 2.0009], [1.0, 2.0]).verdict == "PASS"


@pytest.mark.parametrize("nonfinite", [np.nan, np.inf, -np.inf])
def test_a_nonfinite_number_on_one_side_only_fails(nonfinite):
    assert judge([1.0, nonfinite], [1.0, 2.0]).verdict == "FAIL"
    assert judge([1.0, 2.0], [1.0, nonfinite]).verdict == "FAIL"
    assert judge([1.0, nonfinite], [1.0, nonfinite]).verdict == "PASS"
    assert judge([1.0, nonfinite], [1.0, 2.0]).ratio == math.inf


def test_a_value_too_large_for_the_format_may_be_infinite():
    half = FORMATS["float16"]
    right, bound = np.array([70000.0, 1.0]), np.array([10.0, 1e-3])
    assert compare_tensor("c", "out", np.array([np.inf, 1.0]), right, bound, half).verdict == "PASS"
    assert compare_tensor("c", "out", np.array([-np.inf, 1.0]), right, bound, half).verdict == "FAIL"


def test_a_bound_as_large_as_the_numbers_is_inconclusive():
    assert judge([1.0, 2.0], [1.0, 2.0], bound=2.1 / RESOLUTION).verdict == "INCONCLUSIVE"
    assert judge([1.0, 2.0], [1.0, 2.0], bound=1.9 / RESOLUTION).verdict == "PASS"
    assert judge([0.0, 0.0], [0.0, 0.0]).verdict == "PASS"
    assert judge([1.0, 9.0], [1.0, 2.0], bound=2.0).verdict == "FAIL"


def test_another_shape_fails_and_an_empty_tensor_passes():
    assert judge([[1.0]], [1.0]).reason == "has shape (1, 1); (1,) is expected"
    assert judge(np.zeros((0, 3)), np.zeros((0, 3))).verdict == "PASS"


def test_skipped_elements_are_not_compared():
    assert judge([1.0, np.inf], [1.0, -np.inf], skip=np.array([False, True])).verdict == "PASS"


def test_the_reference_adds_its_own_error_in_float64_alone():
    case = draw_case(Specification("plain", Shape(2, 3, 3, 5, 7, 4, 2), dtype="float64"))
    right = expected_results(case, roundoff("float64"))
    assert (right.bounded.out.error > bounds(case).out.error).all()
    narrow = draw_case(case.specification._replace(dtype="float32"))
    half = expected_results(narrow, roundoff("float32"))
    np.testing.assert_allclose(half.bounded.out.error, bounds(narrow, FLOAT32).out.error, rtol=1e-6)


# ------------------------------------------------------------------------------------ mixed roundoffs


def test_bounds_allow_for_rounded_factors():
    """TF32 products: outside the bound of float32, within that of TF32, and not far within."""
    rng = np.random.default_rng(0)
    x, y = (FLOAT.rounded(rng.standard_normal(shape)) for shape in ((40, 64), (64, 40)))
    as_tf32 = FLOAT._replace(name="tf32", precision=TF32)
    got = (as_tf32.rounded(x) @ as_tf32.rounded(y)).astype("float32")
    ratios = {}
    for name, arithmetic in (("tf32", Arithmetic(FLOAT32, operands=TF32)), ("float32", Arithmetic(FLOAT32))):
        near = arithmetic.product(error_free(x), error_free(y))
        ratios[name] = float((abs(got - near.value) / stored_error(near, FLOAT32, FLOAT32)).max())
    assert 0.05 < ratios["tf32"] <= 1 < 5 < ratios["float32"]


def test_bounds_allow_for_sums_stored_between_tiles():
    """d_value of one key, added up in bfloat16 query after query, over cancelling terms."""
    rng = np.random.default_rng(0)
    L, narrow = 96, FORMATS["bfloat16"]
    query, key = np.zeros((L, 4)), np.zeros((1, 4))
    value, d_out = np.zeros((1, 50)), narrow.rounded(rng.standard_normal((L, 50)))
    inputs = Inputs(query, key, value, d_out)
    right, allowed = d_out.sum(axis=0), {}
    for name, blocks in (("rows", (1, 32)), ("tiles", (32, 32)), ("never", (L, 32))):
        near = bounds(inputs, FLOAT32, storage=BFLOAT16, blocks=blocks).d_value
        np.testing.assert_allclose(near.value[0], right, atol=1e-12)
        allowed[name] = stored_error(near, BFLOAT16, FLOAT32)[0]
    by_rows, by_tiles = np.zeros(50), np.zeros(50)
    for row in range(L):
        by_rows = narrow.rounded(by_rows + d_out[row])
    for start in range(0, L, 32):
        by_tiles = narrow.rounded(by_tiles + d_out[start : start + 32].sum(axis=0))
    assert 0.1 < (abs(by_rows - right) / allowed["rows"]).max() <= 1
    assert 0.02 < (abs(by_tiles - right) / allowed["tiles"]).max() <= 1
    assert (allowed["never"] < allowed["tiles"]).all()
    assert (allowed["tiles"] < allowed["rows"]).all()


def test_bounds_allow_for_sums_stored_between_heads():
    rng = np.random.default_rng(0)
    narrow, n, L = FORMATS["bfloat16"], 8, 32
    query, key = np.zeros((n, L, 4)), np.zeros((1, 1, 4))
    value, d_out = np.zeros((1, 1, 60)), narrow.rounded(3 + rng.standard_normal((n, L, 60)))
    near = bounds(Inputs(query, key, value, d_out), FLOAT32, storage=BFLOAT16).d_value
    total = np.zeros(60)
    for head in d_out:
        total = narrow.rounded(total + head.sum(axis=0))
    assert 0.02 < (abs(total - near.value[0, 0]) / stored_error(near, BFLOAT16, FLOAT32)[0, 0]).max() <= 1
