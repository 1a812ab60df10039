"""The table of conditions names everything that a specification can be, with a reason."""

import pytest

from numpy_attention.check.cases.conditions import CONDITIONS, LEVELS, conditions_of, factor_of
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.reference.inputs import Shape

BY_NAME = {condition.name: condition for condition in CONDITIONS}
PLAIN = Specification("plain", Shape(2, 3, 3, 11, 17, 7, 5))


def test_names_are_unique_and_reasons_are_given():
    assert len(BY_NAME) == len(CONDITIONS) > 150
    assert all(len(condition.reason) > 8 for condition in CONDITIONS)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_a_condition_holds_at_some_levels_and_not_at_all(condition):
    if len(condition.factors) == 1:
        holds = [bool(condition.test(level)) for level in LEVELS[condition.factors[0]]]
        assert any(holds)
        assert not all(holds)
    else:
        one, other = (LEVELS[factor] for factor in condition.factors)
        holds = {bool(condition.test(x, y)) for x in one for y in other}
        assert holds == {True, False}


def test_every_level_of_a_form_or_a_call_is_a_condition():
    sizes = {"B", "heads", "L", "S", "D", "E"}
    for factor, levels in LEVELS.items():
        named = [c for c in CONDITIONS if c.factors == (factor,)]
        for level in levels[1 + (levels[0] is None) :] if factor not in sizes else ():
            assert any(condition.test(level) for condition in named), (factor, level)


@pytest.mark.parametrize(
    "spec, held, not_held",
    [
        (PLAIN, {"B = 2", "H odd > 1", "L odd", "L < S", "E < D", "B H > 4"}, {"S % 16 = 0", "causal"}),
        (
            PLAIN._replace(shape=Shape(1, 8, 1, 128, 129, 64, 64)),
            {"one key head", "L % 128 = 0", "E = D"},
            {"L odd"},
        ),
        (
            PLAIN._replace(options=("bias",), variants=(("bias", "-inf"),)),
            {"bias", "bias -inf"},
            {"bias of keys"},
        ),
        (PLAIN._replace(layouts=(("key", "sliced"),)), {"key sliced"}, {"query sliced"}),
        (PLAIN._replace(mode="query, key"), {"gradient of query, key alone"}, {"no gradient"}),
        (
            PLAIN._replace(inputs="scores 90", zeros="value"),
            {"scores 90 inputs", "zeros in value"},
            {"normal inputs"},
        ),
    ],
)
def test_conditions_of_a_specification(spec, held, not_held):
    assert held <= set(conditions_of(spec))
    assert not not_held & set(conditions_of(spec))


def test_factors_are_read_from_a_specification():
    spec = PLAIN._replace(options=("scale",), empty_rows=True)
    read = {
        factor: factor_of(spec, factor) for factor in ("heads", "D", "scale", "mask", "empty rows", "mode")
    }
    assert read == {"heads": (3, 3), "D": 7, "scale": "", "mask": None, "empty rows": True,
                    "mode": "all gradients"}  # fmt: skip
