"""Right results that are returned wrongly: times a constant, under another name, transposed, or summed up."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...check.outside.outcome import JudgedCase
from .exercise import Named


def all_times(constant: Callable[[JudgedCase], float], case: JudgedCase) -> Named:
    """The right results times a constant."""
    return {name: constant(case) * x for name, x in case.expected.values.items()}


def renamed(names: Sequence[str], order: Sequence[str], case: JudgedCase, *, turned: bool = False) -> Named:
    """The right results under each other's names, transposed or as they are."""
    right = {name: x.T if turned else x for name, x in case.expected.values.items()}
    return {name: right[other] for name, other in zip(names, order, strict=True)}


def transposed_result(name: str, case: JudgedCase) -> Named:
    """The right results, one of them transposed."""
    return {n: x.T if n == name else x for n, x in case.expected.values.items()}


def summed(name: str, function: Callable[[Any], Any], case: JudgedCase, *, lost: bool) -> Named:
    """The right results, one of them summed up, with or without the summed axis."""
    summed = function(case.expected.values[name])
    return dict(case.expected.values) | {name: np.squeeze(summed) if lost else summed}
