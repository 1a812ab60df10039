"""Cross-entropy; squared error is in `test_losses_squared_error.py`."""

import itertools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from numpy_attention.functional.losses.losses import (
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_forward,
)
from tests.support.complex_step import check_pair, close

CROSS_ENTROPY = (cross_entropy_forward, cross_entropy_backward)
REDUCTIONS = ("mean", "sum", "none")
DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


@pytest.fixture
def rng():
    return np.random.default_rng(13)


# ------------------------------------------------------------------------- cross-entropy, by hand


def test_by_hand():
    logits, targets = np.log([[1.0, 3.0], [4.0, 1.0]]), np.array([1, 1])
    losses = -np.log([3 / 4, 1 / 5])
    assert close(cross_entropy(logits, targets, reduction="none"), losses, rtol=1e-15)
    assert math.isclose(cross_entropy(logits, targets, reduction="sum"), losses.sum())
    assert math.isclose(cross_entropy(logits, targets), losses.mean())
    _, saved = cross_entropy_forward(logits, targets)
    expected = [[1 / 8, -1 / 8], [4 / 10, -4 / 10]]
    assert close(cross_entropy_backward(1.0, saved), expected, rtol=1e-15)
    assert saved.weights.shape == saved.distribution.shape == (2, 2)


def test_smoothing_by_hand():
    """C = 4, ε = 0.2: the distribution is (0.85, 0.05, 0.05, 0.05)."""
    logits = np.log([1.0, 2.0, 3.0, 4.0])
    out, saved = cross_entropy_forward(logits, 0, label_smoothing=0.2)
    wanted, weights = np.array([0.85, 0.05, 0.05, 0.05]), np.array([0.1, 0.2, 0.3, 0.4])
    assert math.isclose(out, -(wanted * np.log(weights)).sum(), rel_tol=1e-15)
    assert close(cross_entropy_backward(1.0, saved), weights - wanted, rtol=1e-15)
    assert close(saved.distribution, wanted, rtol=1e-15)


def test_lists_and_single_rows_are_accepted():
    assert math.isclose(cross_entropy([0, 0, 0], 2), math.log(3))
    assert cross_entropy([[1, 1]], [0], reduction="none").shape == (1,)
    assert isinstance(cross_entropy([0.0], 0), np.float64)
    assert str(cross_entropy([7.0], 0)) == "0.0"  # not -0.0
    assert str(cross_entropy([[7.0]], [0], reduction="none")) == "[0.]"
    assert str(cross_entropy([0, 800], 1)) == "0.0"


# ---------------------------------------------------------------------- cross-entropy, gradients


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0, 0.1, 1])
@pytest.mark.parametrize("ignore", [None, -100, 2])
@pytest.mark.parametrize("shape", [(7,), (3, 7), (2, 3, 5)], ids=str)
def test_gradients(reduction, smoothing, ignore, shape, rng):
    targets = rng.integers(shape[-1], size=shape[:-1])
    if ignore is not None:
        targets = np.where(rng.random(shape[:-1]) < 0.4, ignore, targets)
    options = dict(ignore_index=ignore, label_smoothing=smoothing, reduction=reduction)
    check_pair(*CROSS_ENTROPY, rng.standard_normal(shape), data=(targets,), **options)


@pytest.mark.parametrize("size", [1e-8, 30.0, 1e4])
@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_gradients_of_all_sizes(size, smoothing, rng):
    logits, targets = size * rng.standard_normal((3, 7)), np.array([0, 6, 2])
    if size == 1e4:  # where a quotient of differences sees nothing
        _, saved = cross_entropy_forward(logits, targets, label_smoothing=smoothing)
        d = cross_entropy_backward(1.0, saved)
        step = logits + 1e-100j * (direction := rng.standard_normal((3, 7)))
        change = cross_entropy(step, targets, label_smoothing=smoothing).imag / 1e-100
        assert math.isclose(change, (d * direction).sum(), rel_tol=1e-12)
    else:
        check_pair(*CROSS_ENTROPY, logits, data=(targets,), label_smoothing=smoothing)


@pytest.mark.parametrize("smoothing", [0.0, 1e-12, 0.1])
@pytest.mark.parametrize("lead", [-40.0, -1.0, 0.0, 0.5, 20.0, 36.0, 50.0, 700.0])
def test_digits_of_a_confident_prediction(lead, smoothing):
    """Against 60 digits: the target's logit leads by `lead`."""
    logits = np.array([0.25, lead, -0.75])
    out, saved = cross_entropy_forward(logits, 1, label_smoothing=smoothing)
    d = cross_entropy_backward(1.0, saved)
    with localcontext() as context:
        context.prec = 400
        exponentials = [Decimal(x).exp() for x in logits.tolist()]
        weights = [e / sum(exponentials) for e in exponentials]
        share = Decimal(smoothing) / 3
        wanted = [share, 1 - Decimal(smoothing) + share, share]
        loss = -sum(w * p.ln() for w, p in zip(wanted, weights, strict=True))
        right = [float(p - w) for p, w in zip(weights, wanted, strict=True)]
        summands = [max(abs(float(p)), abs(float(w))) for p, w in zip(weights, wanted, strict=True)]
    assert math.isclose(out, float(loss), rel_tol=2e-15)
    others = summands[0] + summands[2]
    for entry, exact, allowed in zip(d, right, (summands[0], others, summands[2]), strict=True):
        assert abs(entry - exact) <= 1e-15 * min(allowed, 2) + 1e-15 * abs(exact)


