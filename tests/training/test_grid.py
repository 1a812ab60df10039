"""Settings from options, files and other runs, and the grid that they span."""

import json

import numpy as np
import pytest

from numpy_attention.tasks.options import grid_settings, resolve_settings
from numpy_attention.training import run_folder as runs
from numpy_attention.training.evaluation import Figures
from numpy_attention.training.grid import Point, format_point, sensitivity
from numpy_attention.training.run import run_epochs, start_run
from numpy_attention.training.settings import Settings
from tests.training.test_run_folder import some_data


def test_options_go_before_the_file_and_the_file_before_the_defaults(tmp_path):
    (tmp_path / "c.json").write_text('{"task": "breast-cancer", "lr": 0.5, "heads": 3, "clip": null}')
    settings = resolve_settings({"lr": 0.25, "seed": None}, str(tmp_path / "c.json"))
    assert settings[:8] == ("breast-cancer", "location", 3, 50, 100, 0.25, 32, 0)
    assert settings.clip is None


def test_a_run_s_own_settings_are_such_a_file(tmp_path):
    run = start_run(Settings(digit=0, batch_size=7, epochs=1, score="dot"), some_data())
    (last,) = run_epochs(run, some_data())
    runs.keep(tmp_path, last)
    assert resolve_settings({}, str(tmp_path / "settings.json")) == run.settings
    assert json.loads((tmp_path / "settings.json").read_text())["score"] == "dot"


def test_a_file_names_the_task():
    settings = resolve_settings({"csv": "a.csv", "label": "b", "tokens": 2})
    assert settings.task == "csv"
    assert resolve_settings({"npz": "a.npz"}).task == "npz"


def test_a_start_from_another_run_has_its_model_and_its_task(tmp_path):
    model = {"score": "dot", "heads": 2, "hidden_dim": 6, "temperature": "learned"}
    run = start_run(Settings(digit=4, batch_size=7, epochs=1, lr=0.5, **model), some_data())
    (last,) = run_epochs(run, some_data())
    runs.keep(tmp_path, last)
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
    assert format_point(grid[1], varied) == "lr 0.1, heads 2"


def test_what_met_a_number_that_is_not_finite_is_left_out_and_counted():
    losses = {0.1: 0.5, 0.2: np.nan, 0.3: 0.25}
    found = [Point(Settings(lr=lr), Figures(loss, 0.9)) for lr, loss in losses.items()]
    lines = sensitivity(found, ["lr"])
    assert lines[1].split() == [
        "lr",
        "0.1:",
        "0.5000",
        "0.3:",
        "0.2500",
        "from",
        "least",
        "to",
        "most",
        "0.2500",
    ]
    assert lines[2] == "Left out: 1 that met a number that is not finite"
    assert lines[3].startswith("Least: 0.2500 at lr 0.3. It was chosen by the held-out part")
    assert len(sensitivity(found[1:2], ["lr"])) == 3


def test_the_parameters_of_another_run_are_the_start_and_scratch_is_beside():
    data = some_data()
    *_, source = run_epochs(start_run(Settings(batch_size=7, epochs=2), data), data)
    settings = Settings(batch_size=7, epochs=2, start_from="x")
    run = start_run(settings, data, source)
    assert list(run.epochs) == ["learned", "uniform", "scratch"]
    for name in ("learned", "uniform"):
        assert run.epochs[name].params is source.epochs[name].params
        assert int(run.epochs[name].state["step"]) == 0
    fresh = start_run(settings._replace(start_from=None), data).epochs["learned"].params
    scratch = run.epochs["scratch"].params
    np.testing.assert_array_equal(scratch["features"]["weight"], fresh["features"]["weight"])
    *_, last = run_epochs(run, data)
    whole = [row["loss"] for row in source.history]
    assert [row["scratch_loss"] for row in last.history] == whole


def test_a_start_of_another_shape_is_refused():
    data = some_data()
    (source,) = run_epochs(start_run(Settings(batch_size=7, epochs=1, hidden_dim=4), data), data)
    settings = Settings(batch_size=7, hidden_dim=5, start_from="x")
    with pytest.raises(ValueError, match=r"x does not fit: .*features.weight is \(4, 3\); \(5, 3\)"):
        start_run(settings, data, source)
    settings = settings._replace(hidden_dim=4, score="dot")
    with pytest.raises(ValueError, match=r"x does not fit: its learned.score.query is nothing"):
        start_run(settings, data, source)
