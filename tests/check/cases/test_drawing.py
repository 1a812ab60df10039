"""Drawn numbers are exact in their dtype and reproducible."""

import numpy as np
import pytest

from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import COTANGENTS, EXTRAS, INPUTS, OPTIONS, Specification
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import FORMATS

SHAPE = Shape(2, 6, 3, 11, 17, 7, 5)
EVERYTHING = tuple(name for name in (*OPTIONS, *EXTRAS) if name != "scale_array")


def test_equal_specifications_give_equal_numbers():
    one, two = (draw_case(Specification("rich", SHAPE, EVERYTHING)) for _ in range(2))
    for name, x in one.arrays.items():
        np.testing.assert_array_equal(x, two.arrays[name])
    other = draw_case(Specification("rich", SHAPE, EVERYTHING, seed=2))
    assert not np.array_equal(one.query, other.query)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("inputs", INPUTS)
def test_numbers_are_exact_in_the_dtype(dtype, inputs):
    for cotangent in COTANGENTS:
        case = draw_case(
            Specification("rich", SHAPE, EVERYTHING, inputs=inputs, cotangent=cotangent, dtype=dtype)
        )
        for name, x in case.arrays.items():
            if isinstance(x, np.ndarray | float) and name != "mask":
                np.testing.assert_array_equal(FORMATS[dtype].rounded(x), x, err_msg=name)
                assert np.isfinite(x).all()


def test_only_empty_rows_leaves_a_fully_masked_row():
    for seed in range(20):
        spec = Specification("masks", SHAPE, ("causal", "window", "mask"), corner="bottom_right", seed=seed)
        assert draw_case(spec).visible.any(axis=-1).all()
    assert not draw_case(spec._replace(empty_rows=True)).visible.any(axis=-1).all()


@pytest.mark.parametrize(
    "changed", [{"options": ("causl",)}, {"inputs": "odd"}, {"cotangent": "odd"}, {"dtype": "odd"}]
)
def test_unknown_names_are_refused(changed):
    with pytest.raises(ValueError, match=next(iter(changed))):
        draw_case(Specification("wrong", SHAPE)._replace(**changed))
