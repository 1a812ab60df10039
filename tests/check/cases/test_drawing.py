"""Drawn numbers are exact in their dtype and reproducible."""

import numpy as np
import pytest

from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import (
    COTANGENTS,
    EXTRAS,
    INPUTS,
    OFFSETS,
    OPTIONS,
    VARIANTS,
    Specification,
)
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
    if abs(OFFSETS.get(inputs, 0.0)) > FORMATS[dtype].largest / 4:
        return
    for cotangent in COTANGENTS:
        if (inputs, cotangent) == ("near overflow", "large"):
            continue
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


@pytest.mark.parametrize("inputs", OFFSETS)
@pytest.mark.parametrize("form", [None, "", "negative", "above one"])
def test_scores_lie_near_the_number_under_any_scale(inputs, form):
    options = {} if form is None else dict(options=("scale",), variants=(("scale", form),) if form else ())
    case = draw_case(Specification("near", SHAPE, inputs=inputs, dtype="float64", **options))
    scale = case.options.get("scale", 1 / np.sqrt(7))
    scores = scale * (case.query @ np.repeat(case.key, 2, axis=1).swapaxes(-1, -2))
    assert abs(scores - OFFSETS[inputs]).max() < 30
    assert np.ptp(scores, axis=-1).min() > 0.1


def test_equal_scores_have_gradients_all_the_same():
    case = draw_case(Specification("equal", SHAPE, inputs="equal scores"))
    scores = case.query @ np.repeat(case.key, 2, axis=1).swapaxes(-1, -2)
    assert np.ptp(scores, axis=-1).max() < 1e-6
    assert np.ptp(case.key, axis=-2).max() > 0.1


@pytest.mark.parametrize("option, form", [(name, form) for name, forms in VARIANTS.items() for form in forms])
def test_a_form_of_an_option_changes_it_alone(option, form):
    options = ("causal", option) if option == "q_offset" else (option,)
    spec = Specification("forms", SHAPE, options)
    usual, other = draw_case(spec), draw_case(spec._replace(variants=((option, form),)))
    assert not np.array_equal(usual.options[option], other.options[option])
    np.testing.assert_array_equal(usual.query, other.query)
    if isinstance(other.options[option], np.ndarray) and option != "sinks":
        np.broadcast_shapes(other.options[option].shape, (2, 6, 11, 17))


def test_hidden_keys_and_values_hold_what_is_asked():
    for hidden, shown in (("nan", np.isnan), ("large", lambda x: abs(x) > 1e29)):
        case = draw_case(Specification("hidden", SHAPE, ("mask",), hidden=hidden))
        for x in (case.key, case.value):
            np.testing.assert_array_equal(shown(x).all(axis=-1)[1].all(axis=0), np.arange(17) >= 13)
            assert not shown(x[0]).any()


def test_a_third_of_a_tensor_is_zero_of_either_sign():
    case = draw_case(Specification("zeros", Shape(2, 3, 3, 50, 7, 8, 5), zeros="query"))
    zero = case.query == 0
    assert 0.25 < zero.mean() < 0.4
    assert 0.1 < (np.signbit(case.query) & zero).mean() < 0.25


def test_an_expanded_tensor_is_equal_along_the_batch():
    case = draw_case(Specification("expanded", SHAPE, layouts=(("value", "expanded"),)))
    np.testing.assert_array_equal(case.value[0], case.value[1])
    assert not np.array_equal(case.key[0], case.key[1])
