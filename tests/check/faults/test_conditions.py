"""Conditions on the options of a call, each on both sides of its edge."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.faults import conditions as c
from numpy_attention.check.reference.inputs import Inputs


def call(B, H, G, L, S, D, E):
    """A call of these lengths."""
    return Inputs(np.zeros((B, H, L, D)), np.zeros((B, G, S, D)), np.zeros((B, G, S, E)))


PLAIN = call(2, 6, 3, 5, 7, 4, 2)
ONE_KEY = call(1, 1, 1, 3, 1, 4, 2)
CAUSAL = PLAIN.replace(mask=na.causal("top_left"))
HIDDEN = np.where(np.arange(7) < 2, -np.inf, 0.0)


def identity(visible):
    return visible


@pytest.mark.parametrize(
    "condition, holds, fails",
    [
        (c.with_option("sinks"), PLAIN.replace(sinks=np.zeros(6)), PLAIN.replace(sinks=None)),
        (c.has_choice, PLAIN, ONE_KEY),
        (c.has_choice, ONE_KEY.replace(sinks=np.zeros(1)), PLAIN.replace(mask=na.window(0, 0, "top_left"))),
        (c.mask_hides, CAUSAL, PLAIN.replace(mask=na.window(None, None, "top_left"))),
        (c.mask_hides, CAUSAL.replace(bias=HIDDEN), PLAIN.replace(bias=HIDDEN)),
        (c.has_grouped_heads, PLAIN, ONE_KEY),
        (c.is_broadcast("bias"), PLAIN.replace(bias=HIDDEN), PLAIN.replace(bias=np.zeros((2, 6, 5, 7)))),
        (c.is_square, call(1, 2, 2, 5, 5, 4, 2), call(1, 4, 2, 5, 5, 4, 2)),
        (c.mask_differs(np.logical_not), CAUSAL, PLAIN),
        (c.mask_differs(np.logical_not), CAUSAL, CAUSAL.replace(bias=np.full(7, -np.inf))),
        (c.with_visible_keys(c.everywhere), PLAIN, PLAIN.replace(mask=na.padding([0, 0]))),
        (c.with_visible_keys(c.everywhere), PLAIN, call(1, 1, 1, 0, 3, 4, 2)),
    ],
)
def test_a_condition_holds_and_fails(condition, holds, fails):
    assert condition(holds)
    assert not condition(fails)


def test_a_mask_that_does_not_change_does_not_differ():
    assert not c.mask_differs(identity)(CAUSAL)


def test_visible_pairs_are_those_of_mask_and_bias():
    both = CAUSAL.replace(bias=HIDDEN)
    expected = np.tri(5, 7, dtype=bool) & (np.arange(7) >= 2)
    np.testing.assert_array_equal(np.squeeze(c.visible_of(both)), expected)
    np.testing.assert_array_equal(np.ravel(c.visible_key_counts(both)), (0, 0, 1, 2, 3))
    assert c.visible_of(PLAIN) is None


def test_an_option_has_two_axes_at_least():
    assert c.array_of(PLAIN.replace(bias=HIDDEN), "bias").shape == (1, 7)
    assert c.array_of(PLAIN.replace(bias=na.alibi(np.ones(6), align="top_left")), "bias").shape == (6, 5, 7)
    assert c.array_of(PLAIN, "bias") is None


def test_a_description_joins_those_of_its_parts():
    condition = c.all_of(c.has_choice, c.with_option("softcap"))
    assert (
        c.describe(condition) == "where a row sees two keys, or a key and a sink; where softcap is not None"
    )
    assert condition(PLAIN.replace(softcap=1.0))
    assert not condition(ONE_KEY.replace(softcap=1.0))
