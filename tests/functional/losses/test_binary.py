"""Binary cross-entropy, of probabilities and of logits."""

import math

import numpy as np
import pytest

from numpy_attention.functional.losses.binary import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_forward,
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    binary_cross_entropy_with_logits_forward,
)
from tests.support.judges import close

TINY = math.exp(-101)  # its logarithm is below the floor


@pytest.fixture
def rng():
    return np.random.default_rng(17)


def slope(p, t):
    _, saved = binary_cross_entropy_forward(np.float64(p), t)
    return float(binary_cross_entropy_backward(1.0, saved))


# ---------------------------------------------------------------------------- values by hand


def test_probabilities_by_hand():
    p, t = np.array([0.5, 0.75, 0.25]), np.array([1, 0, 1])
    losses = np.log([2.0, 4.0, 4.0])
    assert close(binary_cross_entropy(p, t, reduction="none"), losses, rtol=1e-15)
    assert math.isclose(binary_cross_entropy(p, t, reduction="sum"), math.log(32))
    out, saved = binary_cross_entropy_forward(p, t)
    assert math.isclose(out, math.log(32) / 3)
    assert close(binary_cross_entropy_backward(3.0, saved), [-2, 4, -4], rtol=1e-15)
    assert math.isclose(binary_cross_entropy(0.25, 0.5), 0.5 * math.log(4) + 0.5 * math.log(4 / 3))
    out = binary_cross_entropy([0, 1], [False, True], reduction="none")
    assert str(out) == "[0. 0.]"  # not -0.0
    assert slope(0.5, 0.5) == 0
    assert slope(0.25, 1) == -4


def test_logits_by_hand():
    out = binary_cross_entropy_with_logits([0, math.log(3)], [1, 0], reduction="none")
    assert close(out, [math.log(2), math.log(4)], rtol=1e-15)
    _, saved = binary_cross_entropy_with_logits_forward(np.array([0.0, math.log(3)]), [1, 0])
    d = binary_cross_entropy_with_logits_backward(2.0, saved)
    assert close(d, [-0.5, 0.75], rtol=1e-15)
    assert binary_cross_entropy_with_logits(0.0, 0.5) == math.log(2)


# ---------------------------------------------------------------------------- floor and digits


@pytest.mark.parametrize("t", [0.0, 1.0, 0.3])
@pytest.mark.parametrize(
    "p", [0.0, 5e-324, TINY, 1e-43, 1e-20, 1e-8, 0.5, 1 - 1e-3, 1 - 1e-8, 1 - 2**-53, 1.0]
)
def test_the_floored_function_is_the_one_differentiated(p, t):
    """The complex step through the forward itself, at the edges too."""
    step = 1e-100 if p == 0 or p > 1e-50 else 1e-300 if p > 1e-300 else 0
    if step:
        change = binary_cross_entropy(p + 1j * step, t).imag / step
        assert math.isclose(slope(p, t), change, rel_tol=1e-13, abs_tol=1e-300)
    assert math.isfinite(slope(p, t))


def test_the_floor_by_hand():
    with np.errstate(all="raise"):
        assert binary_cross_entropy([0, 1, TINY], [1, 0, 1], reduction="none").tolist() == [100] * 3
        assert (slope(0, 1), slope(1, 0), slope(TINY, 1)) == (0, 0, 0)  # flat
        assert (slope(0, 0), slope(1, 1)) == (1, -1)  # of the other logarithm
        assert slope(TINY, 0.25) == 0.75
        assert slope(math.exp(-99), 1) == -math.exp(99)
    assert binary_cross_entropy(0.0, 0.25) == 25


def test_digits_where_p_is_near_t():
    p = np.nextafter(0.3, 1)
    assert math.isclose(slope(p, 0.3), (p - 0.3) / (0.3 * 0.7), rel_tol=1e-14)


def test_digits_where_p_is_near_0_or_1():
    assert binary_cross_entropy(1e-20, 0) == 1e-20
    assert math.isclose(binary_cross_entropy(1 - 2**-53, 1), 2**-53, rel_tol=1e-15)
    assert math.isclose(binary_cross_entropy(1 - 1e-10 + 0j, 0).real, math.log(1e10), rel_tol=1e-8)


