"""Scores of heads: those of `functional/scores`, head by head."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.nn.scores import PAIRS, head_scores_backward, head_scores_forward, score_shapes

RNG = np.random.default_rng(0)
B, H, G, L, S, D = 2, 6, 3, 5, 7, 2
QUERY, KEY = RNG.standard_normal((B, H, L, D)), RNG.standard_normal((B, G, S, D))


@pytest.mark.parametrize("name", PAIRS)
def test_every_head_has_its_own_parameters_and_reads_its_groups_key(name):
    params = {n: RNG.standard_normal(shape) for n, shape in score_shapes(name, H, D).items()}
    scores, saved = head_scores_forward(name, params, QUERY, KEY)
    function = getattr(na, f"{name}_scores")
    for head in range(H):
        own = {n: p[head] if p.ndim else p for n, p in params.items()}
        key = KEY[:, head // 2]
        expected = (
            function(key, own["weight"])[:, None]
            if name == "location"
            else function(QUERY[:, head], key, **own)
        )
        np.testing.assert_allclose(
            scores[:, head], np.broadcast_to(expected, (B, L, S)), rtol=1e-12, atol=1e-13
        )
    d_query, d_key, d_params = head_scores_backward(scores, saved)
    assert (d_query.shape, d_key.shape) == (QUERY.shape, KEY.shape)
    assert {n: d.shape for n, d in d_params.items()} == {n: p.shape for n, p in params.items()}


def test_the_dot_product_has_no_parameters():
    assert score_shapes("dot", H, D) == {}
