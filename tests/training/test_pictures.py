"""Pictures: what is needed; the commands' tests look at the files."""

import importlib.util

import pytest

from numpy_attention.training.pictures import require_matplotlib


def test_a_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^--plot needs matplotlib: pip install "):
        require_matplotlib()
