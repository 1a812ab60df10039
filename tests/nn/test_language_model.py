"""The language model: its equations, its causality, its cache, and what does not fit."""

import sys

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.optim.trees import flatten, unflatten
from tests.support import layer_formulas as formulas
from tests.support.layer_formulas import random_params

V, WIDTH, HEADS, LAYERS, CONTEXT = 13, 6, 2, 2, 7
IDS = np.random.default_rng(0).integers(V, size=(3, 5))
LLAMA = {
    "positions": nn.Rotary(2, layout="halves"), "norm": "rms", "activation": "swiglu", "kv_heads": 1,
    "hidden": 5, "bias": False, "tied": False, "query_key_norm": "rms",
}  # fmt: skip
FORMS = {
    "gpt-2": {},
    "llama": LLAMA,
    "alibi, norms after": {"positions": nn.ALiBi(HEADS), "norm_first": False},
    "waves": {"positions": "sinusoidal", "dropout": 0.3},
    "none": {"positions": None},
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def model_of(**form):
    model = nn.LanguageModel(V, WIDTH, HEADS, LAYERS, CONTEXT, **form)
    return model, random_params(model)


@pytest.mark.parametrize("tied", [True, False])
def test_forward_is_its_equations(tied):
    model, p = model_of(activation="relu", tied=tied)
    x = p["embedding"]["weight"][IDS] + p["positions"]["weight"][:5]
    for place in "01":
        x = formulas.encoder_layer(p["layers"][place], x, HEADS, np.tri(5, dtype=bool), norm_first=True)
    x = formulas.normed(p["norm"], x, "layer")
    output = p["embedding"] if tied else p["head"]
    np.testing.assert_allclose(model.forward(p, IDS)[0], x @ output["weight"].T, rtol=1e-10, atol=1e-10)


@every_form
def test_later_ids_have_no_influence(form):
    model, params = model_of(**form)
    other = IDS.copy()
    other[:, 3:] = (other[:, 3:] + 1) % V
    logits, changed = (model.forward(params, ids)[0] for ids in (IDS, other))
    np.testing.assert_array_equal(logits[:, :3], changed[:, :3])
    assert not np.isclose(logits[:, 3:], changed[:, 3:]).all()


def test_a_mask_hides_besides_later_ids():
    model, params = model_of()
    logits = model.forward(params, IDS, mask=na.padding([5, 3, 5]))[0]
    np.testing.assert_allclose(logits[[0, 2]], model.forward(params, IDS)[0][[0, 2]], rtol=1e-12)
    np.testing.assert_array_equal(
        model.forward(params, IDS, mask=na.causal())[0], model.forward(params, IDS)[0]
    )
    documents = np.array([0, 0, 1, 1, 1])
    packed, own = model_of(positions=None)
    both = packed.forward(own, IDS, mask=na.segments(documents, documents))[0]
    np.testing.assert_allclose(both[:, 2:], packed.forward(own, IDS[:, 2:])[0], rtol=0, atol=1e-12)


@every_form
@pytest.mark.parametrize("pieces", [[1] * 5, [3, 1, 1], [2, 3]], ids=str)
def test_pieces_with_a_cache_equal_one_pass(form, pieces):
    model, params = model_of(**form)
    cache = model.cache()
    parts = np.split(IDS, np.cumsum(pieces)[:-1], axis=1)
    out = np.concatenate([model.forward(params, ids, cache=cache)[0] for ids in parts], axis=1)
    np.testing.assert_allclose(out, model.forward(params, IDS)[0], rtol=0, atol=1e-11)


@every_form
def test_prompts_of_different_lengths_go_on_each_at_its_own_position(form):
    model, params = model_of(**form)
    cache, lengths = model.cache(), np.array([4, 1, 3])
    model.forward(params, IDS[:, :4], cache=cache)
    cache.trim(lengths)
    after = model.forward(params, IDS[:, 4:], cache=cache)[0]
    for b, n in enumerate(lengths):
        whole = np.append(IDS[b, :n], IDS[b, 4])
        np.testing.assert_allclose(after[b, 0], model.forward(params, whole[None])[0][0, n], atol=1e-11)


def test_a_sliding_cache_goes_on_without_end():
    model, params = model_of(**LLAMA)
    cache = model.cache(3, sliding=True)
    for step in range(4 * CONTEXT):
        logits = model.forward(params, IDS[:, step % 5, None], cache=cache)[0]
    assert cache.lengths.tolist() == [28] * 3
    assert np.isfinite(logits).all()


def test_a_layer_of_a_decoding_step_makes_few_calls():
    """In float32, of Python and C functions: nothing else in a step of a small model takes as long."""

    def calls(layers):
        model, made = nn.LanguageModel(11, 8, 2, layers, 7), []
        wide, cache = flatten(random_params(model)), model.cache()
        params = unflatten({name: x.astype(np.float32) for name, x in wide.items()})
        model.forward(params, [[1, 2, 3]], cache=cache)
        sys.setprofile(lambda frame, event, _: made.append(event) if event in ("call", "c_call") else None)
        model.forward(params, [[4]], cache=cache)
        sys.setprofile(None)
        return len(made)

    assert calls(3) - calls(2) < 700


def test_a_tied_table_has_the_gradients_of_input_and_output():
    tied, params = model_of()
    untied, _ = model_of(tied=False)
    d_logits = np.random.default_rng(1).standard_normal((*IDS.shape, V))
    d = tied.backward(d_logits, tied.forward(params, IDS)[1])[1]
    both = params | {"head": params["embedding"]}
    apart = untied.backward(d_logits, untied.forward(both, IDS)[1])[1]
    expected = apart["embedding"]["weight"] + apart["head"]["weight"]
    np.testing.assert_allclose(d["embedding"]["weight"], expected, rtol=1e-12)


def test_dropout_by_seed_and_none_without():
    model, params = model_of(dropout=0.4)
    first, again, other = (model.forward(params, IDS, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).any()
    still = model_of()[0].forward(params, IDS)[0]
    np.testing.assert_array_equal(model.forward(params, IDS)[0], still)


def test_float32_stays_float32_and_is_near_float64():
    model, params = model_of()
    narrow = {name: x.astype(np.float32) for name, x in flatten(params).items()}
    nested = na.nn.from_torch(model, narrow)
    logits, saved = model.forward(nested, IDS)
    assert logits.dtype == np.float32
    _, d_params = model.backward(logits, saved)
    assert {x.dtype for x in flatten(d_params).values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(logits, model.forward(params, IDS)[0], rtol=0, atol=1e-3)


def test_the_tree_names_every_parameter():
    model = nn.LanguageModel(V, WIDTH, HEADS, LAYERS, CONTEXT)
    text = str(model)
    lines = text.splitlines()
    assert lines[0].startswith("LanguageModel(vocabulary=13, width=6, heads=2, layers=2, context=7)")
    assert f"{nn.count_parameters(model.init(np.random.default_rng(0))):,} parameters" in lines[0]
    assert "  positions: Learned(length=7, width=6)  42 parameters" in lines


LONG = np.zeros((2, CONTEXT + 1), int)
BAD = {
    "id": ({"ids": [[1, V]]}, ValueError, "ids holds 13; less than 13, the vocabulary, is expected"),
    "negative id": ({"ids": [[-1]]}, ValueError, "ids holds -1; at least 0"),
    "no id": ({"ids": [[0.5]]}, TypeError, "ids has dtype float64"),
    "no axis": ({"ids": 3}, ValueError, r"ids is 3, without an axis; \(B, T\) is expected"),
    "longer": ({"ids": LONG}, ValueError, "ids has length 8; at most 7, the context, is expected"),
    "bare mask": ({"ids": IDS, "mask": np.ones((5, 5), bool)}, TypeError, "mask is .*; a Mask is expected"),
    "cache": ({"ids": IDS, "cache": nn.KVCache(5)}, TypeError, "cache is KVCache; a ModelCache is expected"),
    "full": (
        {"ids": IDS, "cache": nn.ModelCache(2, 4)},
        ValueError,
        "cache has capacity 4; at least 5 is expected",
    ),
}


@pytest.mark.parametrize("call, error, text", BAD.values(), ids=BAD)
def test_what_does_not_fit_is_one_sentence(call, error, text):
    model, params = model_of()
    with pytest.raises(error, match=f"^LanguageModel: {text}"):
        model.forward(params, **call)


def test_a_mask_of_another_length_names_the_layer_and_the_mask():
    model, params = model_of()
    with pytest.raises(ValueError, match=r"^MultiHeadAttention: mask.* \(3, 4, 4\)"):
        model.forward(params, IDS, mask=na.visible(np.ones((3, 4, 4), bool)))


def test_positions_end_with_the_context_even_if_the_cache_slides():
    model, params = model_of()
    cache = model.cache(3, sliding=True)
    for _ in range(CONTEXT):
        model.forward(params, IDS[:, :1], cache=cache)
    with pytest.raises(ValueError, match=r"^LanguageModel: ids go up to position 7 .* from 0 to 6"):
        model.forward(params, IDS[:, :1], cache=cache)
    assert cache.lengths.tolist() == [7, 7, 7]


def test_what_is_no_model():
    with pytest.raises(ValueError, match=r"^LanguageModel: positions is 'rotary'; 'learned'"):
        nn.LanguageModel(V, WIDTH, HEADS, LAYERS, CONTEXT, positions="rotary")
    with pytest.raises(ValueError, match=r"heads is 4; a number that divides width, 6"):
        nn.LanguageModel(V, WIDTH, 4, LAYERS, CONTEXT)
    model, params = model_of()
    _, saved = model.forward(params, IDS, cache=model.cache())
    with pytest.raises(
        TypeError, match=r"^LanguageModel: saved is LanguageModelSaved of a forward with a cache"
    ):
        model.backward(np.ones((3, 5, V)), saved)
