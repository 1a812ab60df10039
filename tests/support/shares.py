"""A share of a long table for every run; the rest carries the marker `slow`."""

from collections.abc import Sequence
from typing import Any

import pytest


def share(values: Sequence[Any], every: int) -> list[Any]:
    """Parameters with a name; all but one in `every` are slow."""
    return [
        pytest.param(value, id=value.name, marks=() if n % every == 0 else pytest.mark.slow)
        for n, value in enumerate(values)
    ]
