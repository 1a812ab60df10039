"""Bounds cover what float32 really does, and derivatives are those of the chain rule."""

import numpy as np
import pytest

from numpy_attention.check.outside.running import Running, beside, gradients, stacked
from numpy_attention.check.rounding.error_analysis import Bounded
from numpy_attention.check.rounding.formats import ARITHMETICS

X = np.random.default_rng(0).uniform(0.25, 3.0, (4, 33)).astype(np.float32)
EXACT = X.astype(float)


def running(x):
    return Running(Bounded(np.array(x, float), np.zeros(np.shape(x))), ARITHMETICS["float32"])


FUNCTIONS = {
    "exp": (lambda r: r.exp(), np.exp),
    "log": (lambda r: r.log(), np.log),
    "tanh": (lambda r: r.tanh(), np.tanh),
    "sigmoid": (lambda r: r.sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
    "softplus": (lambda r: r.softplus(), lambda x: np.log1p(np.exp(x))),
    "root": (lambda r: r.root(), np.sqrt),
    "inverse root": (lambda r: r.inverse_root(1e-3), lambda x: 1 / np.sqrt(x + x.dtype.type(1e-3))),
    "mean": (lambda r: r.mean(), lambda x: x.mean(-1, keepdims=True)),
    "sum": (lambda r: r.sum_all(), np.sum),
    "product": (lambda r: r @ r.transposed, lambda x: x @ x.T),
    "quotient": (lambda r: (1 - r) / (r + 2), lambda x: (1 - x) / (x + 2)),
    "variance": (lambda r: ((r - r.mean()) * (r - r.mean())).mean(), lambda x: x.var(-1, keepdims=True)),
    "softmax": (lambda r: r.softmax(), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    "lse": (lambda r: r.logsumexp(), lambda x: np.log(np.exp(x).sum(-1, keepdims=True))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bound_covers_float32_and_is_not_much_wider(name):
    formula, function = FUNCTIONS[name]
    of = formula(running(X)).of
    assert np.allclose(of.value, function(EXACT), rtol=1e-13)
    error = np.abs(function(X).astype(float) - function(EXACT))
    assert (error <= of.error).all()
    assert (of.error <= 1e-4 * np.abs(of.value)).all()


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "root"])
def test_derivative_is_the_slope(name):
    formula, function = FUNCTIONS[name]
    leaf = running(X)
    out = formula(leaf)
    d_out = np.random.default_rng(1).standard_normal(out.shape)
    (d_x,) = gradients([out], [d_out], [leaf])
    direction = np.random.default_rng(2).standard_normal(X.shape)
    ahead, behind = (function(EXACT + t * direction) for t in (1e-5, -1e-5))
    assert (d_x.value * direction).sum() == pytest.approx((d_out * (ahead - behind)).sum() / 2e-5, rel=1e-6)


def test_an_entry_read_twice_sums_both_derivatives():
    leaf = running([[1.0, 2.0], [3.0, 4.0]])
    (d_x,) = gradients([leaf[np.array([1, 1])]], [np.ones((2, 2))], [leaf])
    assert d_x.value.tolist() == [[0, 0], [2, 2]]
    assert (d_x.error[1] > 0).all()
    assert not d_x.error[0].any()


def test_kink_allows_any_derivative_and_floor_none():
    leaf = running([-1.0, 0.0, 2.0])
    (d_bent,) = gradients([leaf.bent(0.1)], [np.ones(3)], [leaf])
    assert np.isinf(d_bent.error[1])
    assert d_bent.error[[0, 2]].max() < 1e-6
    (d_floored,) = gradients([leaf.floored(-0.5)], [np.ones(3)], [leaf])
    assert d_floored.value.tolist() == [0, 1, 1]


def test_derivatives_of_two_outputs_are_added_and_columns_beside_each_other_are_kept_apart():
    first, second = running([[1.0, 2.0], [3.0, 4.0]]), running([5.0])
    columns = beside(first, second)
    assert columns.of.value.tolist() == [[1, 2, 5], [3, 4, 5]]
    d_first, d_second = gradients([columns, second], [np.ones((2, 3)), np.array([10.0])], [first, second])
    assert d_first.value.tolist() == [[1, 1], [1, 1]]
    assert d_second.value.tolist() == [12]


def test_what_is_masked_is_minus_infinity_and_has_no_derivative():
    leaf = running([[1.0, 2.0]])
    hidden = leaf.masked(np.array([[True, False], [False, False]]))
    assert hidden.of.value.tolist() == [[1, -np.inf], [-np.inf, -np.inf]]
    (d_x,) = gradients([hidden], [np.ones((2, 2))], [leaf])
    assert d_x.value.tolist() == [[1, 0]]


def test_stacked_rows_keep_their_errors():
    one = running([1.0, 3.0]) / 3
    assert stacked([one, one]).of.error.tolist() == [one.of.error.tolist()] * 2
