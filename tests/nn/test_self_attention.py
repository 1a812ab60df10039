"""The self-attention classifier: its equations once more, and its backward against the complex step."""

import numpy as np
import pytest

from numpy_attention.nn.self_attention import SelfAttentionClassifier
from numpy_attention.nn.token_scores import UNIFORM
from numpy_attention.optim.trees import flatten
from tests.nn.test_classifier import complex_steps_agree, nested

B, T, WIDTH, C, H, K = 2, 5, 3, 4, 2, 3


def problem(score="location", outputs=K, temperature="fixed"):
    rng = np.random.default_rng(67)
    model = SelfAttentionClassifier(WIDTH, T, C, H, score, outputs, temperature)
    shapes = model.shapes()
    params = nested({name: rng.normal(size=shape) for name, shape in flatten(shapes).items()}, shapes)
    return model, params, rng.normal(size=(B, T, WIDTH)), rng.normal(size=(B, outputs)[: 1 + (outputs > 1)])


@pytest.mark.parametrize("lengths", [None, np.array([5, 2])], ids=["whole", "padded"])
@pytest.mark.parametrize(
    "score, temperature", [("location", "fixed"), ("dot", "learned"), (UNIFORM, "fixed")]
)
def test_backward_is_the_complex_step_of_forward(score, temperature, lengths):
    complex_steps_agree(*problem(score, K, temperature), lengths)


def test_backward_with_one_output():
    complex_steps_agree(*problem(outputs=1))


def test_forward_is_its_equations():
    model, params, x, _ = problem(temperature="learned")
    p = flatten(params)

    def norm(rows, name):
        centred = rows - rows.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
        return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]

    embedded = x @ p["embed.weight"].T + p["embed.bias"] + p["embed.positions"]
    joint = norm(embedded, "norm") @ p["self_attn.in_proj_weight"].T + p["self_attn.in_proj_bias"]
    context = np.empty((B, T, C))
    for head, warmth in enumerate(np.exp(p["self_attn.log_temperature"])):
        own = slice(head * C // H, (head + 1) * C // H)
        query, key, value = (joint[..., place * C : (place + 1) * C][..., own] for place in range(3))
        scores = np.einsum("btd,bsd->bts", query, key) / np.sqrt(C / H) / warmth
        shares = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
        context[..., own] = shares @ value
    mixed = embedded + context @ p["out_proj.weight"].T + p["out_proj.bias"]
    expected, _ = model._pool().forward(params["pool"], norm(mixed, "last_norm"))
    logits, saved = model.forward(params, x)
    np.testing.assert_allclose(logits, expected, rtol=1e-12)
    assert {name: weights.shape for name, weights in saved.maps.items()} == {
        "tokens": (B, H, T, T),
        "pooling": (B, H, 1, T),
    }


def test_the_place_of_a_token_matters():
    model, params, x, _ = problem()
    logits = model.forward(params, x)[0]
    assert np.abs(model.forward(params, x[:, ::-1])[0] - logits).max() > 1e-3
    params["embed"]["positions"][:] = 0.0
    logits = model.forward(params, x)[0]
    np.testing.assert_allclose(model.forward(params, x[:, ::-1])[0], logits, rtol=1e-12)


def test_uniform_weights_are_1_over_t_in_both_places():
    model, params, x, _ = problem()
    uniform = model.with_uniform_weights()
    uniform_params = {**params, "pool": {**params["pool"], "score": {}}}
    for weights in uniform.forward(uniform_params, x)[1].maps.values():
        np.testing.assert_allclose(weights, 1 / T, rtol=1e-15)


def test_initial_biases_norms_and_weights():
    start = flatten(problem()[0].init(np.random.default_rng(0)))
    assert {name: array.shape for name, array in start.items()} == flatten(problem()[0].shapes())
    for name, array in start.items():
        value = 0 if name.endswith("bias") else 1 if "norm" in name else None
        assert array.any() if value is None else (array == value).all(), name
