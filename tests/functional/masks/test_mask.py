"""Masks as values: tiles, & | ~, and refused uses."""

import pickle
import re

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.masks.mask import Mask

ALL = slice(None)


def test_a_tile_is_true_or_false_where_possible():
    causal = na.causal()
    assert causal.tile(slice(4, 8), slice(0, 4), 8, 8) is True
    assert causal.tile(slice(0, 4), slice(4, 8), 8, 8) is False
    assert causal.tile(slice(2, 4), slice(2, 4), 8, 8).tolist() == [[True, False], [True, True]]
    assert (~causal).tile(slice(4, 8), slice(0, 4), 8, 8) is False
    assert na.padding(5).tile(ALL, slice(5, 7), 3, 7) is False
    assert na.visible(np.eye(4, dtype=bool)).tile(slice(0, 2), slice(2, 4), 4, 4) is False


def test_combined_tiles_are_decided_by_one_side():
    far = slice(0, 3), slice(100, 103), 200, 200
    assert (na.causal() & na.real_keys(np.arange(200) % 2 == 0)).tile(*far) is False
    assert (~na.causal() | na.real_keys(np.arange(200) % 2 == 0)).tile(*far) is True
    assert (na.window(10, 10) & na.causal()).tile(*far) is False


def test_a_tile_may_be_taken_backwards_and_in_strides():
    mask = na.causal()
    whole = mask.array(7, 7)
    for rows, columns in ((slice(None, None, -1), slice(1, 6, 2)), (slice(-3, None), slice(None, -4, -1))):
        assert (mask.tile(rows, columns, 7, 7) == whole[rows, columns]).all()


def test_an_empty_tile_is_visible_in_every_pair_that_it_has():
    assert na.prefix(0).tile(slice(3, 3), ALL, 7, 7) is True


def test_repr_of_combined_masks_is_the_expression():
    mask = (na.prefix(2) | na.causal("top_left")) & ~na.padding(5)
    assert repr(mask) == "((na.prefix(2) | na.causal('top_left')) & ~na.padding(5))"


def test_thousands_of_masks_combined_are_evaluated_written_and_pickled():
    """Deeper than Python's recursion: & | ~ in turn, and a mask always on the right."""
    mask, whole, right = na.causal(), np.tri(5, dtype=bool), na.prefix(1)
    for n in range(3000):
        other = na.visible(np.arange(25).reshape(5, 5) % 7 != n % 7)
        if n % 3 == 2:
            mask, whole = ~mask, ~whole
        elif n % 3:
            mask, whole = mask & other, whole & other.array(5, 5)
        else:
            mask, whole = mask | other, whole | other.array(5, 5)
        right = na.prefix(2) | right
    assert mask.array(5, 5).tolist() == whole.tolist()
    assert mask.tile(slice(1, 4), slice(2, 5), 5, 5).tolist() == whole[1:4, 2:5].tolist()
    assert right.tile(ALL, slice(2), 3, 3) is True
    assert right.column_range(slice(0, 3), 3, 3) == (0, 2)
    assert len(repr(mask)) < 100
    assert pickle.loads(pickle.dumps(mask)).array(5, 5).tolist() == whole.tolist()
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 2))
    out = na.attention(x, x, x, mask=na.visible(whole))
    for attention in (na.attention, na.blockwise_attention, na.fast_attention):
        np.testing.assert_allclose(attention(x, x, x, mask=mask), out, rtol=0, atol=1e-14)


def test_the_complement_may_show_any_column():
    mask = ~na.causal()
    assert mask.column_range(slice(0, 2), 5, 5) == (0, 5)
    x = np.random.default_rng(0).standard_normal((5, 3))
    right = na.attention(x, x, x, mask=mask)
    np.testing.assert_allclose(na.blockwise_attention(x, x, x, mask=mask, block=(2, 2)), right, rtol=1e-13)


def test_inverting_twice_is_the_mask_again():
    mask = na.causal("top_left")
    for _ in range(3000):
        mask = ~mask
    assert mask.array(3, 3).tolist() == np.tri(3, dtype=bool).tolist()
    assert mask.column_range(slice(0, 1), 3, 3) == (0, 1)
    assert repr(~mask) == "~na.causal('top_left')"


# ----------------------------------------------------------------------------- refused uses

ARRAY = np.ones((3, 3), dtype=bool)
ASK = (
    "does not say what True means: write mask=na.visible(array) if True means may attend, or "
    "mask=na.hidden(array) if True means may not"
)

