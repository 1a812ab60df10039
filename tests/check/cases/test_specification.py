"""A specification can be told from any other, and its names are unique."""

from numpy_attention.check.cases.specification import (
    COTANGENTS,
    EXTRAS,
    INPUTS,
    LAYOUTS,
    MODES,
    OPTIONS,
    Specification,
)
from numpy_attention.check.reference.inputs import Shape


def test_names_are_unique():
    for names in ((*OPTIONS, *EXTRAS), INPUTS, COTANGENTS, LAYOUTS, MODES):
        assert len(set(names)) == len(names)


def test_specifications_that_differ_in_one_field_are_different_keys():
    spec = Specification("a", Shape(1, 1, 1, 2, 3, 5, 7))
    others = [spec._replace(mode=mode) for mode in MODES[1:]]
    others += [spec._replace(layouts=(("query", layout),)) for layout in LAYOUTS]
    assert len({spec, *others}) == len(MODES) + len(LAYOUTS)
