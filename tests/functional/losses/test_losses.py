"""Cross-entropy."""

import itertools
import math

import numpy as np
import pytest

from numpy_attention.functional.losses.losses import (
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_forward,
)
from tests.support.judges import close

REDUCTIONS = ("mean", "sum", "none")


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


def test_rows_of_the_gradient_sum_to_0(rng):
    logits, targets = 20 * rng.standard_normal((11, 7)), rng.integers(7, size=11)
    for smoothing in (0, 0.3):
        _, saved = cross_entropy_forward(logits, targets, label_smoothing=smoothing)
        d = cross_entropy_backward(1.0, saved)
        assert np.abs(d.sum(-1)).max() <= 1e-16


# ----------------------------------------------------------------- distributions and class weights


def test_a_distribution_at_one_class_is_that_class(rng):
    logits, targets = 20 * rng.standard_normal((7, 5)), rng.integers(5, size=7)
    for options in ({}, {"label_smoothing": 0.3}, {"reduction": "none"}, {"reduction": "sum"}):
        out, saved = cross_entropy_forward(logits, targets, **options)
        soft, soft_saved = cross_entropy_forward(logits, np.eye(5)[targets], **options)
        d_out = rng.standard_normal(np.shape(out))
        d_logits, d_targets = cross_entropy_backward(d_out, soft_saved)
        assert close(out, soft, rtol=1e-15)
        assert close(d_logits, cross_entropy_backward(d_out, saved), rtol=1e-14)
        assert d_targets.shape == (7, 5)


def test_distributions_and_class_weights_by_hand():
    logits, losses = np.log([[1.0, 3.0], [4.0, 1.0]]), -np.log([[1 / 4, 3 / 4], [4 / 5, 1 / 5]])
    out, saved = cross_entropy_forward(logits, np.array([[0.5, 0.5], [0.25, 0.75]]), reduction="none")
    assert close(out, [losses[0].mean(), losses[1] @ [0.25, 0.75]], rtol=1e-15)
    assert close(cross_entropy_backward(np.ones(2), saved).d_targets, losses, rtol=1e-15)
    weighted = cross_entropy(logits, [1, 0], weight=[2, 3])
    assert math.isclose(weighted, (3 * losses[0, 1] + 2 * losses[1, 0]) / 5, rel_tol=1e-15)
    assert cross_entropy(logits, [1, 1], weight=[2, 0]) == 0  # PyTorch: NaN


def test_far_logits_and_classes_of_weight_0_stay_finite():
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, -np.inf, 1e4]])
    soft = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    with np.errstate(all="raise"):
        out, saved = cross_entropy_forward(logits, soft, reduction="none")
        d_logits, _ = cross_entropy_backward(np.ones(2), saved)
        ruled_out, saved = cross_entropy_forward(logits, [1, 1], weight=[1, 0, 1], reduction="none")
        d_ruled_out = cross_entropy_backward(np.ones(2), saved)
    assert out.tolist() == [1e4, 0]
    assert d_logits.tolist() == [[0.5, -0.5, 0], [0, 0, 0]]
    assert ruled_out.tolist() == [0, 0]
    assert not d_ruled_out.any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_mean_fits_where_the_sum_does_not(dtype):
    far = np.finfo(dtype).max / 4
    logits = np.tile(np.array([[far, -far]], dtype), (4096, 1))
    assert close(float(cross_entropy(logits, np.ones(4096, int))), 2 * float(far), rtol=1e-3)


# ------------------------------------------------------------------- cross-entropy, hard points


def test_ignored_targets_have_no_influence(rng):
    logits, targets = rng.standard_normal((5, 3)), np.array([0, -1, 2, -1, 1])
    for smoothing, weight, reduction in itertools.product((0, 0.2), (None, [3, 1, 0.5]), REDUCTIONS):
        options = dict(label_smoothing=smoothing, weight=weight, reduction=reduction)
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


def test_a_mean_in_float16_does_not_overflow():
    logits = np.tile(np.array([0, 60_000], dtype=np.float16), (1000, 1))
    assert cross_entropy(logits, np.zeros(1000, int)) == np.float16(60_000)
    assert cross_entropy(logits, np.zeros(1000, int), reduction="sum") == np.inf


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda: cross_entropy(1.0, 0), ValueError, r"logits has shape \(\); at least 1 axis"),
        (lambda: cross_entropy([[0, 0]], [0.0]), TypeError, "targets has dtype float64; whole"),
        (lambda: cross_entropy([[0, 0]], [True]), TypeError, "targets has dtype bool; whole"),
        (
            lambda: cross_entropy([[0, 0]], [[0.5, 0.5]], ignore_index=1),
            ValueError,
            "ignore_index is 1, but targets are distributions; give rows of zeros",
        ),
        (
            lambda: cross_entropy([[0, 0]], [[0.5, 1.5]]),
            ValueError,
            r"targets holds 1.5; numbers in \[0, 1\] are expected",
        ),
        (
            lambda: cross_entropy([[0, 0]], [1], weight=[1.0]),
            ValueError,
            r"weight has shape \(1,\); \(2,\), a number for each class, is expected",
        ),
        (
            lambda: cross_entropy([[0, 0]], [1], weight=[1, -2]),
            ValueError,
            "weight holds -2; finite numbers >= 0",
        ),
        (lambda: cross_entropy([[0, 0]], [1], weight=[1, np.inf]), ValueError, "weight holds inf; finite"),
        (
            lambda: cross_entropy([[0, 0]], [1], weight=[1, 1j]),
            TypeError,
            "weight has dtype complex128; real",
        ),
        (
            lambda: cross_entropy([[0, 0]], [2]),
            ValueError,
            r"targets holds 2; a class in \[0, 2\), the last axis of logits, is expected",
        ),
        (lambda: cross_entropy([[0, 0]], [-1]), ValueError, r"targets holds -1; a class in \[0, 2\)"),
        (lambda: cross_entropy([0, 0], 7), ValueError, "targets holds 7; a class"),
        (
            lambda: cross_entropy(np.eye(2), np.eye(2, dtype=int)),
            ValueError,
            r"write .astype\(float\)",
        ),
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
            r"ignore_index has shape \(1,\); one whole number is expected",
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


# ------------------------------------------------------------------------------- against torch


def test_ruled_out_classes_against_torch(peer):
    torch = peer("torch")
    logits = np.array([[0.0, -np.inf, 1.0], [0.5, -np.inf, 0.0]])
    theirs = torch.tensor(logits, requires_grad=True)
    torch.nn.functional.cross_entropy(theirs, torch.tensor([0, 1]), reduction="sum").backward()
    _, saved = cross_entropy_forward(logits, [0, 1], reduction="sum")
    assert close(cross_entropy_backward(1.0, saved), theirs.grad, rtol=1e-14)
