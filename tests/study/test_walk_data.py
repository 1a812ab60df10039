"""The walk as JSON: every bit of every number, and of a fault all that it changes."""

import json

import numpy as np
import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.study.example import build_example
from numpy_attention.study.fault_walk import FaultyWalk, walk_with_fault
from numpy_attention.study.walk import walk
from numpy_attention.study.walk_data import (
    array_of,
    fault_data,
    plain,
    same_bits,
    stage_arrays,
    stages_by_place,
    walk_data,
)

OPTIONS = {
    "default": {},
    "everything": dict(softcap=2.0, bias=True, sinks=0.5, dropout=0.5),
    "additive": dict(score="additive", bias=True),
}


def through_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_json_holds_every_bit_of_a_walk(options):
    walked = walk(build_example(**options))
    data = through_json(walk_data(walked))
    for place, stage in stages_by_place(walked).items():
        kept = data["stages"][place]
        assert kept["skipped"] == stage.skipped
        assert kept["results"] == list(stage.results)
        assert kept["arrays"].keys() == stage_arrays(stage).keys()
        for name, x in stage_arrays(stage).items():
            assert same_bits(array_of(data["arrays"][kept["arrays"][name]]), x)
    assert same_bits(array_of(data["arrays"]["query"]), walked.example.query)


def test_signs_of_zero_and_what_is_not_finite_survive():
    x = np.array([[0.0, -0.0], [np.inf, -np.inf], [np.nan, 5e-324]])
    assert plain(x)[1:] == [["inf", "-inf"], ["nan", 5e-324]]
    assert same_bits(array_of(through_json(plain(x))), x)
    assert not same_bits(np.zeros(1), -np.zeros(1))
    assert not same_bits(np.zeros(1), None)


@pytest.mark.parametrize("name", ["no-row-sum", "scale-missing", "lse-in-wrong-base", "d-value-untransposed"])
def test_a_fault_and_the_right_walk_make_the_faulty_walk(name):
    example = build_example()
    correct = walk(example)
    faulty = FaultyWalk(fault(name), walk(example, steps=fault(name).steps), correct)
    right, data = walk_data(correct), through_json(fault_data(faulty))
    for place, stage in stages_by_place(faulty.walk).items():
        for array, x in stage_arrays(stage).items():
            own = data["arrays"].get(f"{place}/{array}")
            own = data["arrays"][own] if isinstance(own, str) else own
            if own is None:
                own = plain(array_of(right["arrays"][right["stages"][place]["arrays"][array]]))
            assert same_bits(array_of(own), x)
            kept = f"{place}/{array}" in data["arrays"] and array in stage_arrays(
                stages_by_place(correct)[place]
            )
            assert (kept and f"{place}/{array}" not in data["rounding"]) == (array in faulty.changed(stage))
    broken = [key.partition("/")[2] for key in data["laws"]]
    assert broken == [law.statement for law in faulty.broken_laws]
    assert data["gradients"] == list(faulty.wrong_gradients)


def test_a_fault_stores_only_what_it_changes():
    data = fault_data(walk_with_fault(build_example(), fault("scale-missing-in-d-key")))
    assert list(data["arrays"]) == ["up.score/d_key"]
    assert FAULTS[0].name == "scale-missing"
