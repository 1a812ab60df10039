"""Logistic regression against its formula."""

import numpy as np

from numpy_attention.nn.logistic import Logistic
from numpy_attention.nn.parameters import parameter_count

N, T, WIDTH, K = 2, 3, 5, 7


def test_logits_and_gradients_are_those_of_a_weighted_sum_of_all_columns():
    rng = np.random.default_rng(79)
    model = Logistic(T, WIDTH)
    params, x, d_logits = model.init(rng), rng.normal(size=(N, T, WIDTH)), rng.normal(size=N)
    params["logistic"]["bias"][:] = 0.25
    weight = params["logistic"]["weight"].reshape(T, WIDTH)
    logits, saved = model.forward(params, x)
    np.testing.assert_allclose(logits, np.einsum("ntf,tf->n", x, weight) + 0.25, rtol=1e-13)
    d_x, d_params = model.backward(d_logits, saved)
    np.testing.assert_allclose(d_x, d_logits[:, None, None] * weight, rtol=1e-13)
    np.testing.assert_allclose(d_params["logistic"]["bias"], [d_logits.sum()], rtol=1e-13)
    flat = np.einsum("n,ntf->tf", d_logits, x).reshape(1, -1)
    np.testing.assert_allclose(d_params["logistic"]["weight"], flat, rtol=1e-13)


def test_one_logit_per_class_for_more_than_two_classes():
    model = Logistic(T, WIDTH, K)
    logits, saved = model.forward(model.init(np.random.default_rng(0)), np.ones((N, T, WIDTH)))
    assert logits.shape == (N, K)
    assert parameter_count(model.shapes()) == K * T * WIDTH + K
    assert model.backward(np.ones((N, K)), saved)[1]["logistic"]["bias"].tolist() == [N] * K
