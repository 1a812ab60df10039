"""Pictures: what is needed; the commands' tests look at the files."""

import importlib.util

import numpy as np
import pytest

from numpy_attention.training.pictures import _images, require_matplotlib
from numpy_attention.training.task import Box, Sheet


def test_a_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^--plot needs matplotlib: pip install "):
        require_matplotlib()


def test_a_class_that_reads_like_a_formula_is_written_as_it_is(peer):
    peer("matplotlib")
    name = r"$\frac$"
    figure = _images(Sheet(np.ones((1, 2, 2)), (name,), "", boxes=((Box(0, 0, 1, 1, name),),)))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert [axes.get_title(), axes.texts[0].get_text()] == 2 * [r"\$\frac\$"]
