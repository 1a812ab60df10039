"""Examples of a page and the faults planted in them."""

import json

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.study.example import build_example
from numpy_attention.study.web.scenes import build_scenes, hidden_faults, scene_data

SOME = [fault(name) for name in ("no-row-sum", "causal-unasked", "softcap-not-saturating", "rotary-sign")
        if name in {each.name for each in FAULTS}]  # fmt: skip


def two_scenes():
    return build_scenes({"causal": ("C", build_example()), "none": ("N", build_example(causal=False))}, SOME)


def test_a_fault_is_planted_in_the_first_example_that_shows_it():
    first, second = two_scenes()
    assert [each.fault.name for each in first.faults] == ["no-row-sum"]
    assert [each.fault.name for each in second.faults] == ["causal-unasked"]
    assert hidden_faults(two_scenes(), SOME)["rotary-sign"] == "is in rotary, not in a step"


def test_data_hold_the_walk_the_lines_and_the_options():
    data = json.loads(json.dumps(scene_data(two_scenes()[0]), allow_nan=False))
    assert data["options"] == {"score": "dot"}
    (planted,) = data["faults"]
    assert list(planted["lines"]) == ["up.softmax"]
    assert any("d_masked" in text or "weights" in text for _, text in planted["lines"]["up.softmax"])
