"""A model of a run or the shipped one, and its text as it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_attention.tasks import writing
from numpy_attention.tasks.words.shipped import shipped_model
from numpy_attention.tasks.writing import language_model, until, written
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.run_folder import save_run
from tests.support.runs import a_run
from tests.support.words import RHYME, rhyme_settings


@pytest.fixture(scope="module")
def rhymes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rhyme") / "run"
    settings = rhyme_settings(epochs=2)
    data = RHYME.load(settings)
    *_, run = run_epochs(start_run(RHYME, settings, data), data)
    save_run(folder, run)
    return folder


def test_the_model_of_a_run(rhymes, monkeypatch):
    monkeypatch.setattr(writing, "TASKS", {"rhyme": RHYME})
    writer = language_model(rhymes)
    text = "".join(written(writer, "one for", 20, temperature=0))
    assert len(text) == 20
    assert set(text) <= set(writer.vocabulary.symbols)


def test_the_shipped_model_writes_the_same_with_its_cache_as_without():
    writer, options = shipped_model(), {"seed": 3, "top_p": 0.9}
    pieces = [*written(writer, "Alice was ", 70, **options)]
    assert pieces == [*written(writer, "Alice was ", 70, **options, cached=False)]
    assert len(pieces) == 70 > writer.model.context


def test_another_task_is_refused(tmp_path):
    save_run(tmp_path / "run", a_run())
    expected = "a run of text, python-docs or induction is expected"
    with pytest.raises(ValueError, match=f"is a run of digit-bags, which has no language model; {expected}"):
        language_model(tmp_path / "run")


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        ("", {}, "prompt is empty; at least one character is expected"),
        ("a☃", {}, "prompt holds '☃'; characters that the model has seen are expected"),
        ("a", {"stop": ""}, "stop is empty"),
        ("a", {"beams": 2, "top_k": 3}, "top_k is 3, but beam search draws nothing"),
    ],
)
def test_refused_before_any_work(prompt, options, message):
    with pytest.raises(ValueError, match=message):
        written(shipped_model(), prompt, 5, **options)


@given(st.lists(st.text("abc", max_size=4), max_size=9), st.text("abc", min_size=1, max_size=4))
def test_text_ends_before_the_stop_and_nothing_else_is_lost(pieces, stop):
    assert "".join(until(pieces, stop)) == "".join(pieces).partition(stop)[0]


def test_text_comes_as_soon_as_it_cannot_be_the_stop():
    pieces = iter(["abc", "ab", "x", "never"])
    writing = until(pieces, "abd")
    assert [next(writing), next(writing)] == ["abc", "abx"]
    assert next(pieces) == "never"
