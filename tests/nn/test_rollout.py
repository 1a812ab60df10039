"""Rollout: its definition once more, values by hand, and what is refused."""

import numpy as np
import pytest

from numpy_attention.nn.rollout import relevance, rollout


def weights(seed, *shape):
    drawn = np.random.default_rng(seed).random(shape)
    return drawn / drawn.sum(axis=-1, keepdims=True)


def test_it_is_the_product_of_half_attention_half_identity_from_the_top_down():
    maps = [weights(seed, 2, 3, 5, 5) for seed in range(3)]
    first, second, third = ((one.mean(axis=1) + np.eye(5)) / 2 for one in maps)
    np.testing.assert_allclose(rollout(maps), third @ second @ first, rtol=1e-13)
    np.testing.assert_allclose(rollout(maps).sum(axis=-1), 1, rtol=1e-13)


def test_a_token_that_reads_another_which_read_a_third_has_a_quarter_of_it():
    one = np.eye(3)[None, [0, 0, 2]]  # the second reads the first
    two = np.eye(3)[None, [0, 1, 1]]  # then the third reads the second
    np.testing.assert_array_equal(rollout([one, two])[2], [0.25, 0.25, 0.5])


@pytest.mark.parametrize(
    "maps, told",
    [
        ([], "maps has 0 entries; the weights"),
        (
            [np.ones((2, 3, 3)), np.ones((2, 5, 5))],
            r"shapes \(2, 3, 3\) and \(2, 5, 5\); \(..., heads, T, T\)",
        ),
        ([np.ones((2, 3, 5))], "heads, T, T"),
    ],
)
def test_other_maps_are_refused(maps, told):
    with pytest.raises(ValueError, match=told):
        rollout(maps)


def test_relevance_adds_what_each_layer_draws_on_where_the_gradient_is_positive():
    maps, gradients = (
        [weights(seed, 3, 5, 5) for seed in (0, 1)],
        [weights(seed, 3, 5, 5) - 0.2 for seed in (2, 3)],
    )
    first, second = (np.where(g > 0, a * g, 0).mean(axis=0) for a, g in zip(maps, gradients, strict=True))
    expected = np.eye(5) + first + second @ (np.eye(5) + first)
    np.testing.assert_allclose(relevance(maps, gradients), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "maps, gradients, told",
    [
        ([], [], "maps has 0 entries"),
        ([np.ones((1, 2, 2))], [], "d_maps has 0 entries"),
        (
            [np.ones((1, 2, 2))],
            [np.ones((3, 2, 2))],
            r"d_maps has 1 gradients \(3, 2, 2\); 1 of \(1, 2, 2\), as maps",
        ),
    ],
)
def test_gradients_that_are_not_of_the_maps_are_refused(maps, gradients, told):
    with pytest.raises(ValueError, match=told):
        relevance(maps, gradients)
