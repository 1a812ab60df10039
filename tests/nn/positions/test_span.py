"""Adaptive span: what is out of reach is hidden, in a sequence and in an image; its penalty."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn.positions.attention_positions import Places
from numpy_attention.nn.positions.span import span_penalty_backward, span_penalty_forward

X = np.random.default_rng(0).standard_normal((2, 7, 6))


def logit(share):
    return np.log(share / (1 - np.asarray(share)))


def layer_and_params(span):
    layer = nn.MultiHeadAttention(6, 2, positions=span, attention="reference")
    return layer, layer.init(np.random.default_rng(1))


def test_each_head_reaches_as_far_as_its_span_and_ramp():
    layer, params = layer_and_params(nn.AdaptiveSpan(2, 10, 2))
    params["positions"]["span_logit"] = logit([0.05, 0.31])  # spans 0.5 and 3.1
    _, saved = layer.forward(params, X, mask=na.causal())
    distance = np.arange(7)[:, None] - np.arange(7)
    for head, reach in enumerate((2.5, 5.1)):
        seen = (distance >= 0) & (distance < reach)
        np.testing.assert_array_equal(saved.weights[:, head] > 0, np.broadcast_to(seen, (2, 7, 7)))


def test_at_first_the_span_is_half_the_context_and_its_gradient_is_the_complex_step():
    span = nn.AdaptiveSpan(2, 6, 3)
    assert span.init(np.random.default_rng(0))["span_logit"].tolist() == [0, 0]
    places = Places(np.arange(7), np.arange(7))
    params = {"span_logit": np.array([0.0, 0.3])}
    bias, saved = span.bias_forward(params, X, X, places, 1.0)
    assert np.isinf(bias[0]).tolist() == (span.distances(places) >= 3 + 3).tolist()
    d_bias = np.random.default_rng(1).standard_normal(bias.shape)
    slopes = np.empty(2)
    for head in range(2):
        stepped = params["span_logit"] + 1e-30j * (np.arange(2) == head)
        moved = span.bias_forward({"span_logit": stepped}, X, X, places, 1.0)[0].imag
        slopes[head] = (d_bias * moved / 1e-30)[np.isfinite(bias)].sum()
    np.testing.assert_allclose(span.bias_backward(d_bias, saved).d_params["span_logit"], slopes, rtol=1e-12)


def test_each_example_may_have_places_of_its_own():
    layer, params = layer_and_params(nn.AdaptiveSpan(2, 3, 1))
    places = np.stack([np.arange(7), 3 * np.arange(7)])
    both = layer.forward(params, X, query_positions=places)[0]
    for row in range(2):
        alone = layer.forward(params, X[row : row + 1], query_positions=places[row])[0]
        np.testing.assert_allclose(both[row], alone[0], rtol=1e-12)


def test_a_span_beyond_the_sequence_changes_nothing():
    layer, params = layer_and_params(nn.AdaptiveSpan(2, 100, 3))
    plain = {name: x for name, x in params.items() if name != "positions"}
    np.testing.assert_array_equal(
        layer.forward(params, X)[0], nn.MultiHeadAttention(6, 2).forward(plain, X)[0]
    )


def test_in_an_image_the_distance_is_the_larger_of_rows_and_columns():
    places = Places(np.arange(6), np.arange(6))  # 2 rows of 3
    expected = [[0, 1, 2, 1, 1, 2], [1, 0, 1, 1, 1, 1], [2, 1, 0, 2, 1, 1]]
    assert nn.AdaptiveSpan(2, 3, 1, columns=3).distances(places)[:3].tolist() == expected
    assert nn.AdaptiveSpan(2, 6, 1).distances(places)[0].tolist() == [0, 1, 2, 3, 4, 5]


def test_the_penalty_is_the_mean_share_and_its_gradient_the_complex_step():
    params = {"a": {"span_logit": np.array([0.3, -1.0])}, "b": {"span_logit": np.array([2.0])}, "c": X}
    penalty, saved = span_penalty_forward(params, 0.6)
    shares = 1 / (1 + np.exp(-np.array([0.3, -1.0, 2.0])))
    assert penalty == pytest.approx(0.6 * shares.mean(), rel=1e-14)
    d = span_penalty_backward(saved)
    assert list(d) == ["a", "b"]
    np.testing.assert_allclose(
        [*d["a"]["span_logit"], *d["b"]["span_logit"]], 0.2 * shares * (1 - shares), rtol=1e-13
    )


def test_without_spans_there_is_no_penalty():
    assert span_penalty_forward({"a": X}, 0.6) == (0, {})
    assert span_penalty_backward({}) == {}


def test_generation_on_a_cache_gives_the_logits_of_the_whole():
    model = nn.LanguageModel(
        11, 8, 2, 1, 7, positions=nn.Rotary(), span=nn.AdaptiveSpan(2, 7, 1), normaliser="entmax",
        temperature="learned",
    )  # fmt: skip
    params = model.init(np.random.default_rng(2))
    params["layers"]["0"]["self_attn"]["positions"]["1"]["span_logit"] = logit([0.1, 0.4])
    ids, cache = [[3, 1, 4, 1, 5, 9]], model.cache()
    steps = [model.forward(params, [[i]], cache=cache)[0] for i in ids[0]]
    np.testing.assert_allclose(np.concatenate(steps, axis=1), model.forward(params, ids)[0], atol=1e-12)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="span is for 3 heads; 2, as the attention has, are expected"):
        nn.MultiHeadAttention(6, 2, positions=nn.AdaptiveSpan(3, 7, 2))
    with pytest.raises(ValueError, match="ramp holds 0"):
        nn.AdaptiveSpan(2, 7, 0)
    with pytest.raises(ValueError, match="columns holds 0"):
        nn.AdaptiveSpan(2, 7, 1, columns=0)
