"""Projections to heads and back."""

import numpy as np

from numpy_attention.nn.heads import (
    join_heads,
    project_backward,
    project_forward,
    projections,
    split_heads,
)

RNG = np.random.default_rng(0)


def test_heads_stand_side_by_side():
    joined = np.arange(12).reshape(1, 2, 6)
    heads = split_heads(joined, 3)
    assert heads[0, 1].tolist() == [[2, 3], [8, 9]]
    np.testing.assert_array_equal(join_heads(heads), joined)
    np.testing.assert_array_equal(join_heads(heads, heads), np.concatenate([joined, joined], axis=-1))


def test_the_last_input_is_projected_by_all_rows_that_are_left():
    pieces = {n: [(p.source, p.rows, p.pieces) for p in projections(n, (4, 2, 2), False)] for n in (1, 2, 3)}
    assert pieces[1] == [(0, slice(0, 8), slice(0, 3))]
    assert pieces[2] == [(0, slice(0, 4), slice(0, 1)), (1, slice(4, 8), slice(1, 3))]
    assert [source for source, *_ in pieces[3]] == [0, 1, 2]
    assert [p.source for p in projections(2, (4, 2, 2), True)] == [0, 1, 1]


def test_an_input_used_twice_has_the_sum_of_its_gradients():
    params = {f"{n}_proj_weight": RNG.standard_normal((2, 3)) for n in "qkv"}
    x, plan = RNG.standard_normal((5, 3)), projections(1, (2, 2, 2), True)
    _, saved = project_forward(params, [x], plan)
    d = [RNG.standard_normal((5, 2)) for _ in range(3)]
    d_heads = [split_heads(each, 1) for each in d]
    (d_x, d_key, _), d_params = project_backward(d_heads, saved, plan)
    expected = sum(each @ weight for each, weight in zip(d, params.values(), strict=True))
    np.testing.assert_allclose(d_x, expected, rtol=1e-13)
    assert d_key is None
    assert list(d_params) == list(params)
