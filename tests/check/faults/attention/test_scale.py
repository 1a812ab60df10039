"""Mistakes with the scale: which results they change, and that a scale of 1 hides them."""

import numpy as np
import pytest

from tests.support.fault_problems import changed, drawn, is_active, wrong

ALL = {"out", "weights", "lse", "d_query", "d_key", "d_value"}

CHANGED = {
    "scale-missing": ALL,
    "scale-squared": ALL,
    "scale-by-width": ALL,
    "scale-twice": {"d_query", "d_key"},
    "scale-missing-in-d-query": {"d_query"},
    "scale-missing-in-d-key": {"d_key"},
    "scale-twice-in-d-key": {"d_key"},
}


@pytest.mark.parametrize("name, results", CHANGED.items())
def test_a_fault_changes_these_results(name, results):
    arrays = drawn(1, 1, 2, 3, 4, 2)
    assert changed(name, *arrays) == results
    assert is_active(name, *arrays)


@pytest.mark.parametrize("name", CHANGED)
def test_one_entry_has_scale_one_and_hides_it(name):
    arrays = drawn(1, 1, 2, 3, 1, 2)
    assert not changed(name, *arrays)
    assert not is_active(name, *arrays)


def test_gradient_of_scaled_scores_changes_d_scale_alone():
    arrays = drawn(1, 1, 2, 3, 4, 2)
    assert changed("scale-gradient-of-the-scores", *arrays, scale=2.0) == {"d_scale"}
    assert not changed("scale-gradient-of-the-scores", *arrays, scale=1.0)


@pytest.mark.parametrize("name, score", [("scale-missing", 4), ("scale-squared", 1), ("scale-by-width", 1)])
def test_the_lse_of_one_key_is_its_wrong_score(name, score):
    """query · key = 4 with D = 4: the right score is 2."""
    one = np.ones((1, 4))
    assert wrong(name, one, one, one, one)["lse"] == pytest.approx(score)
