"""Interventions on the weights of attention."""

from dataclasses import dataclass

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.check.pairs.layer_examples import LAYER_PAIR
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.nn.interventions import (
    REMOVED,
    UNIFORM,
    Watch,
    attending,
    changed_steps,
    fixed,
    in_heads,
    permuted,
)
from numpy_attention.nn.patch_classifier import PatchClassifier
from numpy_attention.optim.trees import flatten

WEIGHTS = np.array([[0.5, 0.25, 0.25, 0.0], [0.0, 0.7, 0.0, 0.1]])
VISIBLE = np.array([[True, True, True, False], [False, True, False, True]])
RNG = np.random.default_rng


def test_uniform_weights_share_the_sum_of_a_row_among_its_visible_keys():
    changed, saved = UNIFORM.forward(WEIGHTS, VISIBLE)
    np.testing.assert_allclose(changed, [[1 / 3, 1 / 3, 1 / 3, 0], [0, 0.4, 0, 0.4]], rtol=1e-15)
    d_weights = UNIFORM.backward(np.array([[3.0, 6.0, 9.0, 1e6], [1e6, 2.0, 1e6, 4.0]]), saved)
    np.testing.assert_allclose(d_weights, [[6.0] * 4, [3.0] * 4], rtol=1e-15)
    np.testing.assert_allclose(UNIFORM.forward(WEIGHTS, None)[0], [[0.25] * 4, [0.2] * 4], rtol=1e-15)


def test_a_permutation_moves_the_weights_of_visible_keys_and_its_backward_moves_them_back():
    weights = np.where(VISIBLE, np.arange(8.0).reshape(2, 4) + 1, 0)
    orders = set()
    for seed in range(20):
        pair = permuted(seed)
        changed, saved = pair.forward(weights, VISIBLE)
        assert (changed[~VISIBLE] == 0).all()
        np.testing.assert_array_equal(np.sort(changed), np.sort(weights))
        np.testing.assert_array_equal(pair.backward(changed, saved), weights)
        np.testing.assert_array_equal(pair.forward(weights, VISIBLE)[0], changed)
        orders.add(tuple(changed[0, :3]))
    assert len(orders) == 6


def test_some_heads_are_changed_and_the_others_are_not():
    weights = RNG(0).random((2, 3, 5, 7))
    changed, saved = in_heads(REMOVED, [0, 2]).forward(weights, None)
    np.testing.assert_array_equal(changed, weights * np.array([0, 1, 0])[:, None, None])
    d_changed = RNG(1).random(weights.shape)
    d_weights = in_heads(REMOVED, [0, 2]).backward(d_changed, saved)
    np.testing.assert_array_equal(d_weights, d_changed * np.array([0, 1, 0])[:, None, None])

    there = in_heads(REMOVED, iter([1, 7]))  # of those that there are, each time
    for _ in range(2):
        changed, _ = there.forward(weights, None)
        np.testing.assert_array_equal(changed, weights * np.array([1, 0, 1])[:, None, None])


def test_every_head_and_example_has_an_order_of_its_own():
    changed, _ = permuted(0).forward(np.broadcast_to(np.arange(7.0), (2, 3, 5, 7)), None)
    assert len({tuple(row) for row in changed.reshape(-1, 7)}) == 30


def test_a_row_without_visible_keys_stays_0_and_fixed_weights_have_the_precision_of_the_others():
    with np.errstate(all="raise"):
        changed, _ = UNIFORM.forward(np.zeros((1, 3)), np.zeros((1, 3), bool))
    np.testing.assert_array_equal(changed, np.zeros((1, 3)))
    assert fixed(np.ones(3)).forward(np.zeros((2, 3), np.float32), None)[0].dtype == np.float32


