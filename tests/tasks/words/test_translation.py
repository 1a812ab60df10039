"""What tasks of translation share: learning, resuming, the alignment, one's own text."""

from dataclasses import replace

import numpy as np
import pytest

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.tasks.words import translation
from numpy_attention.tasks.words.objectives import Translating
from numpy_attention.tasks.words.translation import (
    Drawn,
    alignment,
    cross_attention,
    shown_example,
    source_vocabulary,
    translate_text,
)
from numpy_attention.tasks.words.vocabulary import Vocabulary
from numpy_attention.tasks.words.word_task import WordData, WordFacts
from numpy_attention.tasks.words.written import Piece, Written, written_pairs
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run
from tests.tasks.words.test_word_task import same

SMALL = {"task": "dates", "hidden_dim": 8, "layers": 1, "epochs": 3, "batch_size": 16, "dropout": 0.1}


@pytest.fixture(scope="module")
def runs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translation, "EPOCH", 128)
        settings = with_defaults(SMALL)
        data = load(settings)
        few = data._replace(validation=data.validation.some(slice(32)), test=data.test.some(slice(32)))
        few = few._replace(raw=data.raw._replace(test=data.raw.test[:32]))
        yield few, list(run_epochs(start_run(TASKS["dates"], settings, few), few))


def test_the_loss_falls_and_examples_are_drawn_anew(runs):
    _, whole = runs
    losses = [row["loss"] for row in whole[-1].history]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_a_resumed_run_ends_in_the_same_bits(runs, tmp_path):
    data, whole = runs
    run_folder.save_run(tmp_path, whole[0])
    *_, last = run_epochs(run_folder.read_run(tmp_path, TASKS), data)
    same(last, whole[-1])


def test_uniform_weights_are_on_the_right_part_by_chance(runs):
    data, whole = runs
    model, params = whole[-1].objectives()["learned"].model, whole[-1].params
    for name, array in flatten(params).items():
        if "multihead_attn.in_proj" in name:
            array[...] = 0
    weights = cross_attention(model, params, data.test)
    lengths = data.test.source_lengths
    np.testing.assert_allclose(weights[0, :, :, 0], np.ones((32, 11)) / lengths[:, None], rtol=1e-6)
    shares, _, chance = alignment(model, params, data)
    np.testing.assert_allclose(shares, chance, rtol=1e-6)
    one, shown = shown_example(model, params, data)
    assert shown.shape == (10, len(one.text))


def test_the_alignment_is_that_of_symbols_that_stand_for_something(monkeypatch):
    year, month, nothing = (lambda text, means=means: Piece(text, means) for means in ("y", "m", ""))
    written = [
        Written((year("ab"), nothing("-")), (year("1"), nothing("2"))),
        Written((month("c"), year("d")), (year("1"), month("2"))),
    ]
    vocabularies = [Vocabulary.of_characters(text, special=True) for text in ("-abcd", "12")]
    pairs = written_pairs(written, *vocabularies)
    data = WordData(pairs, pairs, pairs, *vocabularies, raw=Drawn(None, None, written))
    weights = np.array([[[[0.5, 0.1, 0.4], [0, 0, 1], [0, 0, 1]], [[0.7, 0.3, 0], [0.9, 0.1, 0], [0, 1, 0]]]])
    monkeypatch.setattr(translation, "cross_attention", lambda model, params, examples: weights)
    shares, largest, chance = alignment(None, None, data)
    np.testing.assert_allclose(shares, [(0.6 + 0.3 + 0.9) / 3])
    np.testing.assert_allclose(largest, [2 / 3])
    assert chance == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)


def test_cross_attention_is_the_mean_of_all_heads(runs):
    data, (first, *_) = runs
    model, params = first.objectives()["learned"].model, first.params
    _, _, saved = Translating(replace(model, attention="reference")).forward(params, data.test)
    heads = saved.decode.decoder.layers[0].multihead_attn.weights
    assert heads.shape[1] == 4
    np.testing.assert_allclose(cross_attention(model, params, data.test)[0], sum(heads.swapaxes(0, 1)) / 4)


def test_every_line_of_the_report(runs):
    data, whole = runs
    last = whole[-1]
    rows = last.task.held_out(last, data)
    lines = last.task.held_out_lines(last, data, rows)
    exact = round(next(iter(rows.values())).accuracy * 32)
    assert f"Accuracy is the share of exact translations: {exact} of 32 by greedy decoding" in lines
    assert [line[0] for line in lines[-14:-4]] == list(data.raw.test[0].translation)
    assert [line.split("  ")[0] for line in lines[-3:]] == [
        "On the right part of the source", "layer 1", "uniform weights"
    ]  # fmt: skip
    shown = last.task.attention_map(last, data)
    assert shown.weights.shape == (len(shown.rows), len(shown.columns))


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "text is empty; 1 to 64 characters are expected"),
        ("3 March 2020" * 6, "text is '3 March .*, 72 characters; 1 to 64 characters are expected"),
        ("3 ☃ 2020", "text holds '☃'; characters that the model has seen are expected"),
    ],
)
def test_a_text_that_is_none_of_the_models_is_refused(runs, text, told):
    with pytest.raises(ValueError, match=f"^{told}"):
        translate_text(runs[1][0], text)


def test_a_text_is_translated_as_the_held_out_example_is(runs):
    data, whole = runs
    model = whole[0].objectives()["learned"].model
    (ids,) = translation.translated(model, whole[0].params, data.test.some(slice(1)))
    assert translate_text(whole[0], data.raw.test[0].text) == data.target_vocabulary.decode(ids)


def test_the_vocabulary_of_an_earlier_run_must_have_every_character_of_the_task():
    own = Vocabulary.of_characters("abc", special=True)
    assert source_vocabulary(own, None) == own
    wider = Vocabulary.of_characters("abcd", special=True)
    assert source_vocabulary(own, WordFacts(wider, None, None)) == wider
    with pytest.raises(
        ValueError, match="the task holds 'c'; characters that the model has seen are expected: 'ab'"
    ):
        source_vocabulary(own, WordFacts(Vocabulary.of_characters("ab", special=True), None, None))
