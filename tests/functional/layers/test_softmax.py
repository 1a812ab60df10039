"""softmax, log_softmax and logsumexp."""

import math

import numpy as np
import pytest

from numpy_attention.functional.base.stable import entry_at_peak
from numpy_attention.functional.layers.softmax import (
    log_softmax,
    log_softmax_backward,
    log_softmax_forward,
    log_weights,
    logsumexp,
    logsumexp_backward,
    logsumexp_forward,
    softmax,
    softmax_backward,
    softmax_forward,
)
from tests.support.judges import close

PAIRS = {
    "softmax": (softmax_forward, softmax_backward),
    "log_softmax": (log_softmax_forward, log_softmax_backward),
    "logsumexp": (logsumexp_forward, logsumexp_backward),
}
PLAIN = (softmax, log_softmax, logsumexp)
INF = np.inf


@pytest.fixture
def rng():
    return np.random.default_rng(29)


# --------------------------------------------------------------------------------- values by hand


def test_by_hand():
    e = math.e
    assert close(softmax([0, 1]), [1 / (1 + e), e / (1 + e)], rtol=1e-15)
    assert close(softmax(np.log([1, 2, 5])), [1 / 8, 2 / 8, 5 / 8], rtol=1e-15)
    assert close(log_softmax(np.log([1, 3])), np.log([1 / 4, 3 / 4]), rtol=1e-15)
    assert math.isclose(logsumexp(np.log([1, 3, 4])), math.log(8))
    assert softmax([5]).tolist() == [1]
    assert softmax([2, 2, 2, 2]).tolist() == [0.25] * 4
    _, saved = softmax_forward(np.log([1.0, 3.0]))
    assert close(softmax_backward(np.array([1.0, 0.0]), saved), [3 / 16, -3 / 16], rtol=1e-15)
    _, saved = log_softmax_forward(np.log([1.0, 3.0]))
    d = log_softmax_backward(np.array([1.0, 0.0]), saved)
    assert close(d, [3 / 4, -3 / 4], rtol=1e-15)
    _, saved = logsumexp_forward(np.log([1.0, 3.0]))
    assert close(logsumexp_backward(8.0, saved), [2, 6], rtol=1e-15)


def test_axis_by_hand():
    x = np.log([[1.0, 3.0], [4.0, 1.0]])
    assert close(softmax(x, axis=0), [[1 / 5, 3 / 4], [4 / 5, 1 / 4]], rtol=1e-15)
    assert close(logsumexp(x, axis=0), np.log([5, 4]), rtol=1e-15)
    assert close(logsumexp(x, axis=1), np.log([4, 5]), rtol=1e-15)


def test_one_entry_alone_has_no_slope():
    out, saved = softmax_forward(np.array([[3.0]]))
    assert softmax_backward(np.array([[7.0]]), saved) == 0
    out, saved = log_softmax_forward(np.array([[3.0]]))
    assert out == log_softmax_backward(np.array([[7.0]]), saved) == 0


# --------------------------------------------------------------------------------------- hard points


def test_no_overflow():
    with np.errstate(all="raise"):
        assert softmax([1e4, 1e4 + math.log(3)]).round(12).tolist() == [0.25, 0.75]
        assert softmax([-1e4, 1e308]).tolist() == [0, 1]
        assert logsumexp([1e308, 1e308]) == 1e308
        assert log_softmax([-1e4, 1e4]).tolist() == [-2e4, 0]


def test_entries_of_minus_infinity_take_no_part(rng):
    x = rng.standard_normal((3, 5))
    x[0, [1, 3]] = x[1] = -INF
    d_out = rng.standard_normal((3, 5))
    with np.errstate(all="raise"):
        weights, saved = softmax_forward(x)
        d_x = softmax_backward(d_out, saved)
        logs, log_saved = log_softmax_forward(x)
        d_logs = log_softmax_backward(d_out, log_saved)
        lse, lse_saved = logsumexp_forward(x)
        d_lse = logsumexp_backward(d_out[:, 0], lse_saved)
    kept = [0, 2, 4]
    assert close(weights[0, kept], softmax(x[0, kept]), rtol=1e-15)
    assert not weights[0, [1, 3]].any()
    assert not weights[1].any()
    assert lse[1] == -INF
    assert (logs[x == -INF] == -INF).all()
    for gradient in (d_x, d_logs, d_lse):
        assert np.isfinite(gradient).all()
        assert not gradient[x == -INF].any()
    _, alone = softmax_forward(x[0, kept])
    assert close(d_x[0, kept], softmax_backward(d_out[0, kept], alone), rtol=1e-13)
    _, alone = log_softmax_forward(x[0, kept])
    assert close(d_logs[0, kept], log_softmax_backward(d_out[0, kept], alone), rtol=1e-13)
    for name in PAIRS:  # and for complex numbers
        out, _ = PAIRS[name][0](x + 0j)
        assert not np.isnan(out).any()
        assert close(out.real[[0, 2]], PAIRS[name][0](x)[0][[0, 2]], rtol=1e-14)


