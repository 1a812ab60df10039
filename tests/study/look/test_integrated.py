"""Integrated gradients: exact on lines and parabolas, complete on the rest."""

import numpy as np
import pytest

from numpy_attention.study.look import integrated
from numpy_attention.study.look.integrated import ALLOWED, STEPS, attributions, integrated_gradients
from numpy_attention.study.look.passes import Pass
from numpy_attention.study.look.readings import reading
from tests.support.looked import KINDS, small_run

X, START = np.array([[3.0, 1.0], [2.0, -1.0]]), np.array([[1.0, 0.0], [0.0, 0.5]])


def function(values, gradients):
    """A forward of one input (n, T, F), from its values (n,) and gradients (n, T, F)."""

    def forward(changes, inputs):
        assert changes == {}
        return Pass(values(inputs[0]), {}, lambda: [gradients(inputs[0])])

    return forward


LINE = np.array([[2.0, 5.0], [-1.0, 3.0]])
linear = function(lambda x: (x * LINE).sum(axis=(1, 2)), lambda x: np.broadcast_to(LINE, x.shape))


def test_on_a_linear_model_each_token_has_its_own_part_with_a_single_step():
    found = integrated_gradients(linear, [X], [START], steps=1)
    np.testing.assert_allclose(found.attributions[0], [2 * 2 + 5 * 1, -1 * 2 + 3 * -1.5], rtol=1e-15)
    assert (found.difference, found.steps) == (2.5, 1)
    assert abs(found.error) <= 4 * np.finfo(float).eps * 9


def test_a_product_of_two_tokens_is_shared_between_them():
    """f = a b from (0, 0) to (2, 6): ∂f/∂a = 6 α and ∂f/∂b = 2 α, so that each has 2 · 6 / 2."""
    product = function(lambda x: x[:, 0, 0] * x[:, 1, 0], lambda x: x[:, ::-1])
    found = integrated_gradients(product, [np.array([[2.0], [6.0]])], [np.zeros((2, 1))], steps=1)
    np.testing.assert_allclose(found.attributions[0], [6, 6], rtol=1e-15)


def steep():
    return function(lambda x: np.tanh(90 * x[:, 0, 0] - 60), lambda x: 90 / np.cosh(90 * x - 60) ** 2)


def test_steps_are_doubled_until_the_error_is_allowed_and_no_more_often():
    one = (steep(), [np.ones((1, 1))], [np.zeros((1, 1))])
    found = integrated_gradients(*one)
    assert found.steps in STEPS[1:]
    assert found.relative <= ALLOWED
    fewer = integrated_gradients(*one, steps=found.steps // 2)
    assert (fewer.steps, fewer.relative > ALLOWED) == (found.steps // 2, True)
    np.testing.assert_allclose(fewer.error, fewer.attributions[0].sum() - fewer.difference, rtol=1e-15)


def test_the_last_attempt_is_returned_where_none_is_complete(monkeypatch):
    monkeypatch.setattr(integrated, "STEPS", (32, 64))
    jump = function(lambda x: 1.0 * (x[:, 0, 0] > 0.5), np.zeros_like)
    found = integrated_gradients(jump, [np.ones((1, 1))], [np.zeros((1, 1))])
    assert (found.steps, found.relative) == (64, 1.0)


def test_steps_that_go_through_the_model_in_parts_give_the_same(monkeypatch):
    whole = attributions(steep(), [np.ones((1, 1))], [np.zeros((1, 1))], 11)
    monkeypatch.setattr(integrated, "TOGETHER", 3)
    np.testing.assert_allclose(
        attributions(steep(), [np.ones((1, 1))], [np.zeros((1, 1))], 11), whole, rtol=1e-14
    )

    monkeypatch.setattr(integrated, "TOGETHER", 1)  # fewer than the tokens of one step
    np.testing.assert_allclose(attributions(linear, [X], [START], 3)[0], [9, -6.5], rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_complete_for_every_kind_of_model(kind):
    own = reading(*small_run(kind, spread=2.0), 0)
    found = integrated_gradients(own.forward, own.inputs, own.baseline)
    assert found.relative <= ALLOWED
    ends = [own.forward({}, [x[None] for x in end]).values[0] for end in (own.inputs, own.baseline)]
    np.testing.assert_allclose(found.difference, ends[0] - ends[1], rtol=1e-15)
    assert [len(x) for x in found.attributions] == [len(x) for x in own.inputs]
