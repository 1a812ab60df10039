"""Pictures: which examples are shown, and what is needed; the commands' tests look at the files."""

import importlib.util

import numpy as np
import pytest

from numpy_attention.training.pictures import draw_pictures, require_matplotlib, some_of_each
from tests.support.runs import a_run, some_data


def test_examples_of_every_class_are_shown():
    y = np.array([2.0, 0, 0, 1, 0, 2, 2, 2])
    assert some_of_each(y, most=6) == [1, 2, 3, 0, 5]
    assert some_of_each(y, most=1) == [1, 3, 0]


def test_a_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^--plot needs matplotlib: pip install "):
        require_matplotlib()


def test_the_same_run_gives_the_same_bytes(peer, tmp_path):
    peer("matplotlib")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        draw_pictures(tmp_path / name, a_run(), some_data())
    files = {file.name for file in (tmp_path / "one").iterdir()}
    assert files == {"loss.png", "loss.svg", "attention.png", "attention.svg"}
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()
