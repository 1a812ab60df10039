"""Mixed examples, and the loss that is shared between their labels."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.classification.evaluation import loss_forward
from numpy_attention.tasks.classification.mixing import mix, mixed_loss_backward, mixed_loss_forward


def some():
    rng = np.random.default_rng(97)
    return Examples(rng.normal(size=(41, 5, 3)), rng.integers(3, size=41).astype(float))


def test_every_example_keeps_the_larger_share():
    plain = some()
    both = mix(np.random.default_rng(0), plain, 0.4)
    assert ((both.share >= 0.5) & (both.share <= 1)).all()
    assert len(set(both.share)) == 41
    np.testing.assert_array_equal(both.y, plain.y)
    for x, first, share, other in zip(both.x, plain.x, both.share, both.other, strict=True):
        if share < 1:
            second = (x - share * first) / (1 - share)
            partner = np.abs(plain.x - second).max(axis=(1, 2)).argmin()
            np.testing.assert_allclose(plain.x[partner], second, atol=1e-6)
            assert plain.y[partner] == other


def test_the_best_predictions_leave_the_entropy_of_the_labels():
    batch = mix(np.random.default_rng(0), some(), 0.4)
    labels, rows = np.zeros((41, 3)), np.arange(41)
    labels[rows, batch.y.astype(int)] += batch.share
    labels[rows, batch.other.astype(int)] += 1 - batch.share
    logs = np.log(np.maximum(labels, np.finfo(float).tiny))
    best, _ = mixed_loss_forward(logs, batch)
    assert best == pytest.approx(-(labels * logs).sum(axis=1).mean(), rel=1e-12)
    assert best > 0.1


def test_the_loss_is_shared_between_the_labels():
    batch = mix(np.random.default_rng(0), some(), 0.4)
    logits = np.random.default_rng(101).normal(size=(41, 3))
    loss, saved = mixed_loss_forward(logits, batch)
    logs = na.log_softmax(logits)
    rows = np.arange(41)
    first, second = (logs[rows, y.astype(int)] for y in (batch.y, batch.other))
    assert loss == pytest.approx(-(batch.share * first + (1 - batch.share) * second).mean(), rel=1e-13)
    d_logits = mixed_loss_backward(saved)
    direction = np.random.default_rng(103).normal(size=(41, 3))
    step = 1e-6
    ahead, behind = (mixed_loss_forward(logits + by * direction, batch)[0] for by in (step, -step))
    assert (d_logits * direction).sum() == pytest.approx((ahead - behind) / (2 * step), rel=1e-7)


def test_a_share_of_1_gives_the_plain_loss():
    batch = some()._replace(other=np.zeros(41), share=np.ones(41))
    logits = np.random.default_rng(107).normal(size=(41, 3))
    assert mixed_loss_forward(logits, batch)[0] == pytest.approx(loss_forward(logits, batch.y)[0], rel=1e-14)


@pytest.mark.parametrize("dtype, error", [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_one_logit_has_the_loss_of_two_of_which_the_first_is_0(dtype, error):
    batch = mix(np.random.default_rng(0), some()._replace(y=np.arange(41) % 2 + 0.0), 0.4)
    one = np.random.default_rng(109).normal(size=41).astype(dtype)
    two = np.stack([np.zeros(41), one], axis=1)
    (loss, saved), (expected, both) = (mixed_loss_forward(logits, batch) for logits in (one, two))
    assert loss == pytest.approx(expected, rel=error)
    d_logits = mixed_loss_backward(saved)
    assert d_logits.dtype == dtype
    np.testing.assert_allclose(d_logits, mixed_loss_backward(both)[:, 1], rtol=10 * error, atol=error / 41)
