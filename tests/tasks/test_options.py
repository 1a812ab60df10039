"""Settings from options, files and other runs, and the grid that several values make."""

import json

import pytest

from numpy_attention.tasks.options import grid_settings, resolve_settings
from numpy_attention.training.run_folder import save_run
from tests.support.runs import a_run


def test_options_precede_the_file_and_the_file_precedes_defaults(tmp_path):
    (tmp_path / "c.json").write_text('{"task": "breast-cancer", "lr": 0.5, "heads": 3, "clip": null}')
    settings = resolve_settings({"lr": 0.25, "seed": None}, str(tmp_path / "c.json"))
    assert settings[:8] == ("breast-cancer", "location", 3, 50, 100, 0.25, 32, 0)
    assert settings.clip is None


def test_settings_json_of_a_run_is_a_settings_file(tmp_path):
    run = a_run(digit=0, epochs=1, score="dot")
    save_run(tmp_path, run)
    assert resolve_settings({}, str(tmp_path / "settings.json")) == run.settings
    assert json.loads((tmp_path / "settings.json").read_text())["score"] == "dot"


def test_a_data_file_implies_the_task():
    settings = resolve_settings({"csv": "a.csv", "label": "b", "tokens": 2})
    assert settings.task == "csv"
    assert resolve_settings({"npz": "a.npz"}).task == "npz"


def test_a_start_from_another_run_takes_its_model_and_its_task(tmp_path):
    model = {"score": "dot", "heads": 2, "hidden_dim": 6, "temperature": "learned"}
    save_run(tmp_path, a_run(digit=4, epochs=1, lr=0.5, **model))
    settings = resolve_settings({"start_from": str(tmp_path)})
    assert {name: getattr(settings, name) for name in model} == model
    assert (settings.digit, settings.lr) == (4, 0.001)
    assert resolve_settings({"start_from": str(tmp_path), "digit": 7}).digit == 7
    assert resolve_settings({"start_from": str(tmp_path), "task": "breast-cancer"}).digit is None


def test_a_grid_has_every_combination():
    grid, varied = grid_settings({"lr": [0.1, 0.2], "heads": [1, 2, 3], "seed": [5]})
    assert varied == ["lr", "heads"]
    assert {(s.lr, s.heads, s.seed) for s in grid} == {(lr, h, 5) for lr in (0.1, 0.2) for h in (1, 2, 3)}
    assert grid_settings({"seed": [5]}) == ([resolve_settings({"seed": 5})], [])


def test_equal_values_of_a_setting_are_refused():
    with pytest.raises(ValueError, match=r"^lr is 0.1, 0.1; values that differ are expected"):
        grid_settings({"lr": [0.1, 0.1]})