def test_empty_rows():
    assert softmax(np.zeros((3, 0))).shape == log_softmax(np.zeros((3, 0))).shape == (3, 0)
    assert logsumexp(np.zeros((3, 0))).tolist() == [-INF] * 3
    assert logsumexp(np.zeros((0, 3))).shape == (0,)
    assert softmax(np.zeros((2, 0, 3)), axis=1).shape == (2, 0, 3)
    assert entry_at_peak(np.zeros((2, 0)), np.zeros((2, 0))).tolist() == [[0], [0]]


def test_nan_and_infinity_show_in_their_own_row():
    x = np.array([[np.nan, 0.0], [INF, 0.0], [0.0, 0.0]])
    for plain in PLAIN:
        out = plain(x)
        assert np.isnan(out[0]).all()
        assert np.isfinite(out[2]).all()
    assert np.isnan(softmax(x)[1, 0])
    assert logsumexp(x)[1] == INF


def test_hidden_entries_beside_nan_take_no_part_in_backward():
    """Whatever the cotangent is there, their gradient is 0, and other rows keep their bits."""
    x, d_out = np.array([[np.nan, 0.0, -INF], [1.0, 2.0, -INF], [0.0, 1.0, 2.0]]), np.ones((3, 3))
    d_out[:2, 2] = np.nan
    right = softmax_backward(np.ones(3), softmax_forward(x[2])[1])
    d_x = softmax_backward(d_out, softmax_forward(x)[1])
    assert np.isnan(d_x[0, :2]).all()
    assert d_x[:2, 2].tolist() == [0, 0]
    assert d_x[1].tolist() == [0, 0, 0]
    assert d_x[2].tobytes() == right.tobytes()


def test_a_constant_cotangent_has_gradient_0(rng):
    _, saved = softmax_forward(20 * rng.standard_normal((7, 5)))
    assert not softmax_backward(np.full((7, 5), 3.7), saved).any()  # not 1e-17: exactly


def test_shifts_change_nothing(rng):
    x = rng.standard_normal((3, 5))
    assert close(softmax(x + 512.0), softmax(x), rtol=1e-12)
    assert close(logsumexp(x + 512.0) - 512, logsumexp(x), rtol=1e-12)


def test_log_weights(rng):
    x = rng.standard_normal((3, 5))
    logs, weights = log_weights(x)
    assert close(logs, log_softmax(x), rtol=1e-15)
    assert close(np.exp(logs), weights, rtol=1e-14)
    assert not any(array.size for array in log_weights(np.zeros((3, 0))))


def test_float16_rows_that_would_overflow():
    x = np.zeros((1, 70_000), dtype=np.float16)  # the sum, 70,000, is inf in float16
    assert softmax(x).max() == np.float16(1 / 70_000)
    assert logsumexp(x) == np.float16(math.log(70_000))


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("plain", PLAIN)
@pytest.mark.parametrize(
    "x, axis, error, sentence",
    [
        (3.0, -1, ValueError, r"x has shape \(\); at least 1 axis is expected"),
        ([1, 2], 1, ValueError, "axis is 1; a whole number from -1 to 0 is expected"),
        ([1, 2], -2, ValueError, "axis is -2; a whole number"),
        ([1, 2], 0.5, TypeError, "axis has dtype float64; whole numbers"),
        ([1, 2], float("nan"), TypeError, "axis has dtype float64; whole numbers"),
        ([1, 2], (0,), TypeError, r"axis has shape \(1,\); one whole number"),
        ([1, 2], "last", TypeError, "axis is str"),
        ([1, 2], None, TypeError, "axis is NoneType"),
    ],
)
def test_errors(plain, x, axis, error, sentence):
    with pytest.raises(error, match=sentence):
        plain(x, axis)


def test_infinite_cotangent_of_logsumexp_leaves_minus_infinity_alone():
    """exp(-inf) has no share of the sum, whatever the cotangent."""
    x = np.array([[0.0, -np.inf, np.log(3)], [1.0, 1.0, 1.0]])
    _, saved = logsumexp_forward(x)
    d_x = logsumexp_backward(np.array([np.inf, 3.0]), saved)
    assert d_x[0].tolist() == [np.inf, 0, np.inf]
    np.testing.assert_allclose(d_x[1], 1, rtol=1e-15)
