"""Masks, biases and dropout of a region are those of the whole there."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.distributed.regions import DropoutIn, Region, bias_in, mask_in
from numpy_attention.functional.masks.mask import Mask

B, H, L, S = 3, 2, 11, 13
REGION = Region((slice(1, 3), slice(1, 2), slice(4, 9), slice(3, 10)), (B, H, L, S))
RNG = np.random.default_rng(4)


class Odd(Mask):
    """A mask of a kind that regions do not know."""

    def _visible(self, i, j, lengths, heads):
        return (i[:, None] + j) % 2 == 0


MASKS = {
    "visible": na.visible(RNG.random((B, 1, L, S)) < 0.5),
    "visible, broadcast": na.visible(RNG.random((H, 1, S)) < 0.5),
    "causal": na.causal("bottom_right"),
    "causal, an offset for each entry": na.causal(offset=[0, 2, 5]),
    "window": na.window(2, 3, align="top_left"),
    "padding": na.padding([4, 8, 13]),
    "prefix": na.prefix(5),
    "real keys": na.real_keys(RNG.random((B, S)) < 0.5),
    "segments": na.segments(RNG.integers(0, 3, (B, L)), RNG.integers(0, 3, (1, S))),
    "combined": na.causal("top_left") & ~na.padding([4, 8, 13]) | na.prefix(2),
    "of another kind": Odd(),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask(name):
    whole = np.broadcast_to(MASKS[name].array(L, S, heads=True), REGION.whole)[REGION.slices]
    own = mask_in(MASKS[name], REGION).array(*REGION.shape[-2:], heads=True)
    assert (np.broadcast_to(own, REGION.shape) == whole).all()


def test_a_mask_without_heads():
    region = Region((slice(4, 9), slice(3, 10)), (L, S))
    mask = na.causal("bottom_right") & na.padding(8)
    assert (mask_in(mask, region).array(5, 7) == mask.array(L, S)[4:9, 3:10]).all()


@pytest.mark.parametrize("align", ["top_left", "bottom_right"])
def test_alibi(align):
    slopes = np.array([[0.5, 0.25]])
    whole = np.broadcast_to(na.alibi(slopes, align).array(L, S), REGION.whole)[REGION.slices]
    own = bias_in(na.alibi(slopes, align), REGION).of(slopes[:, 1:2])
    assert (own.array(5, 7) == whole[:1]).all()


def test_relative():
    table, buckets = RNG.standard_normal((H, 6)), RNG.integers(0, 6, (L, S))
    bias = na.relative(table, buckets)
    own = bias_in(bias, REGION).of(table[1:2])
    assert (own.array(5, 7) == bias.array(L, S)[1:2, 4:9, 3:10]).all()


def test_a_bias_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="bias is int; an array"):
        bias_in(3, REGION)


def test_dropout():
    dropout = na.dropout(7, 0.4)
    own = DropoutIn(dropout, REGION).tile(slice(1, 4), slice(0, 7), REGION.shape)
    assert (own == dropout.array(REGION.whole)[REGION.slices][..., 1:4, :]).all()


def test_dropout_without_heads():
    dropout, region = na.dropout(7, 0.4), Region((slice(4, 9), slice(3, 10)), (L, S))
    own = DropoutIn(dropout, region).tile(slice(0, 5), slice(0, 7), region.shape)
    assert (own == dropout.array((L, S))[4:9, 3:10]).all()
