"""check_vjp detects wrong derivatives and names the gradient."""

from typing import Any

import numpy as np
import pytest

import numpy_attention as na
from tests.support.small_pair import Gradients, X, Y, backward, failing, forward


@pytest.mark.parametrize("order", [1, 2])
def test_a_right_pair_passes(order: int) -> None:
    report = na.check_vjp(forward, backward, (X, Y), order=order)
    assert report.ok, str(report)
    assert report.worst.ratio <= 1
    assert {finding.gradient for finding in report.findings} >= {"d_x", "d_y"}


def test_arguments_by_name_and_gradients_as_a_dict_a_tuple_or_bare() -> None:
    assert na.check_vjp(forward, backward, (X,), {"y": Y}).ok
    assert na.check_vjp(forward, lambda d, saved: backward(d, saved)._asdict(), (X, Y)).ok
    assert na.check_vjp(forward, lambda d, saved: tuple(backward(d, saved)), (X, Y)).ok
    report = na.check_vjp(forward, lambda d, saved: backward(d, saved).d_x, (X, Y))
    assert report.ok
    assert report.constants == ("y",)


def test_a_factor_is_detected_in_its_gradient() -> None:
    def doubled(d_out: Any, saved: Any) -> Gradients:
        right = backward(d_out, saved)
        return right._replace(d_y=2 * right.d_y)

    assert all(name.startswith("d_y ") for name in failing(forward, doubled))


def test_one_wrong_element_is_detected() -> None:
    def one_wrong(d_out: Any, saved: Any) -> Gradients:
        right = backward(d_out, saved)
        right.d_x[1, 2] *= 1 + 1e-9
        return right

    report = na.check_vjp(forward, one_wrong, (X, Y))
    assert "(1, 2)" in "".join(finding.where for finding in report.failures)


def test_swapped_gradients_are_detected() -> None:
    def swapped(d_out: Any, saved: Any) -> Gradients:
        return Gradients(*reversed(backward(d_out, saved)))

    found = failing(forward, swapped)
    assert any(name.startswith("d_x derivative") for name in found)
    assert any(name.startswith("d_y derivative") for name in found)


def test_a_missing_gradient_and_one_of_no_argument_are_detected() -> None:
    assert any("d_y" in name for name in failing(forward, lambda d, s: backward(d, s)._replace(d_y=None)))
    odd = failing(forward, lambda d, s: {"d_x": backward(d, s).d_x, "d_z": d.copy()})
    assert "d_z is named after an argument" in odd


def test_dropping_the_imaginary_part_is_detected() -> None:
    def drops(x: Any, y: Any) -> Any:
        return np.abs(x) ** 2 * y, (x, y)

    def drops_back(d_out: Any, saved: Any) -> Gradients:
        x, y = saved
        return backward(d_out, (np.real(x) + 0 * x, y))

    assert any("derivative of forward" in name for name in failing(drops, backward))
    second = failing(forward, drops_back, order=2)
    assert "all second order is symmetric" in second or any("second order" in name for name in second)


def refuses(x: Any, y: Any) -> Any:
    if np.iscomplexobj(x) or np.iscomplexobj(y):
        raise TypeError("real arrays only")
    return forward(x, y)


def keeps_the_real_part(x: Any, y: Any) -> Any:
    return forward(np.real(x), np.real(y))


def test_a_pair_that_refuses_complex_arguments_fails_if_they_are_demanded() -> None:
    assert any("takes complex arguments" in name for name in failing(refuses, backward, strict=True))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("real", [refuses, keeps_the_real_part])
def test_a_pair_without_complex_numbers_is_checked_by_differences(real: Any, order: int) -> None:
    report = na.check_vjp(real, backward, (X, Y), order=order)
    assert report.ok, str(report)
    assert "differences were taken" in report.undecided[0]
    assert "estimated error" in str(report)

    def slightly_wrong(d_out: Any, saved: Any) -> Gradients:
        right = backward(d_out, saved)
        return right._replace(d_y=(1 + 1e-7) * right.d_y)

    assert "d_y each element" in failing(real, slightly_wrong, order=order)


