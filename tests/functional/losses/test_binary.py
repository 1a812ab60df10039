"""Binary cross-entropy, of probabilities and of logits."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from numpy_attention.functional.layers.smooth import stable_softplus
from numpy_attention.functional.losses.binary import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_forward,
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    binary_cross_entropy_with_logits_forward,
)
from tests.support.complex_step import check_pair, close

PROBABILITIES = (binary_cross_entropy_forward, binary_cross_entropy_backward)
LOGITS = (binary_cross_entropy_with_logits_forward, binary_cross_entropy_with_logits_backward)
REDUCTIONS = ("mean", "sum", "none")
DTYPES = ("float16", "float32", "float64", "complex64", "complex128")
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


# ----------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (0,), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("hard", [True, False])
def test_gradients(reduction, shape, hard, rng):
    targets = rng.integers(2, size=shape) if hard else rng.random(shape)
    p, z = np.asarray(rng.uniform(0.05, 0.95, shape)), rng.standard_normal(shape)
    check_pair(*PROBABILITIES, p, data=(targets,), reduction=reduction)
    check_pair(*LOGITS, z, data=(targets,), reduction=reduction)


@pytest.mark.parametrize("size", [1e-8, 30.0])
def test_gradients_of_all_sizes(size, rng):
    for targets in (np.array([0, 1, 1, 0, 1]), rng.random(5)):
        check_pair(*LOGITS, size * rng.standard_normal(5), data=(targets,))


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


@pytest.mark.parametrize("z", [-1e4, -745.0, -50.0, -1.0, 0.0, 1e-9, 3.0, 36.0, 700.0, 1e4])
@pytest.mark.parametrize("t", [0.0, 0.25, 1.0])
def test_logits_against_many_digits(z, t):
    with np.errstate(all="raise"):
        out, saved = binary_cross_entropy_with_logits_forward(np.float64(z), t)
        d = binary_cross_entropy_with_logits_backward(1.0, saved)
    with localcontext() as context:
        context.prec = 700
        share = 1 / (1 + Decimal(-z).exp())
        rest = 1 / (1 + Decimal(z).exp())
        loss = -(Decimal(t) * share.ln() + (1 - Decimal(t)) * rest.ln())
        right = (1 - Decimal(t)) * share - Decimal(t) * rest
        summands = (1 - Decimal(t)) * share + Decimal(t) * rest
    assert math.isclose(out, float(loss), rel_tol=4e-16, abs_tol=5e-324)
    assert abs(float(d) - float(right)) <= 4e-16 * float(summands) + 5e-324


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


def test_softplus():
    z = np.array([-1e4, -40.0, 0.0, 40.0, 1e4])
    expected = [0, math.exp(-40), math.log(2), 40 + math.exp(-40), 1e4]
    assert close(stable_softplus(z), expected, rtol=1e-15, atol=0)


def test_the_mean_of_nothing_is_0():
    with np.errstate(all="raise"):
        assert str(binary_cross_entropy(np.zeros((0, 3)), np.zeros((0, 3)))) == "0.0"
        assert str(binary_cross_entropy_with_logits([], [])) == "0.0"


# -------------------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dtypes(dtype, reduction):
    x = np.array([0.25, 0.5, 0.75]).astype(dtype)
    for targets in ([True, False, True], [1, 0, 1], np.array([1.0, 0, 1])):
        for forward, backward in (PROBABILITIES, LOGITS):
            out, saved = forward(x, targets, reduction=reduction)
            assert out.dtype == dtype
            assert backward(np.ones(np.shape(out)), saved).dtype == dtype
            assert saved.targets.dtype == np.empty(0, np.result_type(dtype, np.float32)).real.dtype


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


def test_a_cotangent_of_another_shape():
    for forward, backward in (PROBABILITIES, LOGITS):
        _, saved = forward(np.array([0.5]), [1])
        with pytest.raises(ValueError, match=r"d_out has shape \(1,\); that of the output, \(\)"):
            backward(np.ones(1), saved)


# ------------------------------------------------------------------------------- against torch


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_against_torch(peer, reduction, rng):
    torch = peer("torch")
    functional = torch.nn.functional
    t = np.concatenate([rng.random(11), [0, 1, 0, 1]])
    p = np.concatenate([rng.random(11), [1e-5, 1e-5, 1 - 1e-5, 1 - 1e-5]])
    z = np.concatenate([9 * rng.standard_normal(11), [1e4, 1e4, -1e4, -1e4]])
    for (forward, backward), x, theirs in (
        (PROBABILITIES, p, functional.binary_cross_entropy),
        (LOGITS, z, functional.binary_cross_entropy_with_logits),
    ):
        out, saved = forward(x, t, reduction=reduction)
        tensor = torch.tensor(x, requires_grad=True)
        their_out = theirs(tensor, torch.tensor(t), reduction=reduction)
        d_out = rng.standard_normal(np.shape(out))
        their_out.backward(torch.tensor(d_out))
        assert close(out, their_out.detach(), rtol=1e-13, atol=1e-15)
        assert close(backward(d_out, saved), tensor.grad, rtol=1e-11, atol=1e-14)


def test_where_torch_differs(peer):
    """What the docstring says of PyTorch: the same floor, another derivative below 1e-12."""
    torch = peer("torch")
    p = torch.tensor([0.0, 1.0, 0.0, 1e-13], dtype=torch.float64, requires_grad=True)
    t = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    out = torch.nn.functional.binary_cross_entropy(p, t, reduction="none")
    out.sum().backward()
    ours = binary_cross_entropy(p.detach().numpy(), t.numpy(), reduction="none")
    assert close(ours, out.detach(), rtol=1e-15)
    assert close(p.grad, [-1e12, 1e12, 0, -1e12], rtol=1e-8)
    assert close([slope(0, 1), slope(1, 0), slope(0, 0), slope(1e-13, 1)], [0, 0, 1, -1e13])
