"""One's own words: every gradient against central differences of the whole model, and what does not fit."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.study.words import blame
from tests.support.layer_formulas import random_params

IDS, WIDTH, HEADS = np.array([3, 1, 4, 0, 5, 2]), 6, 3
STEP = 1e-6


def model_of(**options):
    model = nn.LanguageModel(7, WIDTH, HEADS, 2, 5, tied=False, **options)
    return model, random_params(model)


def losses(model, params):
    return -na.log_softmax(model.forward(params, IDS[None, :-1])[0][0])[np.arange(5), IDS[1:]]


def slopes(model, params, array):
    """The derivative of every loss by every entry of one array of the parameters: (losses, *shape)."""
    out = np.empty((5, *array.shape))
    for index in np.ndindex(array.shape):
        old, sides = array[index], []
        for sign in (1, -1):
            array[index] = old + sign * STEP
            sides.append(losses(model, params))
        array[index] = old
        out[(slice(None), *index)] = (sides[0] - sides[1]) / (2 * STEP)
    return out


@pytest.mark.parametrize(
    "options", [{}, {"norm_first": False, "kv_heads": 1}, {"norm": "rms", "dropout": 0.3}]
)
def test_blame_of_embedded_symbols_is_that_of_central_differences(options):
    model, params = model_of(**options)
    found = blame(model, params, IDS, 0, 1)
    np.testing.assert_allclose(found.losses, losses(model, params), rtol=1e-12)
    expected = slopes(model, params, params["embedding"]["weight"])[:, IDS[:-1]]
    np.testing.assert_allclose(found.d_embedded, expected, rtol=1e-5, atol=1e-7)
    assert found.ok
    later = np.triu(np.ones((5, 5), dtype=bool), 1)
    assert all(
        (x[later] == 0).all() for x in (*found.maps.values(), found.weights)
    )  # nobody blames later ones


@pytest.mark.parametrize("layer", [0, 1])
def test_keys_and_values_of_a_head_are_blamed_as_its_weights_show(layer):
    """The gradient of a row of W_k or W_v is Σ_s d_key_s x_s, or Σ_s d_value_s x_s."""
    model, params = model_of()
    found = blame(model, params, IDS, layer, 2)
    saved = model.forward(params, IDS[None, :-1])[1]
    own = params["layers"][str(layer)]["self_attn"]
    x = saved.stack.layers[layer].self_attn.in_proj[0].x[0]
    for start, d in ((WIDTH, found.d_key), (2 * WIDTH, found.d_value)):
        rows = slice(start + 4, start + 6)  # of head 2
        expected = slopes(model, params, own["in_proj_weight"][rows])
        np.testing.assert_allclose(np.einsum("tsd,sc->tdc", d, x), expected, rtol=1e-5, atol=1e-7)
    scale = 1 / np.sqrt(2)
    query = (x @ own["in_proj_weight"][4:6].T + own["in_proj_bias"][4:6]) * scale
    np.testing.assert_allclose(found.d_scores.swapaxes(1, 2) @ query, found.d_key, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.maps["d_scores"], sum(found.d_scores[:, q] for q in range(5)))


def test_heads_that_share_keys_read_those_of_their_group():
    model = nn.LanguageModel(7, 8, 4, 1, 5, kv_heads=2, attention="reference")
    params = random_params(model)
    _, saved = model.forward(params, IDS[None, :-1])
    for head, weights in enumerate(saved.stack.layers[0].self_attn.attention.weights[0]):
        np.testing.assert_allclose(blame(model, params, IDS, 0, head).weights, weights, rtol=1e-12)


def test_losses_add_up_over_heads_and_laws_hold_with_rotary_positions():
    model, params = model_of(positions=nn.Rotary(layout="halves"), bias=False)
    found = blame(model, params, IDS, 1, 0)
    assert found.ok
    assert {result.law.number for result in found.laws} >= {1, 2, 4, 5, 16, 17, 18}
    assert list(found.derivatives) == ["d_scores", "d_key", "d_value", "whole model"]
    for name, d in {"d_scores": found.d_scores, "d_key": found.d_key, "d_value": found.d_value}.items():
        assert found.by_head[name].shape == (2, HEADS)
        assert found.by_head[name][1, 0] == pytest.approx(np.linalg.norm(d.sum(axis=0)), rel=1e-10)


def test_a_wrong_gradient_is_found(monkeypatch):
    model, params = model_of()
    right = type(model.stack.layer).backward_to_attention
    monkeypatch.setattr(
        type(model.stack.layer),
        "backward_to_attention",
        lambda self, d_out, saved: (lambda d_x, *rest: (d_x * 1.01, *rest))(*right(self, d_out, saved)),
    )
    found = blame(model, params, IDS, 0, 0)
    assert [name for name, own in found.derivatives.items() if not own.ok] == ["whole model"]


@pytest.mark.parametrize(
    ("ids", "place", "message"),
    [
        ([3], (0, 0), "text has 1 symbol; from 2 to 6, the context and one, are expected"),
        ([0] * 7, (0, 0), "text has 7 symbols"),
        (IDS, (2, 0), "layer is 2; from 0 to 1 is expected: both count from 0"),
        (IDS, (0, -1), "head is -1; from 0 to 2 is expected"),
    ],
)
def test_refused(ids, place, message):
    model, params = model_of()
    with pytest.raises(ValueError, match=message):
        blame(model, params, np.array(ids), *place)


@pytest.mark.parametrize(
    "options", [{"softcap": 2.0}, {"sinks": True}, {"gate": True}, {"positions": nn.ALiBi(3)}]
)
def test_models_whose_attention_is_more_than_a_dot_product_are_refused(options):
    model, params = model_of(**options)
    with pytest.raises(ValueError, match="softcap, sinks, a gate or positions beside the dot product"):
        blame(model, params, IDS, 0, 0)
