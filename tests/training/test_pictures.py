"""Pictures: which examples are shown, and what is needed; the commands' tests look at the files."""

import importlib.util

import numpy as np
import pytest

from numpy_attention.training.pictures import require_matplotlib, some_of_each


def test_examples_of_every_class_are_shown():
    y = np.array([2.0, 0, 0, 1, 0, 2, 2, 2])
    assert some_of_each(y, most=6) == [1, 2, 3, 0, 5]
    assert some_of_each(y, most=1) == [1, 3, 0]


def test_a_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^--plot needs matplotlib: pip install "):
        require_matplotlib()
