"""The entries of one head: every parameter of an attention that not all heads share, none in two heads."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.nn.head_entries import head_entries
from numpy_attention.nn.logistic import Logistic
from numpy_attention.nn.patch_classifier import PatchClassifier
from numpy_attention.nn.token_scores import SCORES
from numpy_attention.optim.trees import flatten, unflatten

ATTENTIONS = {
    "plain": {},
    "other widths": {"key_width": 5, "value_width": 7, "head_width": 2},
    "gate and sinks": {"gate": True, "sinks": True},
    "extra keys": {"add_bias_kv": True},
    "additive": {"score": "additive"},
    "cosine": {"score": "cosine"},
    "adaptive": {"temperature": "learned", "normaliser": "entmax", "positions": nn.AdaptiveSpan(3, 5, 2)},
    "grouped": {"kv_heads": 1, "add_bias_kv": True},
}
SHARED = {"out_proj.bias", "score.sharpness"}


def counts(shapes, heads):
    """How many heads have each entry."""
    counted = {name: np.zeros(shape, int) for name, shape in flatten(shapes).items()}
    for entries in heads:
        for name, index in entries.items():
            counted[name][index] += 1
    return counted


@pytest.mark.parametrize("options", ATTENTIONS.values(), ids=ATTENTIONS)
def test_each_entry_belongs_to_one_head_but_those_that_all_share(options):
    layer = nn.MultiHeadAttention(6, 3, **options)
    (heads,) = head_entries(layer).values()
    for name, own in counts(layer.shapes(), heads).items():
        if "kv_heads" in options and name.startswith("in_proj"):
            assert (own[:6] == 1).all()
            assert (own[6:] == 0).all()
        else:
            shared = name in SHARED or ("kv_heads" in options and name.startswith("bias_"))
            assert (own == (not shared)).all(), name


@pytest.mark.parametrize("options", ATTENTIONS.values(), ids=ATTENTIONS)
def test_a_head_whose_output_has_weight_0_leaves_its_entries_without_a_gradient(options):
    rng, layer = np.random.default_rng(43), nn.MultiHeadAttention(6, 3, **options)
    params = layer.init(rng)
    params["out_proj"]["weight"][:, layer.columns : 2 * layer.columns] = 0  # of the second head
    inputs = [rng.normal(size=(2, 5, width)) for width in layer.input_widths]
    out, saved = layer.forward(params, *inputs)
    _, d_params = layer.backward(rng.normal(size=out.shape), saved)
    d_flat, (heads,) = flatten(d_params), head_entries(layer).values()
    for head, entries in enumerate(heads):
        for name in entries.keys() - {"out_proj.weight"}:
            assert (d_flat[name][entries[name]] == 0).all() == (head == 1), name


@pytest.mark.parametrize("score", SCORES)
def test_heads_of_the_attention_classifier(score):
    rng, model = np.random.default_rng(47), AttentionClassifier(3, 5, 2, score, 3, "learned")
    params = model.init(rng)
    params["classifier"]["weight"][:, 5:] = 0
    logits, saved = model.forward(params, rng.normal(size=(4, 7, 3)))
    _, d_params = model.backward(rng.normal(size=logits.shape), saved)
    (heads,) = model.heads_by_place().values()
    d_flat = flatten(d_params)
    for head, entries in enumerate(heads):
        for name in entries.keys() - {"classifier.weight"}:
            assert (d_flat[name][entries[name]] == 0).all() == (head == 1), name
    shared = ("features.weight", "features.bias", "classifier.bias", "score.sharpness")
    for name, own in counts(model.shapes(), heads).items():
        assert (own == (name not in shared)).all(), name


def test_heads_of_pooled_words():
    model = nn.PooledWords(11, 5, 2, 3)
    ((place, heads),) = head_entries(model).items()
    assert place == "pooling"
    own = counts(model.shapes(), heads)
    assert {name: set(array.ravel()) for name, array in own.items()} == {
        "embedding.weight": {0}, "score.weight": {1}, "classifier.weight": {1}, "classifier.bias": {0}
    }  # fmt: skip
    params = model.init(np.random.default_rng(53))
    flat = flatten(params)
    flat["classifier.weight"][heads[1]["classifier.weight"]] = 0
    one = model.forward(unflatten(flat), [[1, 2, 3]])[0]
    flat["score.weight"][heads[1]["score.weight"]] = 9.0
    np.testing.assert_array_equal(model.forward(unflatten(flat), [[1, 2, 3]])[0], one)


def test_places_are_those_of_the_parameters_in_their_order():
    model = nn.Seq2Seq(vocabulary=11, width=6, heads=3, layers=1, context=5)
    assert list(head_entries(model)) == [
        "encoder.layers.0.self_attn",
        "decoder.layers.0.self_attn",
        "decoder.layers.0.multihead_attn",
    ]
    patches = PatchClassifier(input_dim=4, tokens=7, hidden_dim=6, heads=2, layers=2)
    found = patches.heads_by_place()
    assert list(found) == ["layers.0.self_attn", "layers.1.self_attn"]
    assert set(found["layers.1.self_attn"][0]) <= set(flatten(patches.shapes()))
    assert Logistic(3, 2).heads_by_place() == {}
    assert head_entries(nn.Linear(3, 5)) == {}
