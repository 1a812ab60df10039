"""The learned temperature, and its gradients by the complex step."""

import numpy as np
import pytest

from numpy_attention.nn.temperature import temperature_backward, temperature_forward

STEP = 1e-100


def test_scores_are_divided_by_the_temperature_of_their_head():
    scores, logs = np.random.default_rng(71).normal(size=(5, 3, 2, 7)), np.log([0.5, 1.0, 4.0])
    tempered, _ = temperature_forward(scores, logs)
    np.testing.assert_allclose(tempered, scores / np.array([0.5, 1.0, 4.0])[:, None, None], rtol=1e-14)


def test_backward_is_the_complex_step_of_forward():
    rng = np.random.default_rng(71)
    scores, logs, d = rng.normal(size=(67, 3, 2, 7)), rng.normal(size=3), rng.normal(size=(67, 3, 2, 7))
    d_scores, d_logs = temperature_backward(d, temperature_forward(scores, logs)[1])
    for head in range(3):
        moved = logs.astype(complex)
        moved[head] += STEP * 1j
        expected = (d * temperature_forward(scores, moved)[0]).sum().imag / STEP
        assert d_logs[head] == pytest.approx(expected, rel=1e-12)
    direction = rng.normal(size=scores.shape)
    expected = (d * temperature_forward(scores + STEP * 1j * direction, logs)[0]).sum().imag / STEP
    assert (d_scores * direction).sum() == pytest.approx(expected, rel=1e-12)
