import numpy as np
import pytest

from numpy_attention.check.outside.explaining import plant_each
from numpy_attention.study.exercises import planted
from numpy_attention.study.exercises.catalogue import exercise
from numpy_attention.study.exercises.diagnosis import planted_mistakes
from numpy_attention.study.exercises.exercise import FLOAT64
from numpy_attention.study.exercises.grading import judge
from numpy_attention.study.exercises.submission import Answer

from .inprocess import drawn
from .test_grading import _right

MUST = {
    "softmax": {"softmax-over-queries", "no-maximum"},
    "scale": {"scale-missing", "scale-by-width", "scale-squared"},
    "attention": {"scale-missing", "mask-inverted", "mask-forgotten", "softmax-over-queries",
                  "key-and-value-swapped"},
    "values-back": {"d-value-untransposed", "d-out-of-ones"},
    "softmax-back": {"no-row-sum", "plain-mean", "plain-sum", "outer-weights-forgotten",
                     "divided-by-the-keys",
                     "weights-minus-d-weights", "row-sum-of-squared-weights", "sum-over-the-whole-array",
                     "softmax-gradient-negated", "row-sum-broadcast-along-rows", "diagonal-only"},
    "score-back": {"scale-missing", "scale-twice", "scale-missing-in-d-query", "scale-missing-in-d-key",
                   "d-key-untransposed", "key-untransposed-in-d-query", "d-query-and-d-key-swapped"},
    "attention-back": {"no-row-sum", "plain-mean", "scale-missing", "mask-missing-in-backward",
                       "d-key-from-weights",
                       "d-out-of-ones", "diagonal-only-and-unscaled"},
    "layer-norm-back": {"layer-norm-without-mean", "layer-norm-gamma-outside", "layer-norm-bias-not-summed"},
    "adam": {"adam-without-correction", "adam-betas-swapped", "adam-epsilon-inside"},
    "grouped-back": {"first-head-of-group", "last-head-of-group", "mean-of-group", "heads-tiled"},
    "rotary-back": {"rotary-sign", "rotary-forgotten"},
    "cross-entropy-back": {"ignored-targets-counted", "cross-entropy-target-kept", "d-loss-ignored"},
}  # fmt: skip


@pytest.mark.parametrize("name", MUST)
def test_the_faults_of_a_step_are_all_caught_by_its_cases(name):
    asked = exercise(name)
    judged = [judge(case, _right(case)) for case in drawn(name)]
    control = plant_each(planted_mistakes(asked), judged, FLOAT64)
    caught = {each.fault for each in control.caught}
    assert MUST[name] <= caught, MUST[name] - caught
    assert control.missed == ()


def test_one_step_of_the_right_adam_is_the_exercise():
    from numpy_attention import adam_step

    answer = planted.adam_answer(adam_step)
    found = answer(np.ones(1), np.ones(1), np.zeros(1), np.zeros(1), 1, 0.5, 0.9, 0.999, 0.0)
    np.testing.assert_allclose([found["param"][0], found["first"][0], found["second"][0]], [0.5, 0.1, 0.001])
    assert Answer({}).failure == ""
