"""Masks: their visible pairs, how they combine, and their effect in attention."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpy_attention as na
from tests.support.formula import formula
from tests.support.judges import assert_within
from tests.support.mask_strategies import masks, single_masks
from tests.support.strategies import for_all

LENGTHS = st.sampled_from((0, 1, 2, 5, 7))


@st.composite
def mask_and_lengths(draw, how=masks, count=1):
    """`count` masks over the same lengths: (drawn, …, batch, heads, L, S)."""
    batch = draw(st.sampled_from(((), (2,), (3,), (2, 3))))
    heads = () if not batch and draw(st.booleans()) else (draw(st.sampled_from((1, 5))),)
    L, S = draw(LENGTHS), draw(LENGTHS)
    return *[draw(how(batch, heads, L, S)) for _ in range(count)], (*batch, *heads, L, S)


def shown(mask, shape):
    """The whole mask, broadcast."""
    return np.broadcast_to(mask.array(*shape[-2:], heads=len(shape) > 2), shape)


@given(mask_and_lengths())
def test_visible_pairs_match_the_definition(drawn):
    (mask, pairs, _), shape = drawn
    assert (shown(mask, shape) == pairs).all()


@given(mask_and_lengths(single_masks), st.booleans())
def test_array_shape_is_independent_of_the_visible_pairs(drawn, heads):
    (mask, *_), (*_, L, S) = drawn
    arrays = [m.array(L, S, heads=heads) for m in (mask, ~mask, mask & ~mask, mask | ~mask)]
    assert len({array.shape for array in arrays}) == 1


@given(mask_and_lengths(), st.data())
def test_nothing_is_visible_outside_the_span(drawn, data):
    (mask, *_), shape = drawn
    *_, L, S = shape
    start = data.draw(st.integers(0, L))
    rows = slice(start, data.draw(st.integers(start, L)))
    first, last = mask.column_range(rows, L, S)
    assert 0 <= first <= S
    assert 0 <= last <= S
    outside = np.ones(S, dtype=bool)
    outside[first:last] = False
    assert not shown(mask, shape)[..., rows, outside].any()


@given(mask_and_lengths(), st.data())
def test_indexing_a_mask_indexes_its_array(drawn, data):
    (mask, *_), shape = drawn
    *batch, L, S = shape
    index = tuple(data.draw(st.integers(0, n - 1)) for n in batch)
    assert (mask.entry(index, len(shape) > 2).array(L, S) == shown(mask, shape)[index]).all()


@given(mask_and_lengths(), st.data())
def test_tile_is_a_slice_of_the_array(drawn, data):
    (mask, *_), shape = drawn
    *_, L, S = shape
    rows, columns = data.draw(st.slices(L)), data.draw(st.slices(S))
    tile = mask.tile(rows, columns, L, S, heads=len(shape) > 2)
    part = shown(mask, shape)[..., rows, columns]
    assert (np.broadcast_to(tile, part.shape) == part).all()
    if isinstance(tile, np.ndarray):
        assert tile.shape[-2:] == part.shape[-2:]
        assert tile.any()
        assert not tile.all(), "a tile that is all visible says so with True"
    else:
        assert tile is True or tile is False


@given(mask_and_lengths(count=3))
def test_masks_obey_set_algebra(drawn):
    (a, *_), (b, *_), (c, *_), shape = drawn
    for left, right in (
        (~~a, a),
        (a & b, b & a),
        (a | b, b | a),
        (a & (b & c), (a & b) & c),
        (a | (b | c), (a | b) | c),
        (a & (b | c), (a & b) | (a & c)),
        (a | (b & c), (a | b) & (a | c)),
        (~(a & b), ~a | ~b),
        (~(a | b), ~a & ~b),
        (a & (a | b), a),
        (a | (a & b), a),
        (a & ~a, na.prefix(0)),
        (a | ~a, ~na.prefix(0)),
    ):
        assert (shown(left, shape) == shown(right, shape)).all(), f"{left} and {right}"


@given(LENGTHS, LENGTHS)
def test_bottom_right_is_the_last_rows_of_the_square(L, S):
    for corner, square in (
        (na.causal("bottom_right"), na.causal()),
        (na.window(2, 1, "bottom_right"), na.window(2, 1)),
    ):
        whole = square.array(max(L, S), max(L, S))
        n = max(L, S)
        assert (corner.array(L, S) == whole[n - L :, n - S :]).all()


# ------------------------------------------------------------------------------------ in attention


@for_all(without=("mask",))
def test_a_window_as_wide_as_the_keys_hides_nothing(case):
    *_, L, S = case.shape
    n = max(L, S)
    wide, open_ended = na.window(n, n, offset=0), na.window(None, None, offset=0)
    bound = formula(case)[1]
    for mask in (wide, open_ended, ~na.prefix(0), na.prefix(S), na.padding(S)):
        assert_within(case.but(mask=mask).run(), case.run(), bound, bound)


@for_all(without=("mask", "hidden bias", "sinks", "dropout", "multipliers"))
def test_a_window_of_one_gives_back_the_values(case):
    """To the bit; fast attention multiplies by an exponential and divides by it: two roundings."""
    *_, L, S = case.shape
    lost = np.finfo(case.computed_in).eps if case.path == "fast" else 0
    for align in ("top_left", "bottom_right"):
        out, _ = case.but(mask=na.window(0, 0, align)).forward()
        start = S - L if align == "bottom_right" else 0
        value = np.repeat(case.value, case.group, axis=-3) if case.group > 1 else case.value
        value = np.broadcast_to(value, (*case.shape[:-2], *value.shape[-2:]))
        for i in range(L):
            expected = value[..., i + start, :] if 0 <= i + start < S else 0
            assert (abs(out[..., i, :] - expected) <= lost * abs(expected)).all()


@for_all(without=("mask",), having=("L = S",))
def test_bottom_right_attention_is_the_last_rows_of_square_attention(case):
    n, rng = case.shape[-1], case.rng()
    last = np.arange(rng.integers(0, n + 1), n)
    left = int(rng.integers(0, 3))
    for corner, square in (
        (na.causal("bottom_right"), na.causal()),
        (na.window(left, 1, "bottom_right"), na.window(left, 1)),
    ):
        pairs = np.broadcast_to(square.array(n, n), case.shape)
        whole = case.but(pairs=pairs)
        rows = whole.taken("L", last)
        expected, bound = (whole.results_taken(x, "L", last) for x in (whole.run(), formula(whole)[1]))
        got = rows.but(mask=corner, pairs=rows.pairs).run()
        alone = ("out", "weights", "lse")
        assert_within(got.only(*alone), expected.only(*alone), bound, formula(rows)[1])


@for_all(having=("mask",))
def test_a_mask_and_its_array_give_the_same(case):
    bound = formula(case)[1]
    for mask in (na.visible(case.pairs), na.hidden(~case.pairs), ~~case.mask):
        assert_within(case.but(mask=mask).run(), case.run(), bound, bound)


@pytest.mark.parametrize("kind", ["padding", "prefix", "real_keys", "segments", "causal", "window"])
def test_masks_of_batch_entries_get_a_head_axis_where_there_are_heads(kind):
    numbers = np.array([[2], [3], [5]])  # a batch of (3, 1) over heads (2,)
    mask = {
        "padding": lambda: na.padding(numbers),
        "prefix": lambda: na.prefix(numbers),
        "real_keys": lambda: na.real_keys(np.arange(5) < numbers[..., None]),
        "segments": lambda: na.segments(
            0 * numbers[..., None] + np.zeros(7, int), np.arange(5) // numbers[..., None]
        ),
        "causal": lambda: na.causal(offset=numbers),
        "window": lambda: na.window(1, 1, offset=numbers),
    }[kind]()
    assert mask.array(7, 5).shape == (3, 1, 7, 5)
    assert mask.array(7, 5, heads=True).shape == (3, 1, 1, 7, 5)
