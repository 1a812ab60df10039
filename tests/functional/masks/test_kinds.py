"""Each kind of mask: its repr, its entries and column ranges, and how early it decides a tile."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.masks.kinds import Band, FirstKeys, RealKeys, Segments, Visible


@pytest.mark.parametrize(
    "mask, text",
    [
        (na.causal(), "na.causal()"),
        (na.causal("bottom_right"), "na.causal('bottom_right')"),
        (na.causal(offset=3), "na.causal(offset=3)"),
        (na.causal(offset=[3, 5]), "na.causal(offset=(2,))"),
        (na.window(1, None), "na.window(1, None)"),
        (na.window(1, 2, "top_left"), "na.window(1, 2, 'top_left')"),
        (na.window(1, 2, offset=-1), "na.window(1, 2, offset=-1)"),
        (na.padding(5), "na.padding(5)"),
        (na.padding([5, 7]), "na.padding(<lengths (2,)>)"),
        (na.prefix(2), "na.prefix(2)"),
        (na.real_keys([True]), "na.real_keys(<bool (1,)>)"),
        (na.segments([0, 1], [0]), "na.segments(<ids (2,)>, <ids (1,)>)"),
        (na.visible([[True]]), "na.visible(<bool (1, 1)>)"),
        (na.hidden([[True]]), "na.visible(<bool (1, 1)>)"),
    ],
)
def test_repr_is_the_call_that_makes_the_mask(mask, text):
    assert repr(mask) == text


def test_builders_make_these_kinds():
    ids = np.zeros(3, dtype=int)
    for mask, kind in (
        (na.visible(True), Visible), (na.hidden(True), Visible), (na.causal(), Band), (na.window(1, 0), Band),
        (na.padding(2), FirstKeys), (na.prefix(2), FirstKeys), (na.real_keys([True]), RealKeys),
        (na.segments(ids, ids), Segments),
    ):  # fmt: skip
        assert type(mask) is kind


@pytest.mark.parametrize(
    "mask, rows, columns",
    [
        (na.causal(), slice(2, 4), (0, 4)),
        (na.causal(offset=[0, 2]), slice(2, 4), (0, 6)),
        (na.window(1, 0), slice(2, 4), (1, 4)),
        (na.window(1, 0, offset=[0, 2]), slice(2, 4), (1, 6)),
        (na.window(0, None), slice(2, 4), (2, 7)),
        (na.causal(offset=-5), slice(2, 4), (0, 0)),
        (na.padding([2, 5]), slice(2, 4), (0, 5)),
        (na.prefix(99), slice(2, 4), (0, 7)),
        (na.real_keys([True] + [False] * 6), slice(2, 4), (0, 7)),
        (na.causal(offset=np.zeros(0, dtype=int)), slice(0, 2), (0, 7)),
    ],
)
def test_the_column_range_covers_the_visible_keys_of_all_batch_entries(mask, rows, columns):
    assert mask.column_range(rows, 7, 7) == columns
    outside = np.r_[0 : columns[0], columns[1] : 7]
    assert not mask.array(7, 7)[..., rows, outside].any()


def test_an_entry_is_the_mask_of_one_batch_entry_and_head():
    """`visible` has its own head axis; lengths, ids and offsets have batch axes only."""
    triangles = np.tri(5, dtype=bool) ^ np.array([False, True])[:, None, None]
    assert (na.visible(triangles).entry((2, 1), True).array(5, 5) == triangles[1]).all()
    for mask in (
        na.padding([1, 4]), na.causal(offset=[0, 2]), na.real_keys([[True] * 5, [False] * 5]),
        na.segments([[0] * 5, [1] * 5], [0, 0, 1, 1, 1]),
    ):  # fmt: skip
        assert (mask.entry((1, 3), True).array(5, 5) == mask.array(5, 5)[1]).all()


def test_a_band_decides_a_tile_by_its_corners_without_computing_the_pairs():
    def visible(rows, columns):
        return na.window(2, 1)._visible(np.arange(*rows), np.arange(*columns), (99, 99), False)

    assert visible((50, 60), (0, 48)) is False
    assert visible((50, 60), (61, 99)) is False
    assert visible((50, 52), (49, 52)) is True
    assert visible((50, 51), (47, 49)).tolist() == [[False, True]]


@pytest.mark.parametrize(
    "mask, diagonal",
    [
        (na.causal("top_left"), 0), (na.causal("bottom_right"), 2), (na.causal(offset=-3), -3),
        (na.window(None, 4, "top_left"), 4), (na.window(3, 0, "top_left"), None),
        (na.window(3, None, offset=1), None),
        (na.causal(offset=[1, 2]), None), (na.padding(3), None), (na.causal("top_left") & na.prefix(2), None),
    ],
)  # fmt: skip
def test_diagonal_is_that_of_causal_masks_alone(mask, diagonal):
    """Over 5 queries and 7 keys, query i sees exactly the keys up to i + diagonal."""
    assert mask.diagonal(5, 7) == diagonal
    if diagonal is not None:
        assert (mask.array(5, 7) == (np.arange(7) <= np.arange(5)[:, None] + diagonal)).all()
