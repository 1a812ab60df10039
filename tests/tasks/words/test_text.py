"""The task text: parts of a text, what is refused, and a model that learns."""

from dataclasses import replace

import numpy as np
import pytest

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.words.text import ALICE, TEXT, last_weights
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run

SMALL = dict(layers=1, hidden_dim=8, heads=2, context=8, epochs=3, batch_size=16, dropout=0.1, lr=0.01)
BEGINNING = ALICE.read_text()[:3000]


@pytest.fixture
def settings(tmp_path):
    """settings(content, **others) of a small model of a text."""

    def settings(content=BEGINNING, **others):
        file = tmp_path / "own.txt"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return with_defaults({"task": "text", **SMALL, "text_file": str(file), **others})

    return settings


@pytest.mark.parametrize("code", ["characters", "byte-pairs"])
@pytest.mark.parametrize("patience, parts", [(None, (900, 0, 100)), (3, (800, 100, 100))])
def test_the_last_tenth_is_held_out_and_the_one_before_validates(settings, code, patience, parts):
    content = ALICE.read_text()[7000:8000]
    data = load(settings(content, code=code, patience=patience))
    train, validation, test = data.train, data.validation, data.test
    words = [data.vocabulary.decode(train.ids)]
    for part in (validation, test):
        words.append("" if part is None else data.vocabulary.decode(part.rows[:, 1:][part.judged]))
    assert tuple(map(len, words)) == parts
    assert "".join(words) == content
    assert data.raw == (content[:900], content[900:])  # what n-grams know, and what they are judged by
    assert (data.vocabulary.size > len(set(content))) == (code == "byte-pairs")


@pytest.mark.parametrize("patience, pairs", [(None, {"ab", "cd"}), (3, {"ab"})])
def test_byte_pairs_are_those_of_the_training_part(settings, patience, pairs):
    data = load(settings("ab" * 40 + "cd" * 5 + "ef" * 5, context=1, patience=patience))
    assert {symbol for symbol in data.vocabulary.symbols if len(symbol) == 2} == pairs


def test_the_loss_is_in_nats_a_character(settings):
    data = load(settings())
    objective = TEXT.objectives(settings(), TEXT.facts(settings(), data))["learned"]
    params = objective.init(np.random.default_rng(0))
    params["embedding"]["weight"][...] = 0  # equal logits
    symbols = int(data.test.judged.sum())
    wanted = symbols * np.log(data.vocabulary.size) / 300
    assert symbols < 300
    assert objective.figures(params, data.test).loss == pytest.approx(wanted, rel=1e-6)


def test_the_map_is_that_of_the_last_layer(settings):
    these = settings(layers=2)
    objective = TEXT.objectives(these, TEXT.facts(these, data := load(these)))["learned"]
    params, ids = objective.init(np.random.default_rng(0)), data.test.ids[:5]
    _, saved = replace(objective.model, attention="reference").forward(params, ids[None])
    first, last = (layer.self_attn.attention.weights[0] for layer in saved.stack.layers)
    assert not np.array_equal(first, last)
    np.testing.assert_array_equal(last_weights(objective.model, params, ids), last)


def test_characters_do_not_start_from_byte_pairs(settings):
    facts = TEXT.facts(settings(), load(settings()))
    with pytest.raises(
        ValueError, match=r"^code is 'characters', but the earlier run had byte-pairs; the same"
    ):
        load(settings(code="characters"), source=facts)


def test_every_epoch_has_other_windows_but_equally_many(settings):
    data = load(settings())
    one, other = (TEXT.resampled(np.random.default_rng(seed), settings(), data) for seed in (0, 1))
    assert one.size == other.size == data.train.size
    assert one.starts[0] != other.starts[0]


DEFAULTS = {name: TEXT.defaults[name] for name in SMALL if name != "epochs"}


@pytest.mark.parametrize("size, sizes", [(3000, {}), pytest.param(9000, DEFAULTS, marks=pytest.mark.slow)])
def test_the_loss_falls_and_a_resumed_run_equals_the_unbroken_one(settings, tmp_path, size, sizes):
    these = settings(ALICE.read_text()[:size], patience=3, **sizes)
    data = load(these)
    whole = list(run_epochs(start_run(TEXT, these, data), data))
    assert whole[-1].history[-1]["validation_loss"] < whole[0].history[0]["validation_loss"]
    run_folder.save_run(tmp_path / "run", whole[0])
    kept = run_folder.read_run(tmp_path / "run", {"text": TEXT})
    *_, last = run_epochs(kept, load(kept.settings, facts=kept.facts))
    for name, x in flatten(last.params).items():
        np.testing.assert_array_equal(x, flatten(whole[-1].params)[name], err_msg=name)
    rows = TEXT.held_out(last, data)
    assert list(rows) == ["language model", "3-gram", "4-gram", "5-gram"]
    lines = TEXT.held_out_lines(last, data, rows)
    assert f"{size // 10:,} characters" in lines[-1]
    assert lines[3].split()[0] == "3-gram"
    assert lines[3].split()[2] == "-"
    weights = TEXT.attention_map(last, data).weights
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_array_equal(weights, np.tril(weights))


@pytest.mark.parametrize(
    "content, told",
    [
        ("", "own.txt is empty; a text is expected"),
        (b"Gr\xfc\xdfe", "own.txt is not in UTF-8: byte 2 is 0xfc"),
        ("abc", "own.txt has 2 symbols to train on; more than 8, the context, are expected: .* --code char"),
        ("ab", "own.txt has 1 symbol to train on"),
    ],
)
def test_what_is_no_text_is_refused(settings, content, told):
    with pytest.raises(ValueError, match=told):
        load(settings(content))


def test_characters_that_the_earlier_run_never_saw_are_named(settings):
    facts = TEXT.facts(settings(), load(settings()))
    with pytest.raises(
        ValueError, match=r"^own\.txt holds 'ß'; characters that the model has seen are expected"
    ):
        load(settings("Spaß " * 50), source=facts)


def test_the_files_that_ship_are_those_of_the_canterbury_corpus():
    sizes = {name: (ALICE.parent / name).stat().st_size for name in ("alice.txt", "as_you_like_it.txt")}
    assert sizes == {"alice.txt": 148480, "as_you_like_it.txt": 125179}