def test_rows_of_the_gradient_sum_to_0(rng):
    logits, targets = 20 * rng.standard_normal((11, 7)), rng.integers(7, size=11)
    for smoothing in (0, 0.3):
        _, saved = cross_entropy_forward(logits, targets, label_smoothing=smoothing)
        d = cross_entropy_backward(1.0, saved)
        assert np.abs(d.sum(-1)).max() <= 1e-16


# ------------------------------------------------------------------- cross-entropy, hard points


def test_ignored_targets_have_no_influence(rng):
    logits, targets = rng.standard_normal((5, 3)), np.array([0, -1, 2, -1, 1])
    for smoothing, reduction in itertools.product((0, 0.2), REDUCTIONS):
        options = dict(label_smoothing=smoothing, reduction=reduction)
        out, saved = cross_entropy_forward(logits, targets, ignore_index=-1, **options)
        spoiled = logits.copy()
        spoiled[1], spoiled[3] = np.nan, np.inf
        again, saved_again = cross_entropy_forward(spoiled, targets, ignore_index=-1, **options)
        assert out.tobytes() == again.tobytes()
        d_out = rng.standard_normal(np.shape(out))
        d = cross_entropy_backward(d_out, saved)
        assert d.tobytes() == cross_entropy_backward(d_out, saved_again).tobytes()
        assert not d[[1, 3]].any()
        kept = cross_entropy(logits[[0, 2, 4]], targets[[0, 2, 4]], **options)
        assert close(out if reduction != "none" else out[[0, 2, 4]], kept, rtol=1e-15)


@pytest.mark.parametrize("logits, targets", [((2, 3), [9, 9]), ((0, 3), []), ((0, 0), []), ((2, 0), [9, 9])])
def test_the_mean_of_nothing_is_0(logits, targets):
    with np.errstate(all="raise"):
        out, saved = cross_entropy_forward(np.zeros(logits), targets, ignore_index=9)
        d = cross_entropy_backward(1.0, saved)
    assert str(out) == "0.0"
    assert d.shape == logits
    assert not d.any()


def test_logits_of_minus_infinity():
    """A logit of -inf takes no part, unless it is wanted: then the loss is inf, its slope that of PyTorch."""
    logits = np.array([[0.0, -np.inf, 0.0], [0.0, -np.inf, 0.0], [-np.inf] * 3])
    with np.errstate(all="raise"):
        out, saved = cross_entropy_forward(logits, [0, 1, 1], reduction="none")
        d = cross_entropy_backward(np.ones(3), saved)
        smoothed = cross_entropy(logits, [0, 1, 1], label_smoothing=0.1, reduction="none")
    assert out.tolist() == [math.log(2), np.inf, np.inf]
    assert d.tolist() == [[-0.5, 0, 0.5], [0.5, -1, 0.5], [0, -1, 0]]
    assert smoothed.tolist() == [np.inf] * 3


def test_nan_and_inf_show():
    out = cross_entropy([[np.nan, 0], [np.inf, 0], [0, 0]], [0, 0, 0], reduction="none")
    assert np.isnan(out).tolist() == [True, True, False]


# ------------------------------------------------------------------------- cross-entropy, dtypes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dtypes(dtype, reduction, rng):
    logits = rng.standard_normal((5, 3)).astype(dtype)
    for kind in ("int8", "uint16", "int64"):
        targets = np.array([0, 1, 2, 1, 0], dtype=kind)
        out, saved = cross_entropy_forward(
            logits, targets, label_smoothing=np.float64(0.1), reduction=reduction
        )
        assert out.dtype == dtype
        assert cross_entropy_backward(np.ones(np.shape(out)), saved).dtype == dtype
        assert saved.weights.dtype == np.result_type(dtype, np.float32)
        assert saved.distribution.dtype == saved.weights.real.dtype


def test_a_mean_in_float16_does_not_overflow():
    logits = np.tile(np.array([0, 60_000], dtype=np.float16), (1000, 1))
    assert cross_entropy(logits, np.zeros(1000, int)) == np.float16(60_000)
    assert cross_entropy(logits, np.zeros(1000, int), reduction="sum") == np.inf