def test_the_normaliser_of_an_attention_stays_and_so_does_the_gradient_of_lse():
    layer = nn.MultiHeadAttention(6, 2, normaliser="entmax")
    params, x = layer.init(RNG(0)), 3 * RNG(1).normal(size=(2, 5, 6))
    out, _ = attending(layer, Watch(params)).forward(params, x)
    np.testing.assert_allclose(out, layer.forward(params, x)[0], rtol=1e-12)
    q, k, v, d_lse = (RNG(seed).normal(size=size) for seed, size in enumerate([(5, 3), (7, 3), (7, 2), 5]))
    attends = na.attention_with(changed_steps())
    (out, saved), (_, plain) = attends.forward(q, k, v), na.attention_forward(q, k, v)
    for one, other in zip(
        attends.backward(out, saved, d_lse=d_lse), na.attention_backward(out, plain, d_lse=d_lse), strict=True
    ):
        np.testing.assert_array_equal(one, other)


CHANGES = (UNIFORM, REMOVED, permuted(3), in_heads(permuted(3), [1]), fixed(np.full((3, 3), 0.2)))


@pytest.mark.parametrize("positions", [None, nn.Shaw(2, 4), nn.TransformerXL(2, 2, 4)])
@pytest.mark.parametrize("place", range(len(CHANGES)))
def test_the_backward_of_a_changed_attention_is_that_of_its_forward(positions, place):
    layer = nn.MultiHeadAttention(
        4, 2, positions=positions, attention=lambda _: changed_steps(CHANGES[place])
    )
    arguments = {"query": RNG(1).normal(size=(2, 3, 4)), "mask": na.causal(), **flatten(layer.init(RNG(0)))}
    out, saved = LAYER_PAIR.forward(layer=layer, **arguments)
    d_out = RNG(2).normal(size=out.shape)
    gradients = LAYER_PAIR.backward(d_out, saved)
    for name in ("query", "in_proj_weight"):
        direction = RNG(3).normal(size=arguments[name].shape)
        stepped = arguments | {name: arguments[name] + 1e-30j * direction}
        slope = LAYER_PAIR.forward(layer=layer, **stepped)[0].imag / 1e-30
        expected = (gradients[f"d_{name}"] * direction).sum()
        np.testing.assert_allclose((d_out * slope).sum(), expected, rtol=1e-12, atol=1e-13)


def test_a_head_is_worth_nothing_where_its_output_is_projected_to_nothing():
    model = nn.LanguageModel(vocabulary=11, width=6, heads=3, layers=2, context=7)
    params = model.init(RNG(0))
    params["layers"]["1"]["self_attn"]["out_proj"]["weight"][:, 2:4] = 0
    ids = RNG(1).integers(0, 11, (2, 7))
    logits = model.forward(params, ids)[0]
    for head, same in enumerate((False, True, False)):
        watch = Watch(params, {"layers.1.self_attn": in_heads(REMOVED, [head])})
        assert np.array_equal(attending(model, watch).forward(params, ids)[0], logits) == same


def test_a_removed_head_is_a_head_whose_columns_of_the_projection_are_zero():
    layer = nn.MultiHeadAttention(6, 3, gate=True, sinks=True, score="additive")
    params, x = layer.init(RNG(0)), RNG(1).normal(size=(2, 5, 6))
    watch = Watch(params, {"": in_heads(REMOVED, [1])})
    out, _ = attending(layer, watch).forward(params, x)
    weight = params["out_proj"]["weight"].copy()
    weight[:, 2:4] = 0
    expected, _ = layer.forward(params | {"out_proj": params["out_proj"] | {"weight": weight}}, x)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-14)


