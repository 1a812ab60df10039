"""The table of a grid, and the sensitivity of the held-out loss to each setting."""

import numpy as np

from numpy_attention.tasks.classification.evaluation import Figures
from numpy_attention.training.grid import Point, data_settings, format_point, grid_table, sensitivity
from numpy_attention.training.settings import Settings


def test_points_that_differ_in_the_model_share_their_data():
    assert data_settings(Settings(lr=0.1)) == data_settings(Settings(lr=0.2, heads=3))
    assert data_settings(Settings(seed=1)) != data_settings(Settings(seed=2))
    for name, value in {
        "text_file": "a",
        "code": "characters",
        "context": 8,
        "patience": 3,
        "locales": "it",
    }.items():
        assert data_settings(Settings(**{name: value})) != data_settings(Settings()), name


def test_the_table_has_a_row_per_point_and_no_figures_where_training_was_not_finite():
    points = [Point(Settings(lr=0.5), Figures(0.25, 0.75)), Point(Settings(lr=2.0), Figures(np.nan, np.nan))]
    header, rows = grid_table(points, ["lr"])
    assert header == ["lr", "held_out_loss", "held_out_accuracy"]
    assert rows == [[0.5, 0.25, 0.75], [2.0, "", ""]]
    assert format_point(Settings(lr=0.1, heads=2), ["lr", "heads"]) == "lr 0.1, heads 2"


def test_points_that_were_not_finite_are_left_out_and_counted():
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
