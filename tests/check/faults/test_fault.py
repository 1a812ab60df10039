"""Planting: a family's decorators put a wrong function into a pair, and nothing else changes."""

import numpy as np
import pytest

from numpy_attention import STEPS, Pair
from numpy_attention.check.faults import FAULTS, Fault, fault
from numpy_attention.check.faults.conditions import with_option
from numpy_attention.check.faults.fault import FINE, FaultFamily, steps_with_visible, tag_of, tagged


def test_names_are_unique():
    assert len({each.name for each in FAULTS}) == len(FAULTS) == 148


@pytest.mark.parametrize("each", FAULTS, ids=[each.name for each in FAULTS])
def test_every_fault_has_a_statement_and_a_source(each: Fault):
    assert each.statement.endswith(".")
    assert fault(each.name) is each
    assert f"def {each.name.replace('-', '_')}(" in each.source
    assert each.dtypes[:2] == ("float64", "float32")
    assert max(map(len, each.source.splitlines())) <= 110


def test_an_unknown_name_is_refused_with_similar_ones():
    with pytest.raises(
        ValueError, match=r"^there is no fault 'no-row-sums'; did you mean no-row-sum"
    ) as error:
        fault("no-row-sums")
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"^there is no fault 'xyzzy'; `numpy-attention faults` prints them"):
        fault("xyzzy")


def test_a_backward_is_planted_in_one_step():
    family = FaultFamily("bias")

    @family.backward("bias", active=with_option("bias"), dtypes=FINE)
    def wrong_sign(d_biased, saved):
        """The sign is wrong.

        A remark.
        """

    (planted,) = family.faults
    assert (planted.name, planted.rule, planted.dtypes) == ("wrong-sign", "attention", FINE)
    assert (planted.statement, planted.remark) == ("The sign is wrong.", "A remark.")
    assert planted.shows_where == "where bias is not None"
    assert planted.steps == STEPS._replace(bias=Pair(STEPS.bias.forward, wrong_sign))


def test_a_forward_is_planted_in_the_pair_of_a_rule():
    family = FaultFamily("double", "double", Pair(lambda x: (2 * x, None), lambda d, saved: 2 * d))

    @family.forward()
    def triple(x):
        """Three times x."""
        return 3 * x, None

    (planted,) = family.faults
    assert planted.pair == Pair(triple, family.right.backward)
    assert planted.steps is None
    assert not planted.concerns_laws


def test_every_step_receives_the_changed_mask():
    biased, visible = np.zeros((1, 2)), np.array([[True, False]])
    masked, _ = steps_with_visible(np.logical_not).mask.forward(biased, visible)
    np.testing.assert_array_equal(masked, [[-np.inf, 0]])
    np.testing.assert_array_equal(steps_with_visible(np.logical_not).mask.forward(biased, None)[0], biased)


def test_a_tag_survives_arithmetic():
    array = np.ones(3)
    assert tag_of(2 * tagged(array, "cap") + array) == "cap"
    assert tag_of(array) is None
