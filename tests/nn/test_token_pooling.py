"""One vector from many: the first token, the mean of the real ones."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.nn.token_pooling import pool_backward, pool_forward, real_tokens

X = np.random.default_rng(0).standard_normal((3, 5, 2))


def test_the_first_token():
    out, saved = pool_forward("first", X, na.padding([5, 2, 1]))
    np.testing.assert_array_equal(out, X[:, 0])
    d_x = pool_backward(np.ones((3, 2)), saved)
    assert d_x[:, 0].all()
    assert not d_x[:, 1:].any()


def test_padding_is_not_in_the_mean():
    out, saved = pool_forward("mean", X, na.padding([5, 2, 0]))
    np.testing.assert_allclose(out, [X[0].mean(axis=0), X[1, :2].mean(axis=0), [0, 0]], rtol=1e-14)
    d_x = pool_backward(np.ones((3, 2)), saved)
    np.testing.assert_array_equal(d_x[:, :, 0], [[1 / 5] * 5, [1 / 2] * 2 + [0] * 3, [0] * 5])


def test_what_padding_holds_has_no_influence():
    spoiled = X.copy()
    spoiled[1, 2:] = np.nan
    mask = na.padding([5, 2, 5])
    expected = pool_forward("mean", X, mask)[0]
    np.testing.assert_array_equal(pool_forward("mean", spoiled, mask)[0], expected)


@pytest.mark.parametrize(
    "mask, expected",
    [
        (na.padding([2, 0, 3]), [[1, 1, 0], [0, 0, 0], [1, 1, 1]]),
        (na.causal() & na.padding([2, 1, 3]), [[1, 1, 0], [1, 0, 0], [1, 1, 1]]),
        (na.causal(), np.ones((3, 3))),
        (na.visible(np.arange(3) < 1), [[1, 0, 0]] * 3),
        (na.real_keys(np.eye(3, dtype=bool)), np.eye(3)),
    ],
)
def test_a_token_is_real_if_some_query_may_attend_to_it(mask, expected):
    np.testing.assert_array_equal(real_tokens(mask, X[:, :3]), np.array(expected, bool))


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"mask"):
        pool_forward("mean", X, na.padding([1, 2]))
