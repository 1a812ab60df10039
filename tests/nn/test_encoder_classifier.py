"""The encoder of texts: BERT's equations, a sentence encoder's mean, padding without influence."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from tests.support import layer_formulas as formulas
from tests.support.layer_formulas import random_params

SIZES = {"vocabulary": 13, "width": 6, "heads": 2, "layers": 2, "context": 7}
IDS = np.random.default_rng(0).integers(13, size=(3, 5))
SEGMENTS = np.array([[0, 0, 1, 1, 1]] * 3)


def model_of(**options):
    model = nn.EncoderClassifier(**SIZES, **options)
    return model, random_params(model)


def test_forward_is_its_equations():
    model, p = model_of(classes=3, activation="relu", eps=1e-5)
    x = p["embedding"]["weight"][IDS] + p["segments"]["weight"][SEGMENTS] + p["positions"]["weight"][:5]
    x = formulas.normed(p["embedding_norm"], x, "layer")
    for place in "01":
        x = formulas.encoder_layer(p["layers"][place], x, 2, True)
    pooled = np.tanh(formulas.linear(p["pooler"], x[:, 0]))
    logits, saved = model.forward(p, IDS, SEGMENTS)
    np.testing.assert_allclose(saved.hidden, x, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(logits, formulas.linear(p["classifier"], pooled), rtol=1e-10, atol=1e-10)


def test_every_token_is_of_the_first_segment_by_default():
    model, params = model_of()
    np.testing.assert_array_equal(
        model.forward(params, IDS)[0], model.forward(params, IDS, np.zeros_like(IDS))[0]
    )


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_padding_has_no_influence(pooling):
    model, params = model_of(pooling=pooling, classes=4)
    other = IDS.copy()
    other[1, 3:] = (other[1, 3:] + 1) % 13
    mask = na.padding([5, 3, 5])
    out = model.forward(params, IDS, mask=mask)[0]
    np.testing.assert_array_equal(model.forward(params, other, mask=mask)[0], out)
    alone = model.forward(params, IDS[1:2, :3])[0]
    np.testing.assert_allclose(out[1], alone[0], rtol=1e-11, atol=1e-11)


def test_a_sentence_encoder_is_the_mean_of_its_tokens():
    model, params = model_of(pooling="mean", pooler=False)
    out, saved = model.forward(params, IDS)
    np.testing.assert_allclose(out, saved.hidden.mean(axis=1), rtol=1e-14)
    assert "classifier" not in params
    assert "pooler" not in params


def test_parameters_are_those_of_the_options():
    assert [*model_of(classes=2)[1]] == [
        "embedding", "segments", "positions", "embedding_norm", "layers", "pooler", "classifier",
    ]  # fmt: skip
    plain = model_of(segments=0, embedding_norm=False, positions=None, pooler=False, norm_first=True)[1]
    assert [*plain] == ["embedding", "layers", "norm"]


def test_dropout_by_seed_and_none_without():
    model, params = model_of(dropout=0.4)
    first, again, other = (model.forward(params, IDS, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).any()


BAD = {
    "id": ((np.full((2, 3), 13),), {}, ValueError, "ids holds 13; less than 13, the vocabulary"),
    "longer": ((np.zeros((2, 8), int),), {}, ValueError, "ids has length 8; at most 7, the context"),
    "segment": ((IDS, IDS * 0 + 2), {}, ValueError, "segments holds 2; less than 2, the number of segments"),
    "other shape": (
        (IDS, SEGMENTS[:2]),
        {},
        ValueError,
        r"segments has shape \(2, 5\); that of ids, \(3, 5\)",
    ),
}


@pytest.mark.parametrize("inputs, options, error, text", BAD.values(), ids=BAD)
def test_what_does_not_fit_is_one_sentence(inputs, options, error, text):
    model, params = model_of()
    with pytest.raises(error, match=f"^EncoderClassifier: {text}"):
        model.forward(params, *inputs, **options)


def test_what_is_no_encoder():
    model, params = model_of(segments=0)
    with pytest.raises(TypeError, match=r"^EncoderClassifier: segments is .*; None is expected, for"):
        model.forward(params, IDS, SEGMENTS)
    with pytest.raises(ValueError, match=r"^MultiHeadAttention: mask.* \(2, 1, 5, 5\)"):
        model.forward(params, IDS, mask=na.padding([1, 2]))
    with pytest.raises(ValueError, match=r"^EncoderClassifier: pooling is 'last'"):
        model_of(pooling="last")
    with pytest.raises(ValueError, match=r"^EncoderClassifier: classes holds 0; at least 1"):
        model_of(classes=0)
