"""Encoder and decoder: their equations, what the source hides, decoding with a cache."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.functional.layers.positions import sinusoidal
from numpy_attention.nn import heads
from numpy_attention.optim.trees import flatten
from tests.support import layer_formulas as formulas
from tests.support.layer_formulas import random_params

SIZES = {"vocabulary": 13, "width": 6, "heads": 2, "layers": 2, "context": 7}
SOURCE, TARGET = (np.random.default_rng(n).integers(13, size=(3, n)) for n in (4, 5))
FORMS = {
    "vaswani": {},
    "own tables": {"target_vocabulary": 13, "tied": False, "positions": "learned", "norm_first": True},
    "rotary": {"positions": nn.Rotary(2), "norm": "rms", "decoder_layers": 1},
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def model_of(**form):
    model = nn.Seq2Seq(**SIZES, **form)
    return model, random_params(model)


def test_forward_is_its_equations():
    model, p = model_of()
    table, waves = p["embedding"]["weight"], sinusoidal(np.arange(7), 6)
    memory, x = table[SOURCE] + waves[:4], table[TARGET] + waves[:5]
    for place in "01":
        memory = formulas.encoder_layer(p["encoder"]["layers"][place], memory, 2, True)
    for place in "01":
        x = formulas.decoder_layer(p["decoder"]["layers"][place], x, memory, 2, np.tri(5, dtype=bool))
    np.testing.assert_allclose(model.forward(p, SOURCE, TARGET)[0], x @ table.T, rtol=1e-10, atol=1e-10)


def test_a_source_of_numbers_is_read_by_a_linear_map():
    model, p = model_of(source_width=3)
    frames, waves = np.random.default_rng(2).normal(size=(3, 4, 3)), sinusoidal(np.arange(7), 6)
    memory = frames @ p["source"]["weight"].T + p["source"]["bias"] + waves[:4]
    for place in "01":
        memory = formulas.encoder_layer(p["encoder"]["layers"][place], memory, 2, True)
    np.testing.assert_allclose(model.encode(p, frames)[0], memory, rtol=1e-10, atol=1e-10)


def test_what_a_source_hides_has_no_influence():
    model, params = model_of()
    other, mask = SOURCE.copy(), na.padding([4, 2, 4])
    other[1, 2:] = (other[1, 2:] + 1) % 13
    out = model.forward(params, SOURCE, TARGET, source_mask=mask)[0]
    np.testing.assert_array_equal(model.forward(params, other, TARGET, source_mask=mask)[0], out)
    alone = model.forward(params, SOURCE[1:2, :2], TARGET[1:2])[0]
    np.testing.assert_allclose(out[1], alone[0], rtol=1e-11, atol=1e-11)


@every_form
def test_later_ids_have_no_influence(form):
    model, params = model_of(**form)
    other = TARGET.copy()
    other[:, 3:] = (other[:, 3:] + 1) % 13
    first, second = (model.forward(params, SOURCE, target)[0] for target in (TARGET, other))
    np.testing.assert_array_equal(first[:, :3], second[:, :3])


@every_form
@pytest.mark.parametrize("pieces", [[1] * 5, [2, 3]], ids=str)
def test_decoding_in_pieces_equals_one_pass(form, pieces):
    model, params = model_of(**form)
    real = na.padding([4, 1, 3])
    memory, _ = model.encode(params, SOURCE, mask=real)
    cache = model.cache()
    parts = np.split(TARGET, np.cumsum(pieces)[:-1], axis=1)
    steps = [model.decode(params, ids, memory, memory_mask=real, cache=cache)[0] for ids in parts]
    expected = model.forward(params, SOURCE, TARGET, source_mask=real)[0]
    np.testing.assert_allclose(np.concatenate(steps, axis=1), expected, rtol=0, atol=1e-11)


def test_one_table_has_the_gradients_of_source_target_and_output():
    one, params = model_of()
    three, _ = model_of(target_vocabulary=13, tied=False)
    d_logits = np.random.default_rng(1).standard_normal((3, 5, 13))
    d = one.backward(d_logits, one.forward(params, SOURCE, TARGET)[1])[1]
    copies = params | {"target_embedding": params["embedding"], "head": params["embedding"]}
    apart = three.backward(d_logits, three.forward(copies, SOURCE, TARGET)[1])[1]
    expected = sum(apart[name]["weight"] for name in ("embedding", "target_embedding", "head"))
    np.testing.assert_allclose(d["embedding"]["weight"], expected, rtol=1e-11)


@every_form
def test_gradients_are_nested_like_the_parameters(form):
    model, params = model_of(**form)
    logits, saved = model.forward(params, SOURCE, TARGET)
    _, d_params = model.backward(logits, saved)
    model.check(d_params)
    assert [*d_params] == [*params]


def test_dropout_by_seed_differs_in_encoder_and_decoder():
    model, params = model_of(dropout=0.4)
    first, again, still = (model.forward(params, SOURCE, TARGET, seed=seed)[0] for seed in (1, 1, None))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, still).any()
    saved = model.forward(params, TARGET, TARGET, seed=1)[1]
    assert (saved.encode.dropout.multipliers != saved.decode.dropout.multipliers).any()


BAD = {
    "source": ((SOURCE + 13, TARGET), "source holds 2.; less than 13, the vocabulary"),
    "target": ((SOURCE, TARGET + 13), "target holds 2.; less than 13, the vocabulary"),
    "longer": ((SOURCE, np.zeros((3, 8), int)), "target has length 8; at most 7, the context"),
}


NOT_FRAMES = {
    "narrow": (np.zeros((3, 4, 2)), r"source has shape \(3, 4, 2\); \(..., 3\)"),
    "long": (np.zeros((3, 8, 3)), "source has length 8; at most 7, the context"),
}


@pytest.mark.parametrize("source, text", NOT_FRAMES.values(), ids=NOT_FRAMES)
def test_numbers_that_do_not_fit_are_one_sentence(source, text):
    model, params = model_of(source_width=3)
    with pytest.raises(ValueError, match=f"^Seq2Seq: {text}"):
        model.forward(params, source, TARGET)
    with pytest.raises(ValueError, match=r"^Seq2Seq: target_vocabulary is 5; None is expected"):
        model_of(source_width=3, target_vocabulary=5)


@pytest.mark.parametrize("inputs, text", BAD.values(), ids=BAD)
def test_what_does_not_fit_is_one_sentence(inputs, text):
    model, params = model_of()
    with pytest.raises(ValueError, match=f"^Seq2Seq: {text}"):
        model.forward(params, *inputs)


def test_a_cache_has_no_backward_and_a_layer_for_each_block():
    model, params = model_of(decoder_layers=1)
    memory, _ = model.encode(params, SOURCE)
    _, saved = model.decode(params, TARGET, memory, cache=model.cache())
    with pytest.raises(TypeError, match=r"saved is DecodeSaved of a forward with a cache"):
        model.decode_backward(np.ones((3, 5, 13)), saved)
    with pytest.raises(ValueError, match=r"^Seq2Seq: cache is for 2 layers; 1"):
        model.decode(params, TARGET, memory, cache=nn.ModelCache(2, 5))
    assert "decoder.layers.1.norm1.weight" not in flatten(params)


@every_form
def test_decoding_projects_the_memory_once_in_each_block(form, monkeypatch):
    """Also after the entries were reordered; another memory is projected anew. Later steps stay right."""
    model, params = model_of(**form)
    lengths, product = [], heads.linear_forward

    def counted(x, *weights):
        lengths.append(x.shape[-2])
        return product(x, *weights)

    def step(ids, memory, real):
        return model.decode(params, ids, memory, memory_mask=na.padding(real), cache=cache)[0]

    memory, other = (
        model.encode(params, ids, mask=na.padding([4, 1, 3]))[0] for ids in (SOURCE, SOURCE[::-1])
    )
    cache, order = model.cache(), [2, 0, 0]
    monkeypatch.setattr(heads, "linear_forward", counted)
    for place in range(2):
        step(TARGET[:, place : place + 1], memory, [4, 1, 3])
    cache.reorder(order)
    out = step(TARGET[order, 2:3], memory[order], [3, 4, 4])
    assert lengths.count(4) == len(cache)
    changed = step(TARGET[order, 3:4], other, [3, 4, 4])
    assert lengths.count(4) == 2 * len(cache)
    monkeypatch.undo()
    whole = model.decode(params, TARGET[order], memory[order], memory_mask=na.padding([3, 4, 4]))[0]
    np.testing.assert_allclose(out[:, 0], whole[:, 2], rtol=0, atol=1e-11)
    assert np.abs(changed[:, 0] - whole[:, 3]).max() > 1e-3
