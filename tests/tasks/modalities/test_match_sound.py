"""The task match-sound: what is held out, a run of it, and what is shown of its attention."""

import numpy as np
import pytest

from numpy_attention.nn import Watch
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.tasks.images import read_digits
from numpy_attention.tasks.modalities import match_sound
from numpy_attention.tasks.modalities.match_sound import resampled, weights
from numpy_attention.tasks.sounds.words import HELD_OUT_SPEAKERS
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.watching import watched

SETTINGS = with_defaults(
    {"task": "match-sound", "layers": 1, "hidden_dim": 6, "heads": 2, "epochs": 2, "batch_size": 8}
)


@pytest.fixture(scope="module")
def run():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(match_sound, "TRAINING", 24)
        patch.setattr(match_sound, "JUDGED", 13)
        data = load(SETTINGS)
        return data, list(run_epochs(start_run(TASKS["match-sound"], SETTINGS, data), data))


def test_speakers_and_images_are_held_out(run):
    data, _ = run
    assert {data.words.speakers[place] for place in data.words.speaker} & set(HELD_OUT_SPEAKERS) == set()
    apart = data.held_out.words
    assert {apart.speakers[place] for place in apart.speaker} == set(HELD_OUT_SPEAKERS)
    images = read_digits()[0] / 16
    first, last = ({image.tobytes() for image in part} for part in (images[:898], images[898:]))
    for examples, own, others in ((data.train, first, last), (data.test, last, first)):
        drawn = {image.tobytes() for image in examples.images.reshape(-1, 64)}
        assert drawn <= own
        assert len(drawn & others) < 3  # two images occur in both
    assert data.validation is None
    assert data.held_out.training_words is data.words
    assert data.held_out.training_digits is data.digits


def test_with_patience_training_speakers_validate(monkeypatch):
    monkeypatch.setattr(match_sound, "TRAINING", 5)
    monkeypatch.setattr(match_sound, "JUDGED", 60)
    data = load(SETTINGS._replace(patience=3))
    assert (data.validation.size, data.words.size) == (60, 540)
    assert data.validation.clips.max() >= data.held_out.words.size == 180


def test_every_epoch_has_other_examples_but_equally_many(run):
    data, _ = run
    one, other = (resampled(np.random.default_rng(seed), SETTINGS, data) for seed in (0, 1))
    assert one.size == other.size == 24
    assert not np.array_equal(one.images, other.images)
    images = {image.tobytes() for image in data.digits.x}
    assert np.mean([image.tobytes() in images for image in one.images.reshape(-1, 64)]) < 0.2


def test_a_resumed_run_equals_the_unbroken_one(run, tmp_path):
    data, whole = run
    run_folder.save_run(tmp_path / "run", whole[0])
    kept = run_folder.read_run(tmp_path / "run", TASKS)
    *_, last = run_epochs(kept, data)
    for name, x in flatten(last.params).items():
        np.testing.assert_array_equal(x, flatten(whole[-1].params)[name], err_msg=name)


def test_every_line_of_the_report(run, monkeypatch):
    data, (*_, last) = run
    data.held_out.__dict__["two_steps"] = np.zeros(13, dtype=int)  # dynamic time warping takes seconds
    rows = last.task.held_out(last, data)
    assert list(rows) == ["attention to patches", "nearest word, nearest image", "chance"]
    assert rows["nearest word, nearest image"].accuracy == (data.test.answers == 0).mean()
    assert rows["chance"] == (pytest.approx(np.log(4)), 0.25)
    lines = last.task.held_out_lines(last, data, rows)
    start = next(place for place, line in enumerate(lines) if line.startswith("Accuracy   "))
    speaker = data.held_out.words.speaker[data.test.clips]
    table = [line.split() for line in lines[start + 1 : start + 1 + len(np.unique(speaker))]]
    assert [name for name, *_ in table] == [
        data.held_out.words.speakers[place] for place in np.unique(speaker)
    ]
    mean = sum(
        float(ours) * (speaker == place).sum()
        for (_, ours, _), place in zip(table, np.unique(speaker), strict=True)
    )
    assert mean / 13 == pytest.approx(rows["attention to patches"].accuracy, abs=1e-3)
    assert sum(map(float, lines[-2].split())) == pytest.approx(1, abs=0.03)
    assert lines[-1].index("^^^^") // 8 == data.test.answers[0]


def test_what_is_shown_of_the_attention(run):
    data, (*_, last) = run
    patches, frames = weights(last, data.test)
    logits = last.objectives()["learned"].logits(last.params, data.test)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(patches.sum(axis=-1), shares, rtol=1e-3)
    np.testing.assert_allclose(frames.sum(axis=1), 1, rtol=1e-5)
    watch = Watch(last.params)
    watched(last.objectives()["learned"], watch).figures(last.params, data.test)
    np.testing.assert_allclose(frames, watch.seen["pooling.attention"].weights.mean(axis=(1, 2)), rtol=1e-5)
    real = np.arange(frames.shape[1]) < data.test.lengths[:, None]
    assert not frames[~real].any()
    shown = last.task.attention_map(last, data)
    assert shown.rows == tuple(str(label) for label in np.unique(data.held_out.words.digit[data.test.clips]))
    sheet = last.task.sheet(last, data)
    assert (sheet.images.shape, sheet.heat.shape) == ((20, 8, 8), (20, 4, 4))
    named = [place for place, title in enumerate(sheet.titles) if '"' in title]
    assert named == [4 * row + answer for row, answer in enumerate(data.test.answers[:5])]