def test_infinite_logits():
    with np.errstate(all="raise"):
        out, saved = binary_cross_entropy_with_logits_forward(
            np.array([np.inf, -np.inf, np.inf, -np.inf]), [1, 0, 0, 1], reduction="none"
        )
        d = binary_cross_entropy_with_logits_backward(np.ones(4), saved)
    assert out.tolist() == [0, 0, np.inf, np.inf]
    assert d.tolist() == [0, 0, 1, -1]
    assert np.isnan(binary_cross_entropy_with_logits(np.nan, 1))


def test_logits_and_probabilities_agree(rng):
    z, t = 3 * rng.standard_normal(11), rng.random(11)
    p = 1 / (1 + np.exp(-z))
    assert math.isclose(binary_cross_entropy(p, t), binary_cross_entropy_with_logits(z, t), rel_tol=1e-13)


def test_pos_weight_weighs_what_is_yes(rng):
    z, t, weight = 9 * rng.standard_normal((3, 5)), rng.uniform(size=(3, 5)), rng.uniform(0, 4, 5)
    with np.errstate(all="raise"):
        out, saved = binary_cross_entropy_with_logits_forward(z, t, pos_weight=weight, reduction="none")
        d_z = binary_cross_entropy_with_logits_backward(np.ones(z.shape), saved)
    no, yes = (binary_cross_entropy_with_logits(z, np.full(z.shape, x), reduction="none") for x in (0, 1))
    sigma = 1 / (1 + np.exp(-z))
    assert close(out, (1 - t) * no + weight * t * yes, rtol=1e-14)
    assert close(d_z, (1 - t) * sigma - weight * t * (1 - sigma), rtol=1e-12)
    far = binary_cross_entropy_with_logits(
        [np.inf, -1e4, -np.inf], [1, 1, 1], pos_weight=[2, 2, 0], reduction="none"
    )
    assert far.tolist() == [0, 2e4, 0]


@pytest.mark.parametrize(
    "weight, error, sentence",
    [
        ([1.0, -2.0], ValueError, "pos_weight holds -2.0; finite numbers >= 0 are expected"),
        (np.nan, ValueError, "pos_weight holds nan"),
        (
            [1, 2, 3],
            ValueError,
            r"pos_weight has shape \(3,\), which does not broadcast to the logits \(2,\)",
        ),
        (1j, TypeError, "pos_weight has dtype complex128; real numbers"),
    ],
)
def test_invalid_pos_weight(weight, error, sentence):
    with pytest.raises(error, match=sentence):
        binary_cross_entropy_with_logits([0.0, 0.0], [1, 0], pos_weight=weight)


def test_the_mean_of_nothing_is_0():
    with np.errstate(all="raise"):
        assert str(binary_cross_entropy(np.zeros((0, 3)), np.zeros((0, 3)))) == "0.0"
        assert str(binary_cross_entropy_with_logits([], [])) == "0.0"


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_with_logits])
@pytest.mark.parametrize(
    "targets, error, sentence",
    [
        ([0.5, 1.5], ValueError, r"targets holds 1.5; numbers in \[0, 1\] are expected"),
        ([0.5, -1], ValueError, r"targets holds -1.0; numbers in \[0, 1\]"),
        ([0.5, np.nan], ValueError, "targets holds nan; numbers"),
        ([1], ValueError, r"targets has shape \(1,\); that of (logits|probabilities), \(2,\), is"),
        (1, ValueError, r"targets has shape \(\)"),
        ([1j, 0], TypeError, "targets has dtype complex128; real numbers are expected"),
        (["0", "1"], TypeError, "targets is list"),
    ],
)
def test_invalid_targets(loss, targets, error, sentence):
    with pytest.raises(error, match=sentence):
        loss([0.5, 0.5], targets)


@pytest.mark.parametrize("p", [1.5, -1e-9, np.nan, np.inf, 1 + 1e-15])
def test_invalid_probabilities(p):
    with pytest.raises(ValueError, match=r"probabilities holds .*; numbers in \[0, 1\] are expected"):
        binary_cross_entropy([0.5, p], [0, 1])
    with pytest.raises(ValueError, match="probabilities holds"):
        binary_cross_entropy(p, 1)


@pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_with_logits])
def test_other_errors(loss):
    with pytest.raises(ValueError, match="reduction is 'max'; one of 'mean', 'sum', 'none'"):
        loss([0.5], [1], reduction="max")
    with pytest.raises(TypeError, match="has dtype bool; float16"):
        loss([True], [1])
