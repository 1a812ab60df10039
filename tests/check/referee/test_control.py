"""Planted faults are caught, too small for the dtype, idle, or missed; a miss takes the verdict away."""

import numpy_attention as na
from numpy_attention.check.faults import Fault, fault
from numpy_attention.check.referee.control import (
    CaughtFault,
    Control,
    fault_dtype,
    run_control,
)
from numpy_attention.check.rounding.formats import roundoff
from numpy_attention.functional.attention.steps import STEPS
from numpy_attention.functional.base.arrays import Pair
from tests.support.candidates import OURS, check, plain_case


def test_a_missed_fault_prevents_a_pass():
    def barely(d, saved):
        right = STEPS.score.backward(d, saved)
        return right._replace(d_key=right.d_key * (1 + 2.0**-30))

    tiny = fault("no-row-sum")._replace(
        name="too-small", pair=na.attention_with(STEPS._replace(score=Pair(STEPS.score.forward, barely)))
    )
    report = check(OURS, faults=(tiny,))
    assert report.outcome == "NOT JUDGED"
    assert report.status == 3
    assert report.control.missed == ("too-small",)
    unseen = check(OURS, faults=(tiny._replace(dtypes=("float64",)), fault("no-row-sum")))
    assert unseen.ok
    assert unseen.control.below == ("too-small",)
    assert check(OURS, faults=()).outcome == "NOT JUDGED"


def test_a_fault_that_changes_no_judged_result_is_idle():
    reference = plain_case()
    backward = fault("no-row-sum")
    idle = run_control([(reference, ("out",))], roundoff("float32"), [backward])
    assert (idle.caught, idle.missed, idle.idle) == ((), (), 1)
    (caught,) = run_control([(reference, ("d_query",))], roundoff("float32"), [backward]).caught
    assert (caught.fault, caught.verdict.verdict) == ("no-row-sum", "FAIL")
    other: Fault = backward._replace(rule="rotary")
    assert not run_control([(reference, ("d_query",))], roundoff("float32"), [other]).caught


def test_a_fault_is_looked_up_in_the_coarser_of_storage_and_arithmetic():
    assert fault_dtype(roundoff("bfloat16")) == "bfloat16"
    assert fault_dtype(roundoff("float32", "tf32")) == "float16"
    assert fault_dtype(roundoff("float32", "bfloat16")) == "bfloat16"


def test_a_control_prints_what_it_caught_missed_and_could_not_judge():
    caught = CaughtFault("no-row-sum", check(OURS, faults=[fault("no-row-sum")]).verdicts[0])
    control = Control((caught,), missed=("no-scale",), below=("late-rounding",))
    assert str(control) == (
        "1 of 2 faults planted in the reference were caught; missed: no-scale; "
        "INCONCLUSIVE, no larger than rounding here: late-rounding"
    )
    assert not control.ok
    assert Control((caught,)).ok
    assert str(Control()) == "no fault could be planted in these cases"
