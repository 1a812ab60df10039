"""The task find-digit: its canvases, thresholds, and a run of it."""

import numpy as np
import pytest

from numpy_attention.files import write_npz
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.images import read_digits
from numpy_attention.tasks.pictures import find_digit
from numpy_attention.tasks.pictures.canvas import CANVAS, Canvases
from numpy_attention.tasks.pictures.detection import Found
from numpy_attention.tasks.pictures.find_digit import (
    FIND_DIGIT,
    best_threshold,
    counts,
    resampled,
)
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.task import Box

SETTINGS = with_defaults(
    {"task": "find-digit", "layers": 1, "hidden_dim": 4, "heads": 2, "epochs": 2, "batch_size": 4, "lr": 0.01}
)


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setattr(find_digit, "TRAINING_CANVASES", 12)
    monkeypatch.setattr(find_digit, "JUDGED_CANVASES", 5)
    return load(SETTINGS)


def test_training_and_held_out_canvases_have_other_digits(data, monkeypatch):
    assert (data.train.size, data.test.size, data.tuning.size, data.validation) == (12, 5, 5, None)
    np.testing.assert_array_equal(data.images.reshape(898, -1) * 16, read_digits()[0][:898])
    given = []
    monkeypatch.setattr(find_digit, "drawn_canvases", lambda rng, images, *rest: given.append(images))
    find_digit.load_data(SETTINGS, None)
    assert [len(images) for images in given] == [898, 899, 898]
    np.testing.assert_array_equal(given[1].reshape(899, -1) * 16, read_digits()[0][898:])


def test_every_epoch_has_other_canvases_but_equally_many(data):
    one, other = (resampled(np.random.default_rng(seed), SETTINGS, data) for seed in (0, 1))
    assert one.size == other.size == 12
    assert not np.array_equal(one.images, other.images)


def test_a_threshold_gives_the_best_f1():
    boxes = np.tile(np.array([0.0, 0.0, 0.5, 0.5]), (4, 1, 1))
    canvases = Canvases(np.zeros((4, CANVAS, CANVAS)), np.array([[True], [True], [False], [False]]), boxes)
    found = Found(np.array([[0.9], [0.7], [0.6], [0.1]]), boxes)
    threshold = best_threshold(found, canvases)
    assert 0.6 < threshold <= 0.7
    assert counts(found, canvases, threshold) == (2, 2)
    assert counts(found, canvases, 0.0) == (4, 2)


def test_a_run_learns_is_resumed_and_shows_its_boxes(data, tmp_path):
    whole = list(run_epochs(start_run(FIND_DIGIT, SETTINGS, data), data))
    assert whole[-1].history[-1]["loss"] < whole[0].history[0]["loss"]
    run_folder.save_run(tmp_path / "run", whole[0])
    kept = run_folder.read_run(tmp_path / "run", {"find-digit": FIND_DIGIT})
    *_, last = run_epochs(kept, load(kept.settings, facts=kept.facts))
    for name, x in flatten(last.params).items():
        np.testing.assert_array_equal(x, flatten(whole[-1].params)[name], err_msg=name)
    rows = FIND_DIGIT.held_out(last, data)
    assert list(rows) == ["one query a class", "template matching"]
    lines = FIND_DIGIT.held_out_lines(last, data, rows)
    assert any(line.split()[:2] == ["template", "matching"] for line in lines[5:])
    assert max(len(line) for line in lines) <= 100
    shown = FIND_DIGIT.attention_map(last, data)
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1, rtol=1e-5)
    assert shown.weights.shape == (10, 64)
    sheet = FIND_DIGIT.sheet(last, data)
    assert (len(sheet.images), len(sheet.boxes)) == (5, 5)


def test_a_class_of_one_image_is_refused(tmp_path):
    y = np.array(["cat", "cat", "dog", "cat", "cow", "dog"])
    write_npz(tmp_path / "own.npz", {"x": np.ones((6, 5, 5)), "y": y})
    with pytest.raises(ValueError, match=r"own\.npz: class cow has one image; two or more are expected"):
        load(SETTINGS._replace(npz=str(tmp_path / "own.npz")))


def test_images_of_your_own(data, tmp_path):
    y = np.arange(20) % 2
    write_npz(
        tmp_path / "own.npz",
        {"x": np.random.default_rng(0).random((20, 5, 5)), "y": np.array(["cat", "dog"])[y]},
    )
    settings = SETTINGS._replace(npz=str(tmp_path / "own.npz"), epochs=1)
    own = load(settings)
    assert (own.images.shape, own.classes, own.images.max()) == ((16, 5, 5), ("cat", "dog"), 1)
    *_, run = run_epochs(start_run(FIND_DIGIT, settings, own), own)
    assert run.objectives()["learned"].model.queries == 2
    assert FIND_DIGIT.sheet(run, own).titles[0] == "cat, dog"
    assert FIND_DIGIT.attention_map(run, own).rows[0] == "cat, on the canvas"
    boxes = find_digit.found_boxes(
        Found(np.array([[0.1, 0.9]]), np.full((1, 2, 4), 0.5)), 0, 0.5, own.classes
    )
    assert boxes == (Box(16, 16, 16, 16, "dog"),)
