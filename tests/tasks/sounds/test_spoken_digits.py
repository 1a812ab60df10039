"""The task spoken-digits: its utterances, its report, a run of it, one's own recordings."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.run_data import reload_data
from numpy_attention.tasks.sounds import spoken_digits, utterances
from numpy_attention.tasks.sounds.recognition import recognised
from numpy_attention.tasks.sounds.spoken_digits import SPOKEN_DIGITS, heard, resampled
from numpy_attention.tasks.sounds.utterances import BANDS, drawn_utterances, pairs_of
from numpy_attention.tasks.sounds.wav import write_wav
from numpy_attention.tasks.sounds.words import HELD_OUT_SPEAKERS
from numpy_attention.tasks.words.examples import Pairs
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.streams import EXAMPLES, stream
from tests.support.recordings import write_recordings

SETTINGS = with_defaults(
    {"task": "spoken-digits", "layers": 1, "hidden_dim": 8, "heads": 2, "epochs": 2, "batch_size": 4}
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(spoken_digits, "TRAINING_UTTERANCES", 24)
    monkeypatch.setattr(spoken_digits, "JUDGED_UTTERANCES", 3)
    monkeypatch.setattr(utterances, "POOL", 2**16)


@pytest.fixture
def data():
    return load(SETTINGS)


def test_held_out_speakers_are_never_trained_on(data):
    speakers = {data.words.speakers[place] for place in data.words.speaker}
    assert len(speakers) == 18
    assert not speakers & set(HELD_OUT_SPEAKERS)
    assert {data.words.speakers[one.speaker] for one in data.held_out.utterances} <= set(HELD_OUT_SPEAKERS)
    assert {len(one.digits) for one in data.held_out.utterances} <= {3, 4, 5}
    assert (data.train.size, data.test.size, data.validation) == (24, 3, None)
    assert data.held_out.templates is data.words


def test_with_patience_training_speakers_validate(data):
    rng = stream(SETTINGS.seed, EXAMPLES, 4)
    expected = pairs_of(drawn_utterances(rng, data.words, 3, spoken_digits.JUDGED))
    np.testing.assert_array_equal(load(SETTINGS._replace(patience=3)).validation.source, expected.source)


def test_every_epoch_has_other_utterances_but_equally_many(data):
    one, other = (resampled(np.random.default_rng(seed), SETTINGS, data) for seed in (0, 1))
    assert one.size == other.size == 24
    assert one.source.shape != other.source.shape or not np.array_equal(one.source, other.source)
    blank, kept = (~pairs.source.reshape(24, -1, BANDS).any(axis=1) for pairs in (one, data.train))
    assert 0.1 < blank.mean() < 0.3
    assert not kept.any()


def test_errors_are_listed_by_the_noise_that_there_is(data):
    said = [list(one.digits) for one in data.held_out.utterances]
    utterances = tuple(
        one._replace(snr=snr) for one, snr in zip(data.held_out.utterances, (6.0, 10.0, 7.0), strict=True)
    )
    data = data._replace(held_out=replace(data.held_out, utterances=utterances))
    data.held_out.__dict__["nearest"] = said
    rows = [line for line in spoken_digits.error_lines(data, [said[0], [], said[2]]) if " dB " in line]
    assert [line.split()[:6] for line in rows] == [
        ["5", "to", "10", "dB", "0.000", "0.000"],
        ["10", "to", "15", "dB", "1.000", "0.000"],
    ]


def test_low_bands_are_below_in_the_spectrogram():
    frames = np.zeros((1, 2, utterances.STACKED, BANDS))
    frames[0, 0, :, :4], frames[0, 1, :, -2:] = 1, 0.5
    words = SimpleNamespace(words=("no", "yes"))
    held_out = SimpleNamespace(utterances=[utterances.Utterance(np.zeros(1), (1,))])
    data = SimpleNamespace(test=Pairs(frames.reshape(1, 2, -1), *[None] * 3), words=words, held_out=held_out)
    _, *rows, weights = spoken_digits.spectrogram_lines(data, np.array([[1.0, 0.0]]))
    assert rows == ["      =", *[""] * (BANDS // 2 - 3), "     @", "     @"]
    assert weights == "yes  @"


@pytest.mark.slow
def test_a_run_learns_is_resumed_and_shows_its_alignment(data, tmp_path):
    whole = list(run_epochs(start_run(SPOKEN_DIGITS, SETTINGS, data), data))
    assert whole[-1].history[-1]["loss"] < whole[0].history[0]["loss"]
    run_folder.save_run(tmp_path / "run", whole[0])
    kept = run_folder.read_run(tmp_path / "run", {"spoken-digits": SPOKEN_DIGITS})
    *_, last = run_epochs(kept, load(kept.settings, facts=kept.facts))
    for name, x in flatten(last.params).items():
        np.testing.assert_array_equal(x, flatten(whole[-1].params)[name], err_msg=name)
    rows = SPOKEN_DIGITS.held_out(last, data)
    assert list(rows) == ["encoder-decoder", "nearest template, words cut out"]
    assert rows["nearest template, words cut out"].accuracy > 0.3
    lines = SPOKEN_DIGITS.held_out_lines(last, data, rows)
    assert max(len(line) for line in lines) <= 100
    said, objective = [list(one.digits) for one in data.held_out.utterances], last.objectives()["learned"]
    exact = sum(map(list.__eq__, recognised(objective.model, last.params, data.test), said))
    assert any(f": {exact} of 3 utterances are right as a whole" in line for line in lines)
    assert any(line.startswith("Centre of attention moves forward in ") for line in lines)
    errors = next(line for line in lines if line.startswith("all "))
    for figures, rate in zip(rows.values(), errors.split()[1:], strict=True):
        assert abs(1 - figures.accuracy - float(rate)) < 6e-4
    shown = SPOKEN_DIGITS.attention_map(last, data)
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1, rtol=1e-5)
    assert shown.rows == tuple(str(digit) for digit in data.held_out.utterances[0].digits)
    assert shown.columns[:2] == ("0.00", "0.04")
    sheet = SPOKEN_DIGITS.sheet(last, data)
    assert len(sheet.images) == len(sheet.heat) == len(sheet.titles)
    assert len(sheet.titles) % sheet.columns == 0
    assert "[" in sheet.titles[0]
    assert 0.3 < sheet.images.shape[1] / sheet.images.shape[2] < 0.6


def test_recordings_of_your_own(tmp_path):
    folder = write_recordings(tmp_path / "own")
    settings = SETTINGS._replace(wav=str(folder), epochs=1)
    own = load(settings)
    assert own.cleaned.startswith("1 speaker of 3 held out; noise")
    speakers = {load(settings._replace(seed=seed)).held_out.utterances[0].speaker for seed in range(3)}
    assert len(speakers) > 1
    *_, run = run_epochs(start_run(SPOKEN_DIGITS, settings, own), own)
    assert run.objectives()["learned"].model.vocabulary == 3 + 4
    assert run.facts.values == {"words": "0/1/2/3"}
    run_folder.save_run(tmp_path / "run", run)
    kept = run_folder.read_run(tmp_path / "run", {"spoken-digits": SPOKEN_DIGITS})
    again = reload_data(kept, tmp_path / "run")[1]
    np.testing.assert_array_equal(again.test.source, own.test.source)
    (folder / "3_eve_1.wav").rename(folder / "3_eve_2.wav")
    with pytest.raises(ValueError, match="own has changed since the run was trained on it"):
        reload_data(kept, tmp_path / "run")
    folder.rename(tmp_path / "gone")
    with pytest.raises(
        ValueError, match=r"own, the data of the run, is not there.*; put it beside the run folder$"
    ):
        reload_data(kept, tmp_path / "run")


def test_a_recording_is_heard(data, tmp_path):
    *_, run = run_epochs(start_run(SPOKEN_DIGITS, SETTINGS._replace(epochs=1), data), data)
    write_wav(tmp_path / "a.wav", np.asarray(data.held_out.utterances[0].samples, float))
    words = heard(run, tmp_path / "a.wav")
    assert all(word in data.words.words for word in words.split())
    write_wav(tmp_path / "long.wav", np.sin(np.arange(9 * 8000)))
    with pytest.raises(ValueError, match=r"long\.wav is 9\.0 s long; 8 s at most are expected"):
        heard(run, tmp_path / "long.wav")
    write_wav(tmp_path / "silent.wav", np.ones(8000) / 4)
    with pytest.raises(ValueError, match=r"silent\.wav is silent; words are expected"):
        heard(run, tmp_path / "silent.wav")
