"""The classifier: its equations written out once more, and its backward against the complex step."""

import numpy as np
import pytest

from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.nn.token_scores import EVERY_SCORE, SCORES, UNIFORM
from numpy_attention.optim.trees import flatten
from numpy_attention.optim.updates import with_leaves

B, T, WIDTH, HIDDEN = 2, 7, 3, 5
STEP = 1e-100


def problem(score, heads, outputs=1, temperature="fixed"):
    rng = np.random.default_rng(19)
    model = AttentionClassifier(WIDTH, HIDDEN, heads, score, outputs, temperature)
    flat = {name: rng.normal(size=shape) for name, shape in flatten(model.shapes()).items()}
    params = nested(flat, model.shapes())
    return model, params, rng.normal(size=(B, T, WIDTH)), rng.normal(size=(B, outputs)[: 1 + (outputs > 1)])


def complex_steps_agree(model, params, x, d_logits, lengths=None):
    """Every entry of every parameter, moved by an imaginary step."""
    _, saved = model.forward(params, x, lengths)
    gradients, flat = flatten(model.backward(d_logits, saved)[1]), flatten(params)
    assert list(gradients) == list(flat)
    for name, array in flat.items():
        assert np.shape(gradients[name]) == array.shape
        size = np.abs(gradients[name]).max(initial=0)
        for index in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[index] += STEP * 1j
            logits, _ = model.forward(nested({**flat, name: moved}, params), x, lengths)
            expected = (d_logits * logits).sum().imag / STEP
            assert abs(np.asarray(gradients[name])[index] - expected) <= 1e-12 * max(size, 1), name


def nested(flat, like):
    """Flat parameters with the branches of `like`."""
    return with_leaves(like, {tuple(name.split(".")): array for name, array in flat.items()})


every_model = pytest.mark.parametrize(
    "score, heads", [(score, heads) for score in EVERY_SCORE for heads in (1, 2)]
)


@every_model
def test_backward_is_the_complex_step_of_forward(score, heads):
    complex_steps_agree(*problem(score, heads))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("score", EVERY_SCORE)
def test_backward_with_more_classes_a_temperature_and_padding(score, outputs):
    complex_steps_agree(*problem(score, 2, outputs, "learned"), lengths=np.array([7, 3]))


def test_d_x_is_the_complex_step_of_forward():
    model, params, x, d_logits = problem("additive", 2, 3, "learned")
    lengths = np.array([5, 7])
    d_x, _ = model.backward(d_logits, model.forward(params, x, lengths)[1])
    for index in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[index] += STEP * 1j
        expected = (d_logits * model.forward(params, moved, lengths)[0]).sum().imag / STEP
        assert abs(d_x[index] - expected) <= 1e-12 * max(np.abs(d_x).max(), 1)
    assert not d_x[0, 5:].any()


@pytest.mark.parametrize("score", EVERY_SCORE)
def test_padding_has_no_weight_and_no_influence(score):
    model, params, x, _ = problem(score, 2, 3)
    lengths = np.array([4, 7])
    logits, saved = model.forward(params, x, lengths)
    assert not saved.weights[0, :, 4:].any()
    assert (saved.weights[1] > 0).all()
    other = x.copy()
    other[0, 4:] = 1e6
    np.testing.assert_array_equal(model.forward(params, other, lengths)[0], logits)
    short = model.forward(params, x[:1, :4])[0]
    np.testing.assert_allclose(short, logits[:1], rtol=1e-12)


def test_a_temperature_sharpens_its_own_head():
    model, params, x, _ = problem("location", 2, temperature="learned")
    params["temperature"]["log_temperature"] = np.log([1.0, 0.5])
    plain = {name: part for name, part in params.items() if name != "temperature"}
    warm = model.forward(params, x)[1].weights
    cold = model._replace(temperature="fixed").forward(plain, x)[1].weights
    np.testing.assert_allclose(warm[:, 0], cold[:, 0], rtol=1e-13)
    squared = cold[:, 1] ** 2
    np.testing.assert_allclose(warm[:, 1], squared / squared.sum(axis=-1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("heads", [1, 2])
def test_forward_is_its_equations(heads):
    model, params, x, _ = problem("location", heads)
    p = flatten(params)
    features = np.tanh(np.einsum("bti,ci->btc", x, p["features.weight"]) + p["features.bias"])
    grown = np.exp(np.einsum("btc,hc->bht", features, p["score.weight"]))
    weights = grown / grown.sum(axis=2, keepdims=True)
    context = np.einsum("bht,btc->bhc", weights, features).reshape(B, -1)
    expected = context @ p["classifier.weight"][0] + p["classifier.bias"][0]
    logits, saved = model.forward(params, x)
    np.testing.assert_allclose(logits, expected, rtol=1e-13)
    np.testing.assert_allclose(saved.weights, weights, rtol=1e-13)


def test_uniform_weights_are_1_over_t():
    model, params, x, _ = problem(UNIFORM, 1)
    np.testing.assert_allclose(model.forward(params, x)[1].weights, 1 / T, rtol=1e-15)


@pytest.mark.parametrize("score", SCORES)
def test_the_order_of_the_tokens_does_not_matter(score):
    model, params, x, _ = problem(score, 2)
    order = np.random.default_rng(29).permutation(T)
    logits, saved = model.forward(params, x)
    shuffled, shuffled_saved = model.forward(params, x[:, order])
    np.testing.assert_allclose(shuffled, logits, rtol=1e-12)
    np.testing.assert_allclose(shuffled_saved.weights, saved.weights[..., order], rtol=1e-12)


@every_model
def test_it_is_pure(score, heads):
    model, params, x, d_logits = problem(score, heads)
    before = {name: array.copy() for name, array in flatten(params).items()}
    _, saved = model.forward(params, x)
    first, second = (flatten(model.backward(d_logits, saved)[1]) for _ in range(2))
    for name, array in before.items():
        np.testing.assert_array_equal(flatten(params)[name], array)
        np.testing.assert_array_equal(first[name], second[name])
        assert not np.may_share_memory(first[name], second[name])


@every_model
def test_init_has_the_shapes_and_depends_on_the_seed(score, heads):
    model = AttentionClassifier(WIDTH, HIDDEN, heads, score)
    start, again, other = (flatten(model.init(np.random.default_rng(seed))) for seed in (31, 31, 37))
    assert {name: array.shape for name, array in start.items()} == flatten(model.shapes())
    assert all((start[name] == again[name]).all() for name in start)
    assert not (start["features.weight"] == other["features.weight"]).any()
    assert not start["features.bias"].any()
    assert not start["classifier.bias"].any()


def test_the_model_with_uniform_weights_shares_all_other_initial_parameters():
    for score in SCORES:
        model = AttentionClassifier(WIDTH, HIDDEN, 2, score)
        start = model.init(np.random.default_rng(41))
        assert model.with_uniform_weights().score == UNIFORM
        uniform = model.with_uniform_weights().init(np.random.default_rng(41))
        for part in ("features", "classifier"):
            for name in ("weight", "bias"):
                np.testing.assert_array_equal(start[part][name], uniform[part][name])
