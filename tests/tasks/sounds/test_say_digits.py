"""The task say-digits: what is held out, a small run of it, and speaking."""

import numpy as np
import pytest

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.sounds import say_digits
from numpy_attention.tasks.sounds.griffin_lim import waveform
from numpy_attention.tasks.sounds.say_digits import SAY_DIGITS, facts_of, speak
from numpy_attention.tasks.sounds.spectrogram import frame_count
from numpy_attention.tasks.sounds.synthesis_data import BANDS, STATES
from numpy_attention.training import run_folder
from numpy_attention.training.objective import Figures
from numpy_attention.training.run import run_epochs, start_run
from tests.support.small_speech import use_small_speech

SMALL = dict(layers=1, hidden_dim=8, heads=2, epochs=2, batch_size=8, dropout=0.1, lr=0.01)


@pytest.fixture
def small(monkeypatch):
    """small(**settings): settings of a run on two speakers and their two takes."""
    use_small_speech(monkeypatch)
    return lambda **settings: with_defaults({"task": "say-digits", **SMALL, **settings})


def words_by_voice(utterances):
    return {
        (int(voice), word)
        for words, voice in zip(utterances.words, utterances.voice, strict=True)
        for word in words
    }


def test_two_digits_of_each_speaker_are_held_out(small):
    data = load(small(patience=2))
    train, validation, test, real = (
        words_by_voice(part) for part in (data.train, data.validation, data.test, data.real)
    )
    assert data.speakers == ("ada", "bob")
    assert test == {(0, 2), (0, 7), (1, 0), (1, 5)}
    assert validation == {(0, 0), (0, 5), (1, 3), (1, 8)}
    assert real == {(voice, word) for voice in (0, 1) for word in range(10)} == train | validation | test
    assert not train & test | validation & (train | test)
    assert data.test.words == ((2, 7), (2, 7), (0, 5), (0, 5))
    assert data.cleaned == "24 recordings to train on, 8 held out: 2 digits of each of 2 speakers"
    assert set(data.real.take) == {0}
    without = load(small())
    assert without.validation is None
    assert words_by_voice(without.train) == train | validation


def test_frames_are_scaled_by_those_to_train_on(small):
    settings = small()
    data = load(settings)
    facts, frames = facts_of(settings, data), np.concatenate(data.recordings.frames)
    np.testing.assert_allclose(facts["mean"], frames.mean(axis=0), rtol=1e-5)
    assert facts["deviation"] == pytest.approx(np.sqrt(frames.var(axis=0).mean()), rel=1e-4)
    assert facts["frames"] * STATES == pytest.approx(np.mean([*map(len, data.recordings.frames)]))


def test_every_epoch_has_other_utterances_of_the_same_recordings(small):
    settings = small()
    data = load(settings)
    one, other = (SAY_DIGITS.changed(settings, None, data)(np.random.default_rng(seed)) for seed in (1, 2))
    assert one.size == other.size == data.train.size
    assert one.words != other.words
    assert words_by_voice(one) == words_by_voice(other) == words_by_voice(data.train)


def test_a_run_learns_is_resumed_and_speaks(small, tmp_path, monkeypatch):
    settings = small()
    data = load(settings)
    whole = list(run_epochs(start_run(SAY_DIGITS, settings, data), data))
    assert whole[-1].history[-1]["loss"] < whole[0].history[0]["loss"]
    run_folder.save_run(tmp_path / "run", whole[0])
    kept = run_folder.read_run(tmp_path / "run", {"say-digits": SAY_DIGITS})
    *_, last = run_epochs(kept, load(kept.settings, facts=kept.facts))
    for name, x in flatten(last.params).items():
        np.testing.assert_array_equal(x, flatten(whole[-1].params)[name], err_msg=name)
    samples, speaker = speak(last, "3 1 4", None)
    assert speaker == "ada"
    assert frame_count(len(samples)) > 20
    ((frames, _),) = say_digits.said(last, [[3, 1, 4]], np.array([0]))
    np.testing.assert_array_equal(samples, waveform(frames))
    model = last.objectives()["learned"]
    ((usual, _),) = model.said(last.params, [[3, 1, 4]], np.array([0]), np.array([0]))
    np.testing.assert_array_equal(frames, usual)
    np.testing.assert_array_equal(samples, speak(last, " 3 1  4", "ada")[0])
    other, speaker = speak(last, "3 1 4", "bob")
    assert speaker == "bob"
    assert samples.tolist() != other.tolist()
    rows = SAY_DIGITS.held_out(last, data)
    assert list(rows) == ["attention by durations", "mean template"]
    recordings = [id(frames) for frames in data.real.frames]
    monkeypatch.setattr(  # what the recogniser reads of recordings, and of anything else
        say_digits,
        "judged",
        lambda frames, _: Figures(0.0, 0.75 if [*map(id, frames)] == recordings else 0.25),
    )
    lines = SAY_DIGITS.held_out_lines(last, data, rows)
    read = "All ten digits by all 2 speakers: 0.250 of them are read, of the recordings 0.750"
    assert read in lines
    assert "Attention to each digit as ada says 2 7, a column is 30 ms:" in lines
    test = data.test
    sizes = [len(own) for own, _ in model.said(last.params, test.words, test.voice, test.take)]
    off = np.mean(np.abs(np.subtract(sizes, [*map(len, test.frames)])))
    assert any(line.startswith(f"An utterance lasts {10 * off:.0f} ms more or less") for line in lines)
    uniform = next(line for line in lines if line.startswith("With uniform weights"))
    assert f" {rows['attention by durations'].loss:.4f} dB" not in uniform
    shown = SAY_DIGITS.attention_map(last, data)
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1, rtol=1e-5)
    assert len(shown.columns) == 2 * STATES + 1
    assert shown.columns[STATES - 1 : STATES + 2] == ("2", "pause", "7")
    sheet = SAY_DIGITS.sheet(last, data)
    assert sheet.images.shape[:2] == (8, 3 * BANDS)
    assert sheet.titles[:2] == ("ada: 2 7", "as the model says it")


@pytest.mark.parametrize(
    "text, speaker, told",
    [
        ("", None, "text is ''; one to 10 digits, a space between two, are expected"),
        ("3 12", None, "text is '3 12'; one to 10 digits"),
        ("²", None, "text is '²'; one to 10 digits"),
        ("1 " * 11, None, "one to 10 digits"),
        ("1", "bop", r"speaker is 'bop' \(did you mean 'bob'\?\); one of ada, bob is expected"),
    ],
)
def test_what_cannot_be_said(small, text, speaker, told):
    settings = small()
    with pytest.raises(ValueError, match=told):
        speak(start_run(SAY_DIGITS, settings, load(settings)), text, speaker)
