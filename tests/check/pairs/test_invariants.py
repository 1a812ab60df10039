"""invariants: every breach of the contract of a pair is detected."""

from typing import Any

import numpy as np

import numpy_attention as na
from tests.support.small_pair import Gradients, X, Y, backward, failing, forward


def test_changing_an_argument_or_cotangent_is_detected() -> None:
    def eats(d_out: Any, saved: Any) -> Gradients:
        d_out *= 1.5
        return backward(d_out / 1.5, saved)

    def spoils(x: Any, y: Any) -> Any:
        result = forward(x.copy(), y.copy())
        x *= 1.5
        return result

    assert any("arguments unchanged" in name for name in failing(forward, eats))
    assert any("arguments unchanged" in name for name in failing(spoils, backward))


def test_a_second_call_that_differs_is_detected() -> None:
    calls: list[int] = []

    def drifts(d_out: Any, saved: Any) -> Gradients:
        calls.append(0)
        return Gradients(*(g * (1 + 1e-13 * len(calls)) for g in backward(d_out, saved)))

    assert any("same bits" in name for name in failing(forward, drifts))


def test_shared_memory_is_detected() -> None:
    kept = {}

    def keeps(x: Any, y: Any) -> Any:
        kept["out"] = x * x * y
        return x[:], (x, y)

    assert any("no memory shared" in name for name in failing(keeps, lambda d, s: Gradients(d, 0 * s[1])))


def test_nonlinearity_in_the_cotangent_is_detected() -> None:
    def clipped(d_out: Any, saved: Any) -> Gradients:
        return Gradients(*(np.where(np.abs(g) < 10, g, 10) for g in backward(3 * d_out, saved)))

    assert any("linear in the cotangent" in name for name in failing(forward, clipped))


def test_promotion_is_detected() -> None:
    def promotes(d_out: Any, saved: Any) -> Gradients:
        x, y = saved
        return Gradients(np.float64(2) * d_out * x * y, d_out * x * x)

    report = na.check_vjp(forward, promotes, (X, Y))
    assert any("float64" in finding.where for finding in report.failures)


def test_promoting_the_output_is_detected() -> None:
    report = na.check_vjp(lambda x: (np.float64(0.5) * x, x), lambda d, x: 0.5 * d, (X,))
    assert {finding.gradient for finding in report.failures} == {"out"}


def test_dependence_on_memory_layout_is_detected() -> None:
    def by_memory(x: Any, y: Any) -> Any:
        return np.ravel(x, order="K").reshape(x.shape) ** 2 * y, (x, y)

    assert any("memory layout" in name for name in failing(by_memory, backward))


def test_conjugating_the_cotangent_is_detected() -> None:
    def conjugates(d_out: Any, saved: Any) -> Gradients:
        return backward(np.conj(d_out), saved)

    assert any("no conjugation" in name for name in failing(forward, conjugates))


def test_a_fault_at_length_one_or_none_is_detected() -> None:
    def squeezes(d_out: Any, saved: Any) -> Gradients:
        right = backward(d_out, saved)
        return right._replace(d_y=2 * right.d_y) if d_out.shape[0] == 1 else right

    def fails(d_out: Any, saved: Any) -> Gradients:
        d_out.max()  # of nothing
        return backward(d_out, saved)

    assert any("lengths 0 and 1" in name for name in failing(forward, squeezes))
    assert any("lengths 0 and 1" in name for name in failing(forward, fails))
