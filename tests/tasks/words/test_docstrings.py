"""The task docstrings on a library of a few words: parts, epochs, learning, a text of one's own."""

from collections import Counter

import numpy as np
import pytest

from numpy_attention.tasks import TASKS, with_defaults
from numpy_attention.tasks.words import docstrings
from numpy_attention.tasks.words.docstrings import DOCSTRINGS, UNKNOWN, classify_text, encoded, new_vocabulary
from numpy_attention.tasks.words.library import Document, split_documents
from numpy_attention.tasks.words.naive_bayes import naive_bayes
from numpy_attention.tasks.words.vocabulary import Vocabulary
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run
from tests.tasks.words.test_word_task import same

WORDS = {"email": ("header", "mailbox"), "logging": ("handler", "record"), "tkinter": ("widget", "button")}
SETTINGS = with_defaults({"task": "docstrings", "hidden_dim": 8, "epochs": 3, "heads": 2, "patience": 9})


def small_library():
    rng = np.random.default_rng(5)
    return [
        Document(
            (*rng.choice([*own, "return", "value"], 4), f"w{place}"), package, f"{package}/{place % 6}.py"
        )
        for package, own in WORDS.items()
        for place in range(60)
    ]


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setattr(docstrings, "read_library", small_library)
    return DOCSTRINGS.load(SETTINGS)


def test_patience_sets_a_validation_part_aside(data):
    assert data.target_vocabulary.symbols == tuple(WORDS)
    together = DOCSTRINGS.load(SETTINGS._replace(patience=None))
    assert together.validation is None
    assert together.train.size == data.train.size + data.validation.size
    assert "this Python has no asyncio, http" in data.cleaned


def test_symbols_and_naive_bayes_are_those_of_the_training_part(data):
    train, _, _ = split_documents(small_library())
    assert data.vocabulary == new_vocabulary(train)
    assert data.train.counted is None
    for part in (data.validation, data.test):
        wanted = naive_bayes(data.train, part, data.vocabulary.size, len(WORDS))
        np.testing.assert_array_equal(part.counted, wanted)


def test_an_unknown_word_is_known_by_its_pieces():
    vocabulary = Vocabulary(("<pad>", "<unknown>", "<ope", "is"))
    assert [ids.tolist() for ids in encoded(("opener", "is", "at"), vocabulary)] == [[2], [3], [UNKNOWN]]


def test_an_epoch_leaves_words_out_and_draws_small_modules_more_often(data):
    epoch = DOCSTRINGS.resampled(np.random.default_rng(0), SETTINGS, data)
    assert epoch.size == data.train.size
    assert 0.25 < epoch.lengths.mean() / data.train.lengths.mean() < 0.55
    assert epoch.lengths.min() > 0
    owners = {
        data.vocabulary.places[word]: place for place, words in enumerate(WORDS.values()) for word in words
    }
    for ids, label in zip(epoch.ids, epoch.labels, strict=True):
        assert {owners[place] for place in ids if place in owners} <= {label}


def test_a_module_is_drawn_by_the_square_root_of_its_size(monkeypatch):
    library = [
        one._replace(module=one.module[:-4] + "one.py") if at % 2 else one
        for at, one in enumerate(small_library())
    ]
    monkeypatch.setattr(docstrings, "read_library", lambda: library)
    shares, sizes = DOCSTRINGS.load(SETTINGS).raw.shares, Counter()
    train, _, _ = split_documents(library)
    for one in train:
        sizes[one.module] += 1
    assert len(set(sizes.values())) > 1
    roots = np.array([1 / np.sqrt(sizes[one.module]) for one in train])
    np.testing.assert_allclose(shares, roots / roots.sum())


def test_a_resumed_run_ends_in_the_same_bits_and_knows_its_words(data, tmp_path):
    whole = list(run_epochs(start_run(DOCSTRINGS, SETTINGS._replace(lr=0.05), data), data))
    run_folder.save_run(tmp_path, whole[0])
    kept = run_folder.read_run(tmp_path, TASKS)
    *_, last = run_epochs(kept, DOCSTRINGS.load(kept.settings, kept.facts))
    same(last, whole[-1])
    rows = DOCSTRINGS.held_out(last, data)
    ours = "attention and naive Bayes"
    assert list(rows) == [ours, f"{ours}, uniform weights", "naive Bayes", "majority class"]
    assert rows[ours].accuracy > rows["majority class"].accuracy
    lines = DOCSTRINGS.held_out_lines(last, data, rows)
    assert [line.split()[0] for line in lines[-9:-6]] == list(WORDS)
    assert [line.split()[0] for line in lines[-4:-2]] == ["attention", "uniform"]
    np.testing.assert_allclose(DOCSTRINGS.attention_map(last, data).weights.sum(axis=1), 1)
    assert classify_text(last, "The Button widgets of tkinter").splitlines()[0].split()[0] == "tkinter"
    with pytest.raises(ValueError, match=r"^text is 'tkinter!'; a word is expected"):
        classify_text(last, "tkinter!")


def test_a_run_of_a_python_with_other_packages_is_refused(data):
    facts = DOCSTRINGS.facts(SETTINGS, data)._replace(target_vocabulary=Vocabulary(("email", "http")))
    with pytest.raises(
        ValueError, match=r"^the run knows the packages email, http; this Python has email, log"
    ):
        DOCSTRINGS.load(SETTINGS, facts)