REFUSED = [
    (lambda: bool(na.causal()), "na.causal() is neither true nor false; combine masks with & | ~"),
    (lambda: na.causal() and na.prefix(1), "na.causal() is neither true nor false; combine masks with & | ~"),
    (lambda: not na.prefix(1), "na.prefix(1) is neither true nor false; combine masks with & | ~"),
    (lambda: np.asarray(na.causal()), "na.causal() is no array; na.causal().array(L, S) gives one"),
    (lambda: ARRAY & na.causal(), f"ndarray beside a mask {ASK}"),
    (lambda: na.causal() & ARRAY, f"ndarray beside a mask {ASK}"),
    (lambda: ARRAY | na.causal(), f"ndarray beside a mask {ASK}"),
    (lambda: na.causal() | ARRAY, f"ndarray beside a mask {ASK}"),
    (lambda: na.causal() & True, f"bool beside a mask {ASK}"),
    (lambda: None | na.causal(), f"NoneType beside a mask {ASK}"),
    (lambda: na.causal().tile(0, ALL, 3, 3), "rows is 0; a slice is expected"),
    (lambda: na.causal().tile(ALL, [1, 2], 3, 3), "columns is [1, 2]; a slice is expected"),
    (lambda: na.causal().array([3], 3), "L has shape (1,); one whole number is expected"),
    (lambda: na.causal().tile(ALL, ALL, 3, 1.0), "S has dtype float64; whole numbers are expected"),
    (lambda: Mask().array(3, 3), "Mask is no mask by itself; use na.visible, na.causal, …"),
    (lambda: Mask().entry((), False), "Mask is no mask by itself; use na.visible, na.causal, …"),
]


@pytest.mark.parametrize("use, message", REFUSED, ids=[message for _, message in REFUSED])
def test_refused_uses(use, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        use()


def test_numpy_functions_refuse_masks():
    for use in (lambda: np.logical_and(na.causal(), na.causal()), lambda: np.ones(3) * na.causal()):
        with pytest.raises(TypeError):
            use()


# -------------------------------------------------------------------------- lengths that do not fit

SAY = 'say where the corner is, align="top_left", align="bottom_right", or offset='
MISFITS = [
    (na.causal(), f"na.causal() over 3 queries and 5 keys: {SAY}"),
    (na.window(1, 0), f"na.window(1, 0) over 3 queries and 5 keys: {SAY}"),
    (~na.causal() | na.prefix(2), f"na.causal() over 3 queries and 5 keys: {SAY}"),
    (na.padding([4, 6]), "na.padding(<lengths (2,)>) holds 6, but there are only 5 keys"),
    (na.real_keys([True] * 3), "na.real_keys(<bool (3,)>) is for 3 keys; there are 5"),
    (
        na.segments([0] * 3, [0] * 3),
        "na.segments(<ids (3,)>, <ids (3,)>) is for 3 queries and 3 keys; there are 3 and 5",
    ),
    (
        na.segments([0] * 5, [0] * 5),
        "na.segments(<ids (5,)>, <ids (5,)>) is for 5 queries and 5 keys; there are 3 and 5",
    ),
    (
        na.visible(np.ones((5, 3), bool)),
        "na.visible(<bool (5, 3)>) does not broadcast to 3 queries and 5 keys",
    ),
    (
        na.visible(np.ones((3, 2), bool)),
        "na.visible(<bool (3, 2)>) does not broadcast to 3 queries and 5 keys",
    ),
    (na.hidden(np.ones(3, bool)), "na.visible(<bool (3,)>) does not broadcast to 3 queries and 5 keys"),
    (
        na.padding([1, 2]) & na.prefix([1, 2, 3]),
        "the batch axes of (na.padding(<lengths (2,)>) & na.prefix(<lengths (3,)>)) do not broadcast: "
        "(2,) and (3,)",
    ),
]


@pytest.mark.parametrize("mask, message", MISFITS, ids=[message for _, message in MISFITS])
def test_lengths_that_do_not_fit_are_refused_by_array_tile_and_attention(mask, message):
    query, key, value = np.zeros((3, 1)), np.zeros((5, 1)), np.zeros((5, 1))
    for use in (
        lambda: mask.array(3, 5),
        lambda: mask.tile(ALL, ALL, 3, 5),
        lambda: na.attention(query, key, value, mask=mask),
    ):
        with pytest.raises(ValueError, match=f"^(mask: )?{re.escape(message)}$"):
            use()


def test_batch_axes_that_do_not_broadcast_are_always_refused():
    mask = na.causal(offset=[100, 101]) & na.prefix([1, 2, 3])
    message = f"the batch axes of {mask} do not broadcast: (2,) and (3,)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        mask.array(3, 3)
    x = np.zeros((1, 1, 3, 1))
    message = f"mask: the batch axes of {mask} do not broadcast: (2, 1) and (3, 1)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        na.attention(x, x, x, mask=mask)
