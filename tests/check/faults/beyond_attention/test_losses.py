"""Mistakes in cross-entropy, by hand: two rows of two equal logits."""

from math import log

import numpy as np
import pytest

from numpy_attention.check.faults import fault

LOGITS = np.zeros((2, 2))
COUNTED, IGNORED = np.array([0, 0]), np.array([0, 1])


def gradient(name, targets, **options):
    forward, backward = fault(name).pair
    return backward(1.0, forward(LOGITS, targets, **options)[1])


def is_active(name, targets, **options):
    return fault(name).active({"logits": LOGITS, "targets": targets, **options})


def test_ignored_targets_halve_the_mean():
    out, _ = fault("ignored-targets-counted").pair.forward(LOGITS, IGNORED, ignore_index=1)
    assert out == pytest.approx(log(2) / 2)


@pytest.mark.parametrize(
    "name, targets, options, d_logits",
    [
        ("ignored-targets-counted", IGNORED, {"ignore_index": 1}, [[-0.25, 0.25], [0, 0]]),
        ("ignored-targets-with-gradient", IGNORED, {"ignore_index": 1}, [[-0.5, 0.5], [0.5, 0.5]]),
        ("cross-entropy-not-averaged", COUNTED, {}, [[-0.5, 0.5], [-0.5, 0.5]]),
        ("cross-entropy-target-kept", COUNTED, {}, [[0.25, 0.25], [0.25, 0.25]]),
        ("label-smoothing-forgotten", COUNTED, {"label_smoothing": 0.5}, [[-0.25, 0.25], [-0.25, 0.25]]),
    ],
)
def test_gradient_by_hand(name, targets, options, d_logits):
    np.testing.assert_allclose(gradient(name, targets, **options), d_logits)
    assert is_active(name, targets, **options)


@pytest.mark.parametrize(
    "name, options",
    [
        ("ignored-targets-counted", {"ignore_index": 7}),
        ("ignored-targets-with-gradient", {"ignore_index": 7}),
        ("cross-entropy-not-averaged", {"reduction": "sum"}),
        ("label-smoothing-forgotten", {"label_smoothing": 0.0}),
    ],
)
def test_where_the_gradient_is_right(name, options):
    right = np.array([[-0.5, 0.5], [-0.5, 0.5]]) / (1 if options.get("reduction") == "sum" else 2)
    np.testing.assert_allclose(gradient(name, COUNTED, **options), right)
    assert not is_active(name, COUNTED, **options)
