"""Observations: failing and passing cases, and how far a hypothesis is from the candidate's numbers."""

import numpy as np

from numpy_attention.check.reference.evaluation import results
from tests.support.diagnosed import observed


def doubled(name, x, case):
    return 2 * x if name == "d_key" and case.key.shape[-2] > 7 else x


def test_cases_are_failing_or_passing_the_simplest_first():
    failing, passing = observed(doubled)
    assert [each.specification.shape.S for each in failing] == [11, 8]
    assert [each.specification.shape.S for each in passing] == [7]
    assert failing[0].wrong == ("d_key",)


def test_the_right_numbers_fit_where_nothing_is_wrong():
    failing, passing = observed(doubled)
    assert passing[0].misfit_of(results) <= 1
    assert failing[0].misfit_of(results) > 1
    assert failing[0].misfit_of(lambda case: (x := results(case))._replace(d_key=2 * x.d_key)) <= 1


def test_no_effect_fits_passing_cases_alone():
    failing, passing = observed(doubled)
    assert (failing[0].misfit_of(lambda case: None), passing[0].misfit_of(lambda case: None)) == (np.inf, 0)


def test_another_shape_never_fits():
    assert observed(doubled).failing[0].misfit("d_key", np.zeros(3)) == np.inf


def test_errors_are_marked_where_they_are():
    seen = observed(lambda name, x, case: np.where(np.arange(x.shape[-1]) == 1, x + 1, x)).failing[0]
    assert seen.errors("out")[..., 1].all()
    assert not seen.errors("out")[..., 0].any()


def test_a_mistake_that_gives_nan_may_be_guarded_with_zeros():
    seen = observed(lambda name, x, case: 0 * x if name == "out" else x).failing[0]
    assert seen.misfit("out", np.full(seen.right("out").shape, np.nan)) == 0
    assert seen.misfit("out", seen.right("out")) > 1


def test_some_tensors_alone_may_be_asked_for():
    failing, _ = observed(doubled)
    assert failing[0].misfit_of(results, ["out"]) <= 1
