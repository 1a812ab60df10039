"""Step 0: query, key and value of tokens, in heads, and back."""

import re

import numpy as np
import pytest

from numpy_attention.study.defaults import KEY, TOKENS
from numpy_attention.study.projection import (
    build_projection,
    join_heads,
    project_backward,
    project_forward,
    split_heads,
)

X, MEMORY = np.array(TOKENS), np.array(KEY)


def test_heads_are_blocks_of_columns():
    rows = np.arange(12.0).reshape(2, 6)
    split = split_heads(rows, 3)
    assert split.shape == (3, 2, 2)
    np.testing.assert_array_equal(split[1], [[2, 3], [8, 9]])
    np.testing.assert_array_equal(join_heads(split), rows)
    assert split_heads(rows, None) is rows is join_heads(rows)


@pytest.mark.parametrize("memory", [None, MEMORY])
@pytest.mark.parametrize("heads, kv_heads", [(None, None), (4, 2)])
def test_query_key_and_value_are_products_with_the_matrices(memory, heads, kv_heads):
    projection = build_projection(X, memory, {}, heads, kv_heads)
    source = X if memory is None else memory
    made = project_forward(projection)
    for x, tokens, matrix in zip(made, (X, source, source), projection[2:5], strict=True):
        np.testing.assert_array_equal(join_heads(x), tokens @ matrix.T)
    assert made[0].shape == ((3, 2) if heads is None else (4, 3, 2))
    assert made[1].shape == ((len(source), 2) if heads is None else (2, len(source), 2))


@pytest.mark.parametrize("memory", [None, MEMORY])
@pytest.mark.parametrize("heads, kv_heads", [(None, None), (4, 2)])
def test_gradients_are_those_of_the_complex_step(memory, heads, kv_heads):
    projection = build_projection(X, memory, {}, heads, kv_heads)
    rng = np.random.default_rng(0)
    d_made = [rng.standard_normal(x.shape) for x in project_forward(projection)]
    gradients = project_backward(*d_made, projection)
    for name, x in projection._asdict().items():
        if not isinstance(x, np.ndarray):
            continue
        exact = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            shifted = x.astype(complex)
            shifted[index] += 1e-100j
            made = project_forward(projection._replace(**{name: shifted}))
            exact[index] = sum((d * y.imag).sum() for d, y in zip(d_made, made, strict=True)) / 1e-100
        np.testing.assert_allclose(getattr(gradients, f"d_{name}"), exact, rtol=0, atol=1e-13)


def test_d_x_is_the_sum_of_three():
    projection = build_projection(X, None, {}, 2, 1)
    g = project_backward(*(np.ones(x.shape) for x in project_forward(projection)), projection)
    np.testing.assert_array_equal(g.d_x, g.from_query + g.from_key + g.from_value)
    assert g.d_memory is None
    cross = build_projection(X, MEMORY, {}, 2, 1)
    g = project_backward(*(np.ones(x.shape) for x in project_forward(cross)), cross)
    np.testing.assert_array_equal(g.d_x, g.from_query)
    np.testing.assert_array_equal(g.d_memory, g.from_key + g.from_value)


def test_a_given_matrix_sets_the_width_of_a_head():
    assert project_forward(build_projection(X, None, {"W_Q": np.ones((6, 2))}, 2, None))[1].shape == (2, 3, 3)
    assert project_forward(build_projection(X, None, {"W_K": np.ones((3, 2))}, 2, 1))[0].shape == (2, 3, 3)


@pytest.mark.parametrize(
    "given, heads, kv_heads, message",
    [
        ({}, 9, None, "heads is 9; from 1 to 8 can be shown"),
        ({}, 0, None, "heads is 0; from 1 to 8"),
        ({}, 4, 3, "kv_heads is 3, which does not divide heads, 4"),
        ({}, None, 2, "kv_heads is 2 without heads"),
        ({"W_Q": np.ones((3, 2))}, 2, None, "W_Q has shape (3, 2); 2 columns"),
        ({"W_V": np.ones((2, 3))}, 2, None, "W_V has shape (2, 3); 2 columns"),
        ({"W_K": np.ones(2)}, None, None, "W_K has shape (2,); 2 columns"),
    ],
)
def test_what_does_not_fit_is_refused(given, heads, kv_heads, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build_projection(X, None, given, heads, kv_heads)


def test_tokens_that_are_no_rows_are_refused():
    with pytest.raises(ValueError, match=r"tokens has shape \(2,\); a row of numbers"):
        build_projection(np.ones(2), None, {}, None, None)