def test_the_gradient_of_the_weights_is_recorded():
    """out = weights @ value, so the derivative of <d_out, out> by the weights is d_out @ valueᵀ."""
    layer = nn.MultiHeadAttention(6, 2, bias=False)
    params, x = layer.init(RNG(0)), RNG(1).normal(size=(3, 5, 6))
    watch = Watch(params)
    out, saved = attending(layer, watch).forward(params, x, mask=na.causal())
    assert watch.seen[""].d_weights is None
    d_out = RNG(2).normal(size=out.shape)
    attending(layer, watch).backward(d_out, saved)
    seen = watch.seen[""]
    d_context = (d_out @ params["out_proj"]["weight"]).reshape(3, 5, 2, 3).swapaxes(1, 2)
    expected = np.where(seen.visible, d_context @ seen.value.swapaxes(-1, -2), 0)
    np.testing.assert_allclose(np.where(seen.visible, seen.d_weights, 0), expected, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(seen.visible[0, 0], np.tri(5, dtype=bool))


def seq2seq():
    model = nn.Seq2Seq(vocabulary=11, width=8, heads=2, layers=2, context=6)
    return model, ([[1, 2, 3]], [[1, 4]])


def detector():
    return nn.Detector(5, (2, 3), 6, 2, 1, 3), (RNG(1).normal(size=(2, 6, 5)),)


DECODER = [f"decoder.layers.{n}.{name}" for n in (0, 1) for name in ("self_attn", "multihead_attn")]


@pytest.mark.parametrize(
    ("model", "inputs", "places"),
    [
        (*seq2seq(), ["encoder.layers.0.self_attn", "encoder.layers.1.self_attn", *DECODER]),
        (*detector(), ["encoder.layers.0.self_attn", ""]),
        (nn.PooledWords(11, 6, 2, 3), ([[1, 2, 3]],), [""]),
        (AttentionClassifier(5, 6, 2, "additive", 3), (RNG(1).normal(size=(2, 7, 5)),), [""]),
        (PatchClassifier(5, 7, 6, 2, 1, 3), (RNG(1).normal(size=(2, 7, 5)),), ["layers.0.self_attn"]),
        (nn.AttentionPooling(6, 2), (RNG(1).normal(size=(2, 7, 6)),), ["attention"]),
        (nn.VisionTransformer(4, 2, 6, 2, 1, 3), (RNG(1).normal(size=(2, 3, 4, 4)),), ["layers.0.self_attn"]),
        (nn.EncoderClassifier(11, 6, 2, 1, 5, classes=3), ([[1, 2, 3]],), ["layers.0.self_attn"]),
    ],
    ids=lambda x: type(x).__name__,
)
def test_every_model_is_watched_at_all_its_places_and_changed_there(model, inputs, places):
    params = model.init(RNG(0))
    watch = Watch(params)
    out, _ = attending(model, watch).forward(params, *inputs)
    assert list(watch.seen) == places
    usual, _ = model.forward(params, *inputs)
    first, second = (x[1] if isinstance(x, tuple) else x for x in (out, usual))
    np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-14)
    for place in places:
        other, _ = attending(model, Watch(params, {place: REMOVED})).forward(params, *inputs)
        changed = other[1] if isinstance(other, tuple) else other
        assert not np.allclose(changed, first, rtol=1e-9, atol=0)


def test_places_are_known_when_a_decoder_goes_step_by_step_on_its_cache():
    model, (source, target) = seq2seq()
    params = model.init(RNG(0))
    watch = Watch(params, {DECODER[1]: UNIFORM})
    changed = attending(model, watch)
    whole, _ = changed.forward(params, source, target)
    memory, _ = changed.encode(params, source)
    cache = changed.cache()
    steps = [changed.decode(params, [[id]], memory, cache=cache)[0] for id in target[0]]
    np.testing.assert_allclose(np.concatenate(steps, axis=1), whole, rtol=0, atol=1e-12)


def test_what_cannot_be_watched_is_refused():
    model = nn.PooledWords(11, 6, 2, 3)
    params = model.init(RNG(0))
    with pytest.raises(ValueError, match=r"params holds .*; a part of those being watched is expected"):
        attending(model, Watch(dict(params))).forward(params, [[1]])
    with pytest.raises(TypeError, match="model is Linear; one with an option attention is expected"):
        attending(nn.Linear(2, 3), Watch({}))

    @dataclass(frozen=True)
    class Own:
        attention: object = None

    assert attending(Own(), len).attention is len