def test_layouts(rng):
    logits, targets = rng.standard_normal((5, 3)), rng.integers(3, size=(2, 5))[0]
    out, saved = cross_entropy_forward(logits, targets)
    for layout in (np.asfortranarray, lambda x: x[::-1].copy()[::-1]):
        again, saved_again = cross_entropy_forward(layout(logits), layout(targets))
        assert math.isclose(out, again, rel_tol=1e-15)
        d = cross_entropy_backward(1.0, saved)
        assert close(cross_entropy_backward(1.0, saved_again), d, rtol=1e-14)


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda: cross_entropy(1.0, 0), ValueError, r"logits has shape \(\); at least 1 axes"),
        (lambda: cross_entropy([[0, 0]], [0.0]), TypeError, "targets has dtype float64; whole"),
        (lambda: cross_entropy([[0, 0]], [True]), TypeError, "targets has dtype bool; whole"),
        (
            lambda: cross_entropy([[0, 0]], [2]),
            ValueError,
            r"targets holds 2; a class in \[0, 2\), the last axis of logits, is expected",
        ),
        (lambda: cross_entropy([[0, 0]], [-1]), ValueError, r"targets holds -1; a class in \[0, 2\)"),
        (lambda: cross_entropy([0, 0], 7), ValueError, "targets holds 7; a class"),
        (lambda: cross_entropy([[0, 0]], [5], ignore_index=-5), ValueError, "targets holds 5"),
        (
            lambda: cross_entropy([[0, 0]], [[0]]),
            ValueError,
            r"targets has shape \(1, 1\); that of logits without its last axis, \(1,\), is expected",
        ),
        (lambda: cross_entropy([[0, 0]], [0], ignore_index=0.5), TypeError, "ignore_index has dtype"),
        (
            lambda: cross_entropy([[0, 0]], [0], ignore_index=[0]),
            TypeError,
            r"ignore_index is \[0\]; one whole number is expected",
        ),
        (
            lambda: cross_entropy([[0, 0]], [0], label_smoothing=1.5),
            ValueError,
            r"label_smoothing is 1.5; a number in \[0, 1\] is expected",
        ),
        (
            lambda: cross_entropy([[0, 0]], [0], label_smoothing=-0.1),
            ValueError,
            "label_smoothing is -0.1",
        ),
        (
            lambda: cross_entropy([[0, 0]], [0], label_smoothing=np.nan),
            ValueError,
            "label_smoothing is nan; a finite number",
        ),
        (
            lambda: cross_entropy([[0, 0]], [0], label_smoothing="a"),
            TypeError,
            "label_smoothing is str",
        ),
        (
            lambda: cross_entropy([[0, 0]], [0], reduction="average"),
            ValueError,
            "reduction is 'average'; one of 'mean', 'sum', 'none' is expected",
        ),
        (
            lambda: cross_entropy_forward(np.zeros((2, 2), int), [0, 0]),
            TypeError,
            "logits has dtype int64; float16",
        ),
    ],
)
def test_errors(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


def test_a_cotangent_of_another_shape():
    _, saved = cross_entropy_forward(np.array([[0.0, 0.0]]), [0])
    with pytest.raises(ValueError, match=r"d_out has shape \(1,\); that of the output, \(\)"):
        cross_entropy_backward(np.ones(1), saved)


# ------------------------------------------------------------------------------- against torch


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignore", [None, -100, 2])
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_cross_entropy_against_torch(peer, reduction, smoothing, ignore, size, rng):
    torch = peer("torch")
    logits, targets = size * rng.standard_normal((11, 5)), rng.integers(5, size=11)
    if ignore == -100:
        targets[::3] = ignore
    options = dict(label_smoothing=smoothing, reduction=reduction)
    out, saved = cross_entropy_forward(logits, targets, ignore_index=ignore, **options)
    theirs = torch.tensor(logits, requires_grad=True)
    their_out = torch.nn.functional.cross_entropy(
        theirs, torch.tensor(targets), ignore_index=-1 if ignore is None else ignore, **options
    )
    d_out = rng.standard_normal(np.shape(out))
    their_out.backward(torch.tensor(d_out))
    assert close(out, their_out.detach(), rtol=1e-13, atol=1e-13)
    d = cross_entropy_backward(d_out, saved)
    assert close(d, theirs.grad, rtol=1e-12, atol=1e-14)


def test_ruled_out_classes_against_torch(peer):
    torch = peer("torch")
    logits = np.array([[0.0, -np.inf, 1.0], [0.5, -np.inf, 0.0]])
    theirs = torch.tensor(logits, requires_grad=True)
    torch.nn.functional.cross_entropy(theirs, torch.tensor([0, 1]), reduction="sum").backward()
    _, saved = cross_entropy_forward(logits, [0, 1], reduction="sum")
    assert close(cross_entropy_backward(1.0, saved), theirs.grad, rtol=1e-14)
