"""A learned temperature and a learned α inside multi-head attention."""

from dataclasses import replace

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn.adaptive import own_steps

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 5, 6))
ADAPTIVE = nn.MultiHeadAttention(6, 3, normaliser="entmax", temperature="learned")


def params_of(layer, **own):
    """Initial parameters, some of them given."""
    params = layer.init(np.random.default_rng(1))
    return params | {name: np.asarray(value, float) for name, value in own.items()}


def heads_of(params, place):
    weight = params["in_proj_weight"][6 * place : 6 * place + 6]
    return np.swapaxes((X @ weight.T).reshape(2, 5, 3, 2), 1, 2)


def test_scores_are_divided_by_the_temperature_and_go_through_entmax_of_its_alpha():
    logs, logits = [0.3, -0.7, 0.0], [-1.0, 0.5, 2.0]
    params = params_of(ADAPTIVE, log_temperature=logs, alpha_logit=logits)
    _, saved = ADAPTIVE.forward(params, X, mask=na.causal())
    scale = np.exp(-np.array(logs))[:, None, None] / np.sqrt(2)
    scores = scale * heads_of(params, 0) @ np.swapaxes(heads_of(params, 1), -1, -2)
    scores = np.where(np.tri(5, dtype=bool), scores, -np.inf)
    alpha = 1 + 1 / (1 + np.exp(-np.array(logits)))[:, None, None]
    np.testing.assert_allclose(saved.weights, na.alpha_entmax(scores, alpha), rtol=1e-12, atol=1e-15)


def test_at_first_the_temperature_is_1_and_alpha_1_5():
    params = params_of(ADAPTIVE)
    assert params["log_temperature"].tolist() == params["alpha_logit"].tolist() == [0, 0, 0]
    fixed = {name: x for name, x in params.items() if name not in ("log_temperature", "alpha_logit")}
    q, k, v = (heads_of(params, place) for place in range(3))
    joined = na.attention_with(na.STEPS._replace(softmax=na.ENTMAX)).forward(q, k, v)[0]
    out = np.swapaxes(joined, 1, 2).reshape(X.shape) @ fixed["out_proj"]["weight"].T
    np.testing.assert_allclose(ADAPTIVE.forward(params, X)[0], out, rtol=1e-12)


def test_a_learned_temperature_multiplies_the_scale_of_a_call_and_passes_its_gradient():
    layer = nn.MultiHeadAttention(6, 3, temperature="learned")
    params, scale = params_of(layer, log_temperature=np.log([0.5, 1.0, 4.0])), RNG.uniform(0.5, 1, (3, 5, 1))
    out, saved = layer.forward(params, X, scale=scale)
    plain = nn.MultiHeadAttention(6, 3)
    own = {name: x for name, x in params.items() if name != "log_temperature"}
    sharpened = scale / np.array([0.5, 1.0, 4.0])[:, None, None]
    expected, saved_plain = plain.forward(own, X, scale=sharpened)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    d_out = RNG.standard_normal(out.shape)
    _, d_params, d_scale = layer.backward_with_scale(d_out, saved)
    _, _, d_sharpened = plain.backward_with_scale(d_out, saved_plain)
    np.testing.assert_allclose(d_scale, d_sharpened * sharpened / scale, rtol=1e-10)
    np.testing.assert_allclose(
        d_params["log_temperature"], -(d_sharpened * sharpened).sum((1, 2)), rtol=1e-10
    )


def test_a_watch_sees_and_changes_the_weights_of_entmax():
    params = params_of(ADAPTIVE)
    watch = nn.Watch(params)
    out, saved = replace(ADAPTIVE, attention=watch).forward(params, X)
    expected, saved_alone = ADAPTIVE.forward(params, X)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(watch.seen[""].weights, saved_alone.weights)
    d_out = RNG.standard_normal(out.shape)
    np.testing.assert_array_equal(
        replace(ADAPTIVE, attention=watch).backward(d_out, saved)[1]["alpha_logit"],
        ADAPTIVE.backward(d_out, saved_alone)[1]["alpha_logit"],
    )


def test_steps_of_a_layer_without_alpha_are_the_usual_ones():
    assert own_steps({"in_proj_weight": X}) is na.STEPS


@pytest.mark.parametrize(
    "options", [{"score": "additive"}, {"attention": "fast"}, {"attention": "blockwise"}]
)
def test_entmax_elsewhere_is_refused(options):
    with pytest.raises(
        ValueError, match=r"normaliser is 'entmax' with .*; score 'dot' and the reference are"
    ):
        nn.MultiHeadAttention(6, 3, normaliser="entmax", **options)


def test_a_temperature_where_scores_take_no_scale_is_refused():
    with pytest.raises(TypeError, match="score 'additive' takes none"):
        nn.MultiHeadAttention(6, 3, score="additive", temperature="learned")
    with pytest.raises(TypeError, match="Shaw takes none"):
        nn.MultiHeadAttention(6, 3, positions=nn.Shaw(2, 2), attention="reference", temperature="learned")


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="normaliser is 'sparsemax'"):
        nn.MultiHeadAttention(6, 3, normaliser="sparsemax")
    with pytest.raises(ValueError, match="temperature is 'warm'"):
        nn.MultiHeadAttention(6, 3, temperature="warm")
