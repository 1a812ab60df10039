"""The walk is red where a fault is planted: at its step first, in the gradient and in the law concerned."""

import numpy as np
import pytest

from numpy_attention import STEPS, Pair
from numpy_attention.check.faults import fault
from numpy_attention.functional.attention import steps as s
from numpy_attention.functional.scores.concat import concat_scores_backward, concat_scores_forward
from numpy_attention.study.example import example
from numpy_attention.study.walk import walk
from tests.study.test_walk import OPTIONS, stages, wrong

ALL = OPTIONS["everything"]
FAULTS = [
    ("no-row-sum", "up", "softmax", {}, "d_masked", "rows of d_masked sum to 0"),
    ("softmax-over-queries", "down", "softmax", {}, None, "rows of weights sum to 1"),
    ("scale-twice-in-d-key", "up", "score", {}, "d_key", "<d_query, query> = <d_key, key>"),
    ("d-query-and-d-key-swapped", "up", "score", {}, "d_query", "Σ_s d_key = 0"),
    ("scale-missing-in-d-query", "up", "score", {}, "d_query", "d_scale * scale = <d_query, query>"),
    ("d-value-untransposed", "up", "values", {}, "d_value", "Σ_s d_value = Σ_l d_out"),
    ("softcap-without-derivative", "up", "softcap", ALL, "d_scores", None),
    ("softcap-times-cap", "up", "softcap", ALL, "d_scores", "|d_scores| ≤ |d_capped|"),
    ("bias-without-gradient", "up", "bias", ALL, "d_bias", "Σ d_bias = Σ d_biased"),
    (
        "dropout-forgotten-in-backward",
        "up",
        "dropout",
        ALL,
        "d_weights",
        "<d_weights, weights> = <d_thinned, thinned>",
    ),
]


@pytest.mark.parametrize("name, way, step, options, gradient, law", FAULTS, ids=[row[0] for row in FAULTS])
def test_a_planted_fault_goes_red_at_its_step_first(name, way, step, options, gradient, law):
    told = example(**options)
    assert walk(told).ok
    planted = fault(name)
    walked = walk(told, steps=planted.steps)
    assert not walked.ok
    red = wrong(walked)
    if gradient:
        assert (way, step, gradient) in red
    if law:
        assert (way, step, law) in red
    first = next(place for place, stage in stages(walked).items() if not stage.ok)
    assert first == (way, step)
    source = stages(walked)[first].source
    assert source.file.startswith("check/faults/")
    assert all(line.text.strip().removesuffix(", …") in planted.source for line in source.lines)


@pytest.mark.parametrize("fill", [-2.0, None])
def test_a_mask_that_does_not_hide_goes_red_at_its_step_first(fill):
    def mask(biased, visible=None):
        return biased if fill is None else np.where(visible, biased, fill), s.MaskSaved(visible)

    walked = walk(example(), steps=STEPS._replace(mask=STEPS.mask._replace(forward=mask)))
    first = next(place for place, stage in stages(walked).items() if not stage.ok)
    assert first == ("down", "mask")
    assert ("down", "mask", "exp(masked) is 0 where hidden") in wrong(walked)
    assert stages(walked)[first].source.file == "test_faults.py"
    assert stages(walked)[first].source.lines[0].number > mask.__code__.co_firstlineno


def test_a_fault_in_a_score_of_its_own():
    def sign_of_the_weight(d_out, saved):
        g = concat_scores_backward(d_out, saved)
        return g._replace(d_weight=-g.d_weight)

    walked = walk(example(score="concat"), score=Pair(concat_scores_forward, sign_of_the_weight))
    assert wrong(walked) == {
        ("up", "score", "d_weight"),
        ("up", "score", "<d_weight, weight> = <d_query, query> + <d_key, key>"),
    }


def test_another_convention_is_shown_as_it_is():
    """Scores of step 1 replaced by those of another system: no scale."""

    def unscaled(query, key, scale, visible=None):
        return s.score_forward(query, key, np.ones(()), visible)

    walked = walk(example(), steps=STEPS._replace(score=STEPS.score._replace(forward=unscaled)))
    np.testing.assert_array_equal(
        walked.down[0].arrays["scores"], walked.example.query @ walked.example.key.T
    )
    assert not walked.up[-1].derivatives["d_scale"].ok
