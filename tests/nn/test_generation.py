"""Writing: the same ids with the cache and without, beams against every sequence, and what does not fit."""

import itertools

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn import generation
from numpy_attention.nn.sampling import penalise_repetition
from numpy_attention.optim.trees import flatten, unflatten
from tests.support.layer_formulas import random_params

V, WIDTH, HEADS, CONTEXT = 13, 4, 2, 5
FORMS = {
    "learned": {},
    "rotary": {"positions": nn.Rotary(layout="halves"), "norm": "rms", "activation": "swiglu", "bias": False},
    "alibi": {"positions": nn.ALiBi(HEADS), "sinks": True},
    "sinusoidal": {"positions": "sinusoidal", "norm_first": False, "dropout": 0.5},
}
OPTIONS = {
    "greedy": {"temperature": 0},
    "sampled": {"temperature": 0.8, "seed": 3},
    "filtered": {"top_k": 6, "top_p": 0.9, "min_p": 0.01, "seed": 5},
    "penalised": {"temperature": 0, "repetition_penalty": 1.5},
    "beams": {"beams": 3},
}


def model_of(dtype=np.float64, context=CONTEXT, vocabulary=V, **form):
    model = nn.LanguageModel(vocabulary, WIDTH, HEADS, 1, context, **form)
    params = {name: x.astype(dtype) for name, x in flatten(random_params(model)).items()}
    return model, unflatten(params)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize(
    ("form", "dtype", "prompt"),
    [
        ("learned", np.float32, [4]),
        ("rotary", np.float32, [1, 2, 3, 4, 5, 6, 7]),
        ("alibi", np.float64, [1, 2, 3, 4, 5]),
        ("sinusoidal", np.float64, [7, 7]),
    ],
)
def test_the_same_with_the_cache_as_without(form, options, dtype, prompt):
    model, params = model_of(dtype, **FORMS[form])
    ids = [*generation.generate(model, params, prompt, 11, **options)]
    assert ids == [*generation.generate(model, params, prompt, 11, **options, cached=False)]
    assert len(ids) == 11


@pytest.mark.parametrize("penalty", [1, 1.5])
def test_greedy_takes_the_likeliest_of_a_window_that_halves(penalty):
    """The penalty is of all ids before, those too that the model has forgotten."""
    model, params = model_of()
    ids, start = [1, 2, 3, 4], 0
    options = {"temperature": 0, "repetition_penalty": penalty}
    for written in generation.generate(model, params, ids.copy(), 9, **options):
        if len(ids) - start > CONTEXT:
            start = len(ids) - 3
        logits = model.forward(params, [ids[start:]])[0][0, -1]
        assert written == penalise_repetition(logits, ids, penalty).argmax()
        ids.append(written)


def test_top_k_1_is_greedy_and_seeds_differ():
    model, params = model_of()
    write = lambda **options: [*generation.generate(model, params, [1, 2], 9, **options)]  # noqa: E731
    assert write(top_k=1) == write(temperature=0)
    assert write() == write(seed=0) != write(seed=1)


def test_enough_beams_find_the_likeliest_sequence():
    model, params = model_of(vocabulary=4, context=9)
    texts = np.array([[1, 3, 0, *written] for written in itertools.product(range(4), repeat=4)])
    log_p = na.log_softmax(model.forward(params, texts)[0])[:, 2:-1]
    sums = np.take_along_axis(log_p, texts[:, 3:, None], axis=2).sum(axis=(1, 2))
    written = [*generation.generate(model, params, [1, 3, 0], 4, beams=4**3)]
    assert written == texts[sums.argmax(), 3:].tolist()


def test_beams_keep_the_likeliest_of_every_step():
    model, params = model_of(vocabulary=4, context=9)
    switched = 0
    for prompt in itertools.product(range(4), repeat=2):
        kept, leaders = [(0.0, list(prompt))], []
        for _ in range(5):
            longer = [
                (total + log_p, [*ids, place])
                for total, ids in kept
                for place, log_p in enumerate(na.log_softmax(model.forward(params, [ids])[0][0, -1]))
            ]
            kept = sorted(longer, key=lambda one: -one[0])[:2]
            leaders.append(kept[0][1][-1])
        assert [*generation.generate(model, params, prompt, 5, beams=2)] == kept[0][1][2:]
        switched += leaders != kept[0][1][2:]
    assert switched > 0  # else what leads at each step would do


def test_ids_come_one_by_one_and_nothing_is_computed_before():
    model, params = model_of()
    params["embedding"]["weight"][...] = np.nan
    writing = generation.generate(model, params, [1], 3)
    with pytest.raises(ValueError, match="logits has the largest nan"):
        next(writing)
    assert [*generation.generate(model, params, [1], 0)] == []


def test_beams_give_what_they_have_in_common_at_once(monkeypatch):
    model, params = model_of()
    steps = []
    reader = generation._Reader.logits
    monkeypatch.setattr(generation._Reader, "logits", lambda self: steps.append(1) or reader(self))
    writing = generation.generate(model, params, [1, 2], 17, beams=2)
    next(writing)
    assert len(steps) < 17
    assert len([*writing]) == 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": []}, r"ids has shape \(0,\); \(T,\), at least one id, is expected"),
        ({"ids": [[1]]}, r"ids has shape \(1, 1\)"),
        ({"ids": [13]}, "ids holds 13; less than 13, the vocabulary, is expected"),
        ({"length": -1}, "length holds -1"),
        ({"seed": -1}, "seed holds -1"),
        ({"beams": 0}, "beams holds 0"),
        ({"repetition_penalty": 0}, "penalty is 0; a number above 0 is expected, 1 for none"),
        (
            {"beams": 2, "temperature": 0.5},
            "temperature is 0.5, but beam search draws nothing; temperature or beams is",
        ),
        (
            {"beams": 2, "min_p": 1.0},
            "min_p is 1.0, but beam search draws nothing; min_p or beams is expected, not both",
        ),
        ({"temperature": 0, "top_p": 0.5}, "top_p is 0.5, but temperature 0 takes the likeliest id"),
    ],
)
def test_refused_before_any_work(changes, message):
    model, params = model_of()
    with pytest.raises(ValueError, match=message):
        generation.generate(model, params, **{"ids": [1], "length": 3, **changes})


def test_refused_models():
    model, params = model_of()
    with pytest.raises(TypeError, match=r"an nn\.LanguageModel is expected"):
        generation.generate(nn.Linear(2, 3), params, [1], 3)
    with pytest.raises((TypeError, ValueError), match="params"):
        generation.generate(model, {}, [1], 3)
