"""A run replayed epoch by epoch: its own numbers, and a refusal if a bit differs."""

import numpy as np
import pytest

from numpy_attention.cli import main
from numpy_attention.files import read_npz, write_npz
from numpy_attention.study.web import replay as module
from numpy_attention.study.web.replay import replay
from numpy_attention.study.web.run_panel import run_data, run_html
from numpy_attention.tasks import TASKS
from numpy_attention.training.run_folder import read_run
from tests.support.commands import QUICK, write_own_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    write_own_data(place)
    words = ["train", "--csv", str(place / "t.csv"), "--label", "kind", "--tokens", "2", *QUICK]
    assert main([*words, "--out", str(place / "run")]) == 0
    return place / "run"


def test_epochs_are_those_of_the_run(folder):
    shown = replay(folder)
    assert [view.number for view in shown.epochs] == [0, 1, 2, 3]
    assert [view.loss for view in shown.epochs[1:]] == [row["loss"] for row in shown.run.history]
    for view in shown.epochs:
        np.testing.assert_allclose(view.weights.sum(axis=1), 1)
        np.testing.assert_allclose(view.d_scores.sum(axis=1), 0, atol=1e-12)


def test_gradients_of_scores_are_those_of_each_examples_own_loss(folder):
    """Uniform logits move no score; otherwise a step against d_scores lowers the loss."""
    shown = replay(folder)
    assert any(np.abs(view.d_scores).max() > 0 for view in shown.epochs)
    assert run_data(shown)["epochs"][3]["weights"] == shown.epochs[3].weights.tolist()
    html = run_html(shown)
    assert html.count("<svg") == 1 + len(shown.shown)
    assert f"{shown.run.number} epochs" in html


@pytest.mark.parametrize("name", ["history.rows", "learned.classifier.bias"])
def test_a_run_that_comes_out_otherwise_is_refused(folder, tmp_path, name):
    arrays = read_npz(folder / "run.npz")
    changed = arrays[name].copy()
    changed.flat[1 if name == "history.rows" else 0] *= 1 + 1e-15
    write_npz(tmp_path / "run.npz", arrays | {name: changed})
    with pytest.raises(ValueError, match="cannot be shown: replayed here"):
        replay(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        replay(tmp_path)


def test_a_run_of_words_is_refused(folder, monkeypatch):
    of_words = read_run(folder, TASKS)._replace(task=TASKS["copy"])
    monkeypatch.setattr(module, "read_run", lambda *_: of_words)
    with pytest.raises(ValueError, match="runs of a classification can be shown epoch by epoch"):
        replay(folder)
