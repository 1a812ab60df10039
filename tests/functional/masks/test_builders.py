"""Each mask as a small picture; refused arguments; masks in attention."""

import re

import numpy as np
import pytest

import numpy_attention as na


def picture(mask, L, S):
    """Rows of # (may attend) and . (may not)."""
    return ["".join(".#"[visible] for visible in row) for row in mask.array(L, S).astype(int)]


def refused(error, message):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


PICTURES = [
    (na.causal(), 3, 3, "#.. ##. ###"),
    (na.causal("top_left"), 3, 5, "#.... ##... ###.."),
    (na.causal("bottom_right"), 3, 5, "###.. ####. #####"),
    (na.causal("top_left"), 5, 3, "#.. ##. ### ### ###"),
    (na.causal("bottom_right"), 5, 3, "... ... #.. ##. ###"),
    (na.causal(offset=1), 3, 5, "##... ###.. ####."),
    (na.causal(offset=-1), 3, 3, "... #.. ##."),
    (na.window(1, 0), 3, 3, "#.. ##. .##"),
    (na.window(0, 1), 3, 3, "##. .## ..#"),
    (na.window(1, 1, "top_left"), 2, 5, "##... ###.."),
    (na.window(1, 1, "bottom_right"), 2, 5, "..### ...##"),
    (na.window(0, 0, offset=2), 2, 5, "..#.. ...#."),
    (na.window(None, 0), 3, 3, "#.. ##. ###"),
    (na.window(0, None), 3, 3, "### .## ..#"),
    (na.window(None, None), 2, 2, "## ##"),
    (na.padding(2), 2, 3, "##. ##."),
    (na.padding(0), 2, 3, "... ..."),
    (na.padding(3), 2, 3, "### ###"),
    (na.real_keys([False, True, True]), 2, 3, ".## .##"),
    (na.segments([0, 0, 1], [0, 1, 1]), 3, 3, "#.. #.. .##"),
    (na.prefix(1), 2, 3, "#.. #.."),
    (na.prefix(99), 2, 3, "### ###"),
    (na.visible([[True, False], [True, True]]), 2, 2, "#. ##"),
    (na.hidden([[True, False], [True, True]]), 2, 2, ".# .."),
    (na.visible(True), 2, 3, "### ###"),
    (na.visible([[True], [False]]), 2, 3, "### ..."),
    (na.prefix(2) | na.causal(), 4, 4, "##.. ##.. ###. ####"),
    (na.causal() & na.window(1, None), 4, 4, "#... ##.. .##. ..##"),
    (na.causal() & ~na.window(1, None), 4, 4, ".... .... #... ##.."),
    (~na.causal(), 3, 3, ".## ..# ..."),
    (na.causal() & na.segments([0, 0, 1, 1], [0, 0, 1, 1]), 4, 4, "#... ##.. ..#. ..##"),
]


@pytest.mark.parametrize(
    "mask, L, S, rows", PICTURES, ids=[f"{row[0]!r} {row[1]}x{row[2]}" for row in PICTURES]
)
def test_the_picture_of_a_mask(mask, L, S, rows):
    assert picture(mask, L, S) == rows.split()


@pytest.mark.parametrize("L, S", [(2, 66), (66, 2), (131, 67), (67, 259)])
def test_bands_are_exact_at_their_corners_whatever_the_lengths(L, S):
    distance = np.arange(S) - np.arange(L)[:, None]
    for end in (distance.min(), distance.max()):
        for limit in range(end - 2, end + 3):
            upper = na.window(None, max(limit, 0), offset=min(limit, 0))
            lower = na.window(max(-limit, 0), None, offset=max(limit, 0))
            for mask in (upper, na.causal(offset=limit)):
                np.testing.assert_array_equal(mask.array(L, S), distance <= limit, err_msg=repr(mask))
            np.testing.assert_array_equal(lower.array(L, S), distance >= limit, err_msg=repr(lower))


def test_lengths_ids_and_offsets_carry_batch_axes():
    assert na.padding([[1], [2]]).array(5, 3).shape == (2, 1, 5, 3)
    assert na.prefix([1, 2]).array(5, 3, heads=True).shape == (2, 1, 5, 3)
    assert na.causal(offset=[0, 1]).array(5, 3).shape == (2, 5, 3)
    assert na.real_keys([[True, False, True]] * 2).array(5, 3, heads=True).shape == (2, 1, 5, 3)
    assert na.segments([[0] * 5] * 2, [1, 0, 0]).array(5, 3).shape == (2, 5, 3)
    assert na.visible(np.eye(3, dtype=bool)[None, None] & np.array([True, False])[:, None, None, None]).array(
        3, 3
    ).shape == (2, 1, 3, 3)


@pytest.mark.parametrize("lengths", [[1, 2], [3, 3], [0, 0]])
def test_the_array_always_has_the_batch_axes_of_the_mask(lengths):
    assert na.padding(lengths).array(5, 3).shape == (2, 5, 3)
    assert na.prefix(lengths).array(5, 3, heads=True).shape == (2, 1, 5, 3)


