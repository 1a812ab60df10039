"""Counts from tiles are those of the whole mask."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import numpy_attention as na
from numpy_attention.check.laws import visible_counts as counts
from tests.support.mask_strategies import masks


@settings(max_examples=settings().max_examples // 2)
@given(st.data())
def test_counts_are_those_of_the_whole_mask(data):
    L, S = data.draw(st.sampled_from(((5, 7), (7, 5), (7, 7), (1, 11), (0, 3), (3, 0))))
    mask, shown, _ = data.draw(masks((2,), (3,), L, S))
    block, counts.BLOCK = counts.BLOCK, 2
    try:
        keys, one = counts.row_counts(mask, L, S)
        seen = counts.unmasked_keys(mask, L, S)
    finally:
        counts.BLOCK = block
    shown = np.broadcast_to(shown, (2, 3, L, S))
    assert (np.minimum(shown.sum(axis=-1), 2) == keys).all()
    assert (shown.any(axis=-2) == seen).all()
    if S:
        at = np.broadcast_to(one, (2, 3, L))[..., None]
        assert (np.take_along_axis(shown, at, axis=-1)[..., 0] == (keys > 0)).all()


def test_without_a_mask_everything_is_visible():
    assert counts.row_counts(None, 3, 5).keys.tolist() == [[2, 2, 2]]
    assert counts.row_counts(None, 3, 1).keys.tolist() == [[1, 1, 1]]
    assert counts.unmasked_keys(None, 3, 2).tolist() == [[True, True]]
    assert counts.unmasked_keys(None, 0, 2).tolist() == [[False, False]]


def test_a_causal_mask_takes_a_few_tiles_a_panel(monkeypatch):
    looked = []
    mask = na.causal()
    tile = mask.tile
    monkeypatch.setattr(mask, "tile", lambda *place, **how: (looked.append(place), tile(*place, **how))[1])
    length = 64 * counts.BLOCK
    counts.row_counts(mask, length, length)
    counts.unmasked_keys(mask, length, length)
    assert len(looked) < 5 * 64
