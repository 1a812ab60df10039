"""Examples of a page and the faults planted in them."""

import json

import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.study.example import ALL_OPTIONS, build_example
from numpy_attention.study.walk import walk
from numpy_attention.study.walk_data import same_bits, stage_arrays, stages_by_place
from numpy_attention.study.web.scenes import build_scenes, hidden_faults, scene_data, without_faults

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
@pytest.mark.parametrize("options", [{}, dict(causal=False), ALL_OPTIONS], ids=["causal", "none", "all"])
def test_stages_taken_from_the_right_walk_and_one_direction_change_nothing(options):
    """Every planted walk is that of `walk` without `like`: numbers, lines, laws, wrong gradients."""
    (scene,) = build_scenes({"own": ("Own", build_example(**options))})
    for planted in scene.faults:
        whole = stages_by_place(walk(scene.walk.example, steps=planted.walk.fault.steps))
        for place, stage in stages_by_place(planted.walk.walk).items():
            own, other = stage_arrays(stage), stage_arrays(whole[place])
            assert own.keys() == other.keys()
            assert all(same_bits(x, other[name]) for name, x in own.items()), (planted.name, place)
            same = [(s.source, s.equation, s.skipped) for s in (stage, whole[place])]
            marks = [
                ([r.ok for r in s.laws], [d.ok for d in s.derivatives.values()])
                for s in (stage, whole[place])
            ]
            assert same[0] == same[1]
            assert marks[0] == marks[1], (planted.name, place)


def test_the_last_faults_are_left_out_until_the_excess_is_gone():
    first = build_scenes({"a": ("A", build_example())}, FAULTS[:12])[0]
    assert len(first.faults) > 2
    scenes = (first, first._replace(faults=first.faults[:1]))
    fewer = without_faults(scenes, first.faults[0].size + 1)
    assert [len(scene.faults) for scene in fewer] == [len(first.faults) - 1, 0]
    assert [len(scene.faults) for scene in without_faults(scenes, 0)] == [len(first.faults), 1]
    assert [scene.faults for scene in without_faults(scenes, 10**9)] == [(), ()]
