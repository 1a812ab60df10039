"""Masks of every kind and combination, each with its visible pairs computed one by one."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import numpy_attention as na

KINDS = ("visible", "hidden", "causal", "window", "padding", "real_keys", "segments", "prefix")


class Drawn(NamedTuple):
    """A mask, its visible pairs (broadcast to (..., H, L, S)), and the kinds and operators in it."""

    mask: Any
    pairs: Any
    tags: frozenset[str]


def some_shape(rng, shape, least=0):
    """A shape that broadcasts to `shape`: the same, with axes of length 1, or without leading axes.

    From a generator, since drawing each bit by Hypothesis costs more than the tests themselves.
    """
    if rng.random() < 0.5:
        return shape
    kept = rng.integers(least, len(shape) + 1)
    return tuple(n if rng.random() < 0.5 else 1 for n in shape[len(shape) - kept :])


def each(values, L, S, rule):
    """rule(value, i, j) for every value, query i and key j: (*values.shape, L, S)."""
    values = np.asarray(values)
    shown = [[[rule(value, i, j) for j in range(S)] for i in range(L)] for value in values.ravel().tolist()]
    return np.array(shown, dtype=bool).reshape(*values.shape, L, S)


def positions(draw, rng, batch, L, S):
    """The arguments align and offset, and the position of query 0."""
    how = draw(st.sampled_from(("top_left", "bottom_right", "offset", "offsets", *["none"] * (L == S))))
    if how == "offset":
        offset = draw(st.integers(-2, 4))
        return dict(offset=offset), offset
    if how == "offsets":
        offsets = rng.integers(-2, 5, some_shape(rng, batch))
        return dict(offset=offsets), offsets
    align = {} if how == "none" else dict(align=how)
    return align, S - L if how == "bottom_right" else 0


def mask_of(draw, kind, batch, heads, L, S):
    """One mask without operators; heads is (H,), or () for inputs of two axes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind in ("visible", "hidden"):
        pairs = rng.random(some_shape(rng, (*batch, *heads, L, S))) < rng.choice([0.3, 0.7])
        return Drawn(na.visible(pairs) if kind == "visible" else na.hidden(~pairs), pairs, frozenset({kind}))
    if kind == "causal":
        where, start = positions(draw, rng, batch, L, S)
        mask, pairs = na.causal(**where), each(start, L, S, lambda p, i, j: j <= i + p)
    elif kind == "window":
        where, start = positions(draw, rng, batch, L, S)
        left, right = (draw(st.none() | st.integers(0, 4)) for _ in range(2))
        mask = na.window(left, right, **where)
        pairs = each(
            start, L, S,
            lambda p, i, j: (left is None or i + p - j <= left) and (right is None or j - (i + p) <= right),
        )  # fmt: skip
    elif kind == "padding":
        lengths = rng.integers(0, S + 1, some_shape(rng, batch))
        mask, pairs = na.padding(lengths), each(lengths, L, S, lambda n, i, j: j < n)
    elif kind == "prefix":
        n = rng.integers(0, S + 3, some_shape(rng, batch))
        mask, pairs = na.prefix(n), each(n, L, S, lambda n, i, j: j < n)
    elif kind == "real_keys":
        real = rng.random((*some_shape(rng, batch), S)) < rng.choice([0.3, 0.7])
        mask = na.real_keys(real)
        pairs = np.repeat(real[..., None, :], L, axis=-2)
    else:
        queries = rng.integers(0, 3, (*some_shape(rng, batch), L))
        keys = rng.integers(0, 3, (*some_shape(rng, batch), S))
        mask = na.segments(queries, keys)
        pairs = queries[..., :, None] == keys[..., None, :]
    return Drawn(mask, pairs[..., None, :, :] if heads else pairs, frozenset({kind}))


@st.composite
def single_masks(draw, *where):
    return mask_of(draw, draw(st.sampled_from(KINDS)), *where)


SOME_KINDS = st.lists(st.sampled_from(KINDS), min_size=1, max_size=4, unique=True)


@st.composite
def masks(draw, *where):
    """One to four masks of different kinds, combined by & and |, some inverted by ~."""
    drawn = None
    for kind in draw(SOME_KINDS):
        mask, pairs, tags = mask_of(draw, kind, *where)
        if draw(st.integers(0, 3)) == 3:
            mask, pairs, tags = ~mask, ~pairs, tags | {"~"}
        if drawn is None:
            drawn = Drawn(mask, pairs, tags)
        elif draw(st.booleans()):
            drawn = Drawn(drawn.mask & mask, drawn.pairs & pairs, drawn.tags | tags | {"&"})
        else:
            drawn = Drawn(drawn.mask | mask, drawn.pairs | pairs, drawn.tags | tags | {"|"})
    return drawn