def test_attention_puts_a_head_axis_where_the_inputs_have_one():
    query, key, value = np.zeros((2, 3, 5, 1)), np.zeros((2, 3, 7, 1)), np.zeros((2, 3, 7, 1))
    _, saved = na.attention_forward(query, key, value, mask=na.padding([2, 4]))
    assert (saved.weights[0, :, :, :2] == 0.5).all()
    assert (saved.weights[1, :, :, :4] == 0.25).all()
    assert not saved.weights[0, ..., 2:].any()
    assert not saved.weights[1, ..., 4:].any()
    _, saved = na.attention_forward(
        query, key, value, mask=na.visible(np.arange(7) < np.arange(1, 4)[:, None, None])
    )
    assert [round(1 / x) for x in saved.weights[1, :, 4, 0]] == [1, 2, 3]  # visible has its own head axis


def test_a_mask_does_not_change_with_its_arguments():
    real, lengths, ids = np.array([True, False]), np.array([1]), np.array([0, 0])
    masks = na.visible(real), na.hidden(real), na.real_keys(real), na.padding(lengths), na.segments(ids, ids)
    before = [mask.array(2, 2) for mask in masks]
    real[:], lengths[:], ids[:] = False, 2, [0, 1]
    assert all(map(np.array_equal, before, [mask.array(2, 2) for mask in masks]))


REFUSED = [
    (lambda: na.visible(np.ones((2, 2))), TypeError,
     "the array of na.visible has dtype float64; booleans are expected"),
    (lambda: na.hidden([[0, 1]]), TypeError, "the array of na.hidden has dtype int64; booleans are expected"),
    (lambda: na.real_keys([1, 0]), TypeError,
     "the array of na.real_keys has dtype int64; booleans are expected"),
    (lambda: na.visible(None), TypeError,
     "the array of na.visible is NoneType (dtype object); an array of numbers is expected"),
    (lambda: na.real_keys(True), ValueError,
     "the array of na.real_keys is True, without an axis; (..., S) is expected"),
    (lambda: na.causal("left"), ValueError,
     "align is 'left' (did you mean 'top_left'?); "
     "one of 'top_left', 'bottom_right' is expected"),
    (lambda: na.causal(True), ValueError, "align is True; one of 'top_left', 'bottom_right' is expected"),
    (lambda: na.causal("top_left", 1), ValueError,
     "align is 'top_left' and offset is 1; one of them is expected"),
    (lambda: na.window(1, 1, "top_left", 0), ValueError,
     "align is 'top_left' and offset is 0; one of them is expected"),
    (lambda: na.causal(offset=0.5), TypeError, "offset has dtype float64; whole numbers are expected"),
    (lambda: na.causal(offset=True), TypeError, "offset has dtype bool; whole numbers are expected"),
    (lambda: na.window(-1, 0), ValueError, "left holds -1; at least 0 is expected"),
    (lambda: na.window(0, -2), ValueError, "right holds -2; at least 0 is expected"),
    (lambda: na.window(1.0, 0), TypeError, "left has dtype float64; whole numbers are expected"),
    (lambda: na.window(0, [1]), TypeError, "right has shape (1,); one whole number is expected"),
    (lambda: na.padding(-1), ValueError, "lengths holds -1; at least 0 is expected"),
    (lambda: na.padding(1.5), TypeError, "lengths has dtype float64; whole numbers are expected"),
    (lambda: na.prefix([2, -3]), ValueError, "n holds -3; at least 0 is expected"),
    (lambda: na.segments([0.5], [1]), TypeError, "query_ids has dtype float64; whole numbers are expected"),
    (lambda: na.segments([0], ["a"]), TypeError,
     "key_ids is list (dtype <U1); a whole number, or an array of them, is expected"),
    (lambda: na.segments(0, [1]), ValueError,
     "query_ids is 0, without an axis; an id for each position is expected"),
    (lambda: na.segments([0], 1), ValueError,
     "key_ids is 1, without an axis; an id for each position is expected"),
    (lambda: na.segments(np.zeros((2, 5), int), np.zeros((3, 7), int)), ValueError,
     "the batch axes do not broadcast together: query_ids (2,), key_ids (3,)"),
]  # fmt: skip


@pytest.mark.parametrize("make, error, message", REFUSED, ids=[row[2] for row in REFUSED])
def test_refused_arguments(make, error, message):
    with refused(error, message):
        make()


FAR = 2**63
AT_THE_END = [
    (lambda: na.causal(offset=-FAR), "... ... ..."),
    (lambda: na.causal(offset=FAR - 1), "### ### ###"),
    (lambda: na.prefix(FAR - 1), "### ### ###"),
    (lambda: na.prefix(np.uint64(FAR)), "### ### ###"),
    (lambda: na.window(FAR, 0), "#.. ##. ###"),
    (lambda: na.window(0, np.uint64(FAR)), "### .## ..#"),
]


@pytest.mark.parametrize("make, rows", AT_THE_END, ids=range(len(AT_THE_END)))
def test_whole_numbers_do_not_wrap_around(make, rows):
    """Numbers beyond 64 bits are refused by name, or work."""
    try:
        mask = make()
    except (TypeError, ValueError) as error:
        named = re.match("(offset|n|left|right) ", str(error))
    else:
        with np.errstate(all="raise"):
            named = picture(mask, 3, 3) == rows.split()
    assert named


def test_a_window_as_far_away_as_it_is_wide_is_right_or_refused():
    near, far = 2**61 - 1, 2**63 - 1
    assert picture(na.window(near, 0, offset=near), 2, 3) == ["###", ".##"]
    for left, right, offset in ((far, 0, far), (0, far, -far)):
        with refused(ValueError, f"offset and width, {2**62}, both exceed 2**61; write None for no limit"):
            na.window(left, right, offset=offset)
