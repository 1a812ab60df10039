"""T5's buckets of distances."""

import math

import numpy as np
import pytest

from numpy_attention import nn


def published(distance, bidirectional, buckets, max_distance):
    """T5's code for one distance, key - query."""
    n, first = -distance, 0
    if bidirectional:
        buckets //= 2
        first, n = (buckets if n < 0 else 0), abs(n)
    n = max(n, 0)
    exact = buckets // 2
    if n < exact:
        return first + n
    large = exact + int(math.log(n / exact) / math.log(max_distance / exact) * (buckets - exact))
    return first + min(large, buckets - 1)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("buckets, max_distance", [(32, 128), (8, 20), (5, 7)])
def test_buckets_are_the_published_ones(bidirectional, buckets, max_distance):
    distances = np.arange(-300, 301)
    ours = nn.t5_buckets(distances, buckets, max_distance, bidirectional)
    assert ours.tolist() == [published(d, bidirectional, buckets, max_distance) for d in distances.tolist()]


def test_the_bias_is_looked_up_by_distance():
    layer = nn.MultiHeadAttention(6, 2, positions=nn.T5Buckets(2, buckets=8, max_distance=20))
    params = layer.init(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((1, 5, 6))
    _, plain = nn.MultiHeadAttention(6, 2).forward({n: p for n, p in params.items() if n != "positions"}, x)
    _, saved = layer.forward(params, x)
    added = saved.attention.attention.biased - plain.attention.attention.scores
    weight = params["positions"]["weight"]
    assert weight.shape == (8, 2)
    for query in range(5):
        for key in range(5):
            row = published(key - query, True, 8, 20)
            np.testing.assert_allclose(added[0, :, query, key], weight[row], rtol=1e-11, atol=1e-14)


def test_sizes_that_make_no_buckets():
    for options, message in (
        ({"buckets": 3}, "buckets holds 3; at least 4"),
        ({"max_distance": 8}, "max_distance is 8; more than 8"),
    ):
        with pytest.raises(ValueError, match=f"^T5Buckets: {message}"):
            nn.T5Buckets(2, **options)
