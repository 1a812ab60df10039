"""What one tensor is: a multiple of the right one, transposed, permuted."""

import math

import numpy as np
import pytest

from numpy_attention.check.referee.diagnosis.changes import (
    CHANGES,
    Factor,
    change_of,
    factor_of,
    multiple_of,
    name_of_factors,
)
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Shape
from tests.support.diagnosed import SHAPES, observed

SQUARE = (Shape(2, 3, 3, 5, 5, 5, 5), Shape(3, 2, 2, 7, 7, 7, 7))


@pytest.mark.parametrize(
    "factor, words",
    [
        (lambda n: -1, "has the wrong sign"),
        (lambda n: 0, "is 0"),
        (lambda n: math.sqrt(n.D), "is sqrt(D) times the right one"),
        (lambda n: 1 / n.B, "is 1/B times the right one"),
        (lambda n: math.log(2), "is ln 2 times the right one"),
        (lambda n: 1.37, "is 1.37 times the right one"),
        (lambda n: 1 + n.L / 7, "is a multiple of the right one that differs between cases"),
    ],
)
def test_a_constant_has_a_name(factor, words):
    failing, _ = observed(
        lambda name, x, case: factor(case.specification.shape) * x if name == "d_query" else x
    )
    assert change_of(failing, "d_query") == words


@pytest.mark.parametrize("words", CHANGES)
def test_a_permutation_has_a_name(words):
    failing, _ = observed(lambda name, x, case: CHANGES[words](x) if name == "d_key" else x, shapes=SQUARE)
    reverse = ("has its heads in reverse order", "has its batch entries in reverse order")  # of two
    assert change_of(failing, "d_key") in (words, *reverse)


def test_a_multiple_of_a_hypothesis_is_named_by_its_constant():
    def negated(case):
        return (x := results(case))._replace(d_query=-x.d_query)

    failing, _ = observed(lambda name, x, case: -x / case.shape[-1] if name == "d_query" else x)
    assert multiple_of(failing, "d_query", negated) == "1/S"


def test_constants_that_are_equal_in_all_cases_are_named_together():
    failing, _ = observed(lambda name, x, case: x / 2 if name == "out" else x, shapes=SHAPES[:1])
    assert change_of(failing, "out") == "is 1/2 or 1/sqrt(D) or 1/B times the right one"


def test_nan_has_a_name():
    failing, _ = observed(lambda name, x, case: x * np.nan if name == "out" else x)
    assert change_of(failing, "out") == "is NaN"


def test_noise_has_none():
    failing, _ = observed(lambda name, x, case: np.abs(x) if name == "out" else x)
    assert change_of(failing, "out") == ""
    assert factor_of(failing[0], "out", failing[0].right("out")) is None


def test_the_simplest_name_within_the_error_is_taken():
    shapes = [Shape(2, 4, 2, 5, 7, 4, 3)]
    assert name_of_factors([Factor(2.0, 1e-6)], shapes) == "2 or sqrt(D) or H/G"
    assert name_of_factors([Factor(1.2345678, 1e-3)], shapes) == "1.2346"
