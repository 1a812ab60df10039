"""JAX's own functions are judged right, and layer norm, cross-entropy and Adam as they are written in it."""

import pytest

import numpy_attention as na


def candidates(jax):
    jnp = jax.numpy

    def layer_norm(x, weight, bias, eps):
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + eps) * weight + bias

    def cross_entropy(logits, targets):
        logs = jax.nn.log_softmax(logits)
        return -jnp.take_along_axis(logs, targets[..., None], -1)[..., 0]

    def adam(params, grads, state, lr, b1, b2, eps):
        init, update, get = jax.example_libraries.optimizers.adam(lr, b1, b2, eps)
        number, kept = (0, init(params)) if state is None else state
        kept = update(number, grads, kept)
        return get(kept), (number + 1, kept)

    return {
        "softmax": jax.nn.softmax, "gelu": jax.nn.gelu, "gelu_tanh": jax.nn.gelu, "tanh": jnp.tanh,
        "layer_norm": layer_norm, "cross_entropy": cross_entropy, "adam": adam,
    }  # fmt: skip


COMPILED = ("softmax", "gelu", "gelu_tanh", "layer_norm", "cross_entropy")
"""For every shape: half a minute each."""


@pytest.mark.parametrize(
    "rule", ["tanh", "adam", *(pytest.param(rule, marks=pytest.mark.slow) for rule in COMPILED)]
)
def test_function_passes(peer, rule):
    jax = peer("jax")
    peer("jax.example_libraries.optimizers")
    report = na.check_rule(candidates(jax)[rule], rule)
    assert report.ok, str(report)
    assert report.setting["framework"] == "jax"


@pytest.mark.slow
def test_mean_of_squares_minus_square_of_the_mean_is_named_by_its_values(peer):
    report = na.check_rule(peer("jax").nn.standardize, "layer_norm", names={"epsilon": "eps"})
    assert report.outcome == "FAIL"
    assert "mean 1e4" in report.diagnosis
