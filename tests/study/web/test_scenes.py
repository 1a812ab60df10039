"""Examples of a page and the faults planted in them."""

import json

import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.study.example import ALL_OPTIONS, build_example
from numpy_attention.study.walk import walk
from numpy_attention.study.web.scenes import build_scenes, hidden_faults, scene_data

SOME = [fault(name) for name in ("no-row-sum", "causal-unasked", "softcap-not-saturating", "rotary-sign")
        if name in {each.name for each in FAULTS}]  # fmt: skip


def two_scenes():
    return build_scenes({"causal": ("C", build_example()), "none": ("N", build_example(causal=False))}, SOME)


def test_a_fault_is_planted_in_the_first_example_that_shows_it():
    first, second = two_scenes()
    assert [each.name for each in first.faults] == ["no-row-sum"]
    assert [each.name for each in second.faults] == ["causal-unasked"]
    assert hidden_faults(two_scenes(), SOME)["rotary-sign"] == "is in rotary, not in a step"


def test_data_hold_the_walk_the_lines_and_the_options():
    data = json.loads(json.dumps(scene_data(two_scenes()[0]), allow_nan=False))
    assert data["options"] == {"score": "dot"}
    (planted,) = data["faults"]
    assert list(planted["lines"]) == ["up.softmax"]
    assert any("d_masked" in text or "weights" in text for _, text in planted["lines"]["up.softmax"])


def test_faults_are_planted_while_there_is_room():
    examples = {"causal": ("C", build_example())}
    (whole,) = build_scenes(examples, FAULTS[:9])
    (some,) = build_scenes(examples, FAULTS[:9], room=1.5 * whole.faults[0].size)
    assert [each.name for each in some.faults] == [whole.faults[0].name]


@pytest.mark.slow
def test_one_direction_finds_the_wrong_gradients_of_every_fault():
    for scene in build_scenes({"causal": ("C", build_example()), "all": ("A", build_example(**ALL_OPTIONS))}):
        for planted in scene.faults:
            by_entries = walk(scene.walk.example, steps=planted.walk.fault.steps)
            wrong = [n for stage in by_entries.up for n, d in stage.derivatives.items() if not d.ok]
            assert planted.data["gradients"] == wrong, planted.name