def test_a_refused_layout_is_undecided_unless_demanded() -> None:
    def contiguous(x: Any, y: Any) -> Any:
        if min(0, 0, *x.strides) < 0:
            raise ValueError("negative strides")
        return forward(x, y)

    report = na.check_vjp(contiguous, backward, (X, Y))
    assert report.ok, str(report)
    assert report.undecided == ("any memory layout: ValueError: negative strides",)
    assert any("any memory layout" in name for name in failing(contiguous, backward, strict=True))


def test_several_outputs_have_a_cotangent_each() -> None:
    def both(x: Any) -> Any:
        return (x * x, x * x * x), x

    def both_back(d: Any, x: Any) -> Any:
        return 2 * d[0] * x + 3 * d[1] * x * x

    assert na.check_vjp(both, both_back, (X,), tidy=False).ok
    assert not na.check_vjp(both, lambda d, x: 2 * d[0] * x, (X,), tidy=False).ok


def test_every_size_down_to_none() -> None:
    for shape in ((), (1,), (0, 3), (200,)):
        x = np.random.default_rng(1).standard_normal(shape)
        assert na.check_vjp(na.tanh_forward, na.tanh_backward, (x,), order=2).ok


def test_attention_with_a_planted_fault_is_detected() -> None:
    def unscaled(d_scores: Any, saved: Any) -> Any:
        right = na.STEPS.score.backward(d_scores, saved)
        return right._replace(d_key=right.d_key / saved.scale)

    wrong = na.attention_with(na.STEPS._replace(score=na.Pair(na.STEPS.score.forward, unscaled)))
    query, key, value = np.random.default_rng(2).standard_normal((3, 5, 3))
    assert {f.gradient for f in na.check_vjp(*wrong, (query, key, value)).failures} == {"d_key"}


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="order is 3"):
        na.check_vjp(forward, backward, (X, Y), order=3)
    with pytest.raises(TypeError, match="nothing to differentiate"):
        na.check_vjp(lambda n: (n, n), lambda d, n: d, (5,))
    with pytest.raises(ValueError, match="returned 1 gradients for the 2 arrays x, y"):
        na.check_vjp(forward, lambda d, s: (d,), (X, Y))


RIGHT = {
    "square": (lambda x: (x * x, x), lambda d, x: 2 * x * d, (X,)),
    "three times": (lambda x: (3 * x, None), lambda d, _: 3 * d, (X,)),
    "sine": (lambda x: (np.sin(x), x), lambda d, x: np.cos(x) * d, (X,)),
    "sum": (lambda x: (x.sum(), x), lambda d, x: d * np.ones_like(x), (X,)),
    "product": (lambda a, b: (a @ b, (a, b)), lambda d, s: (d @ s[1].T, s[0].T @ d), (X, Y.T)),
    "over x, sizes mixed": (lambda x: (1 / x, x), lambda d, x: -d / x**2, (np.array([1e-3, 1, 1e3]),)),
    "a kink near by": (na.relu_forward, na.relu_backward, (np.array([1e-6, 5.0]),)),
    "many kinks": (na.leaky_relu_forward, na.leaky_relu_backward, (np.linspace(-3, 3, 40000),)),
    "steep": (na.attention_forward, na.attention_backward, (100 * X, X + Y, Y)),
    "the edge of a domain": (
        na.binary_cross_entropy_forward,
        na.binary_cross_entropy_backward,
        (np.array([1e-6, 0.5]), np.array([1, 0])),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_ordinary_right_pairs_pass_at_both_orders(name: str) -> None:
    report = na.check_vjp(*RIGHT[name], order=2)
    assert report.ok, str(report)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: na.check_vjp(forward, backward, (X, Y), order=True), "order is True; 1 or 2"),
        (lambda: na.check_vjp(forward, backward, None), "args is NoneType; a list of the arguments"),
        (lambda: na.check_vjp(forward, backward, (X + 1j, Y)), "argument 0 is complex"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()
