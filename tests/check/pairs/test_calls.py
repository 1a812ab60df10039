"""Calls: arguments bound by name, gradients and outputs in every form a pair may use."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from numpy_attention.check.pairs.calls import (
    as_outputs,
    by_name,
    call_of,
    direction_of,
    like_outputs,
    over,
    size_of,
)


class Out(NamedTuple):
    a: Any
    b: Any


def forward(x: Any, y: Any, *, power: int = 1) -> Any:
    return x**power * y, (x, y, power)


def backward(d_out: Any, saved: Any) -> Any:
    x, y, power = saved
    return d_out * power * x ** (power - 1) * y, d_out * x**power


X, Y = np.float32([[1, 2, 3]]), np.array([2.0, 0.5, 1.0])
CALL = call_of(forward, backward, [X], {"power": 2, "y": Y})


def test_arguments_are_in_forwards_order_and_floats_in_float64() -> None:
    assert list(CALL.arguments) == ["x", "y", "power"]
    assert CALL.arguments["x"].dtype == np.float64
    assert CALL.arguments["power"] == 2
    assert X.dtype == np.float32


def test_outputs_and_gradients_with_a_changed_argument() -> None:
    assert CALL.outputs()[0].tolist() == [[2.0, 2.0, 9.0]]
    assert CALL.outputs(y=np.ones(3))[0].tolist() == [[1.0, 4.0, 9.0]]
    gradients = CALL.gradients(np.ones((1, 3)), y=np.ones(3))
    assert gradients["x"].tolist() == [[2.0, 4.0, 6.0]]
    assert gradients["y"].tolist() == [[1.0, 4.0, 9.0]]


def test_gradients_by_name_from_every_form() -> None:
    one, two = np.ones(1), np.zeros(1)
    for gradients in ((one, two), {"d_x": one, "d_y": two}, {"x": one, "y": two}):
        assert by_name(gradients, CALL) == {"x": one, "y": two}
    assert by_name(one, CALL) == {"x": one}
    with pytest.raises(ValueError, match="returned 3 gradients for the 2 arrays x, y"):
        by_name((one, two, two), CALL)


def test_functions_without_a_signature_get_numbered_arguments() -> None:
    class Opaque:
        __signature__ = "none"  # inspect.signature raises

        def __call__(self, x: Any, y: Any) -> Any:
            return forward(x, y)

    assert list(call_of(Opaque(), backward, [X, Y], {}).arguments) == ["argument_0", "argument_1"]


def test_outputs_keep_their_form() -> None:
    assert as_outputs(X, [1]) == 1
    assert as_outputs((X, Y), [1, 2]) == (1, 2)
    assert as_outputs(Out(X, Y), [1, 2]) == Out(1, 2)
    assert like_outputs(Out(X, Y), np.shape) == Out((1, 3), (3,))


def test_ratios_of_nothing_are_zero() -> None:
    assert over([0.0, 1.0, 3.0], [0.0, 0.0, 2.0]).tolist() == [0.0, np.inf, 1.5]


def test_directions_have_each_entrys_size() -> None:
    x = np.array([1e-9, 0.0, -1e6, np.inf])
    d = direction_of(np.tile(x, (1000, 1)), np.random.default_rng(0))
    assert np.abs(d).mean(axis=0) == pytest.approx([0.8e-9, 0.8e6, 0.8e6, 0.8e6], rel=0.1)
    assert (size_of(x), size_of(np.zeros(3))) == (1e6, 1.0)
