"""Arrays go into every layout and come back with this project's axes."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.candidate.axes import from_layout, mask_of_meaning, to_layout
from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import LAYOUTS, checked_convention
from numpy_attention.check.candidate.frameworks import NumPy
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Shape

SHAPE = Shape(2, 6, 3, 5, 7, 4, 3)
SHAPES = {
    "BHLD": ((2, 6, 5, 4), (2, 3, 7, 4)),
    "BLHD": ((2, 5, 6, 4), (2, 7, 3, 4)),
    "BLC": ((2, 5, 24), (2, 7, 12)),
    "NLD": ((12, 5, 4), (6, 7, 4)),
    "HLD": ((6, 5, 4), (3, 7, 4)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_have_the_shape_of_the_layout_and_come_back(layout):
    shape = SHAPE._replace(B=1) if layout == "HLD" else SHAPE
    arrays = {name: np.random.default_rng(0).standard_normal((shape.B, heads, length, 4))
              for name, heads, length in (("query", 6, 5), ("key", 3, 7))}  # fmt: skip
    there = {name: to_layout(name, x, layout, shape) for name, x in arrays.items()}
    assert (there["query"].shape, there["key"].shape) == SHAPES[layout]
    for name, x in arrays.items():
        np.testing.assert_array_equal(from_layout(f"d_{name}", there[name], layout, shape), x)


INTO_FOUR = {
    "BHLD": lambda x, heads: x,
    "BLHD": lambda x, heads: x.swapaxes(1, 2),
    "BLC": lambda x, heads: x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2),
    "NLD": lambda x, heads: x.reshape(-1, heads, *x.shape[1:]),
    "HLD": lambda x, heads: x[None],
}
BACK = {
    "BHLD": lambda x: x,
    "BLHD": lambda x: x.swapaxes(1, 2),
    "BLC": lambda x: x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1),
    "NLD": lambda x: x.reshape(-1, *x.shape[2:]),
    "HLD": lambda x: x[0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_candidate_in_any_layout_gives_the_right_numbers(layout):
    def attention(query, key, value, mask=None, dropout=None, num_heads=6, num_kv_heads=3, *, d_out):
        there, back = INTO_FOUR[layout], BACK[layout]
        query, d_out = there(query, num_heads), there(d_out, num_heads)
        key, value = there(key, num_kv_heads), there(value, num_kv_heads)
        if layout in ("NLD", "HLD"):
            mask, dropout = (x.reshape(query.shape[0], -1, *x.shape[-2:]) for x in (mask, dropout))
        out, saved = na.attention_forward(query, key, value, mask=na.visible(mask), dropout=dropout)
        return back(out), tuple(map(back, na.attention_backward(d_out, saved)[:3]))

    shape = SHAPE._replace(B=1) if layout == "HLD" else SHAPE
    case = draw_case(Specification("a case", shape, ("mask", "dropout")))
    candidate = Candidate(attention, checked_convention(layout=layout, mask="visible"))
    tensors, right = candidate.call(case, NumPy()).tensors, results(case)
    assert set(tensors) == {"out", "d_query", "d_key", "d_value"}
    for name, x in tensors.items():
        np.testing.assert_allclose(x.numbers, getattr(right, name), rtol=0, atol=1e-5, err_msg=name)


def test_masks_of_keys_have_one_row_for_each_batch_entry():
    real = np.array([[True, True, False], [True, False, True]])
    visible = real[:, None, None]
    np.testing.assert_array_equal(mask_of_meaning(visible, "real_keys"), real)
    np.testing.assert_array_equal(mask_of_meaning(visible, "padding"), ~real)
    shape = Shape(2, 4, 2, 5, 3, 4, 4)
    assert to_layout("mask", real, "NLD", shape).shape == (8, 3)
    assert to_layout("mask", real, "HLD", shape).shape == (3,)
    assert to_layout("mask", real, "BLC", shape).shape == (2, 3)


def test_what_has_no_form_in_a_layout_is_left_out_by_name():
    def attention(query, key, value, bias=None, sinks=None):
        pass

    candidate = Candidate(attention, checked_convention(layout="NLD"))
    assert candidate.options == ()
    assert candidate.left_out["bias"] == "has no form in the layout NLD"
    with pytest.raises(ValueError, match="BLC, which needs the number of heads: add --map"):
        Candidate(attention, checked_convention(layout="BLC"))
