"""Hypotheses about one tensor: it is the right one times a constant, transposed, or permuted."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ....functional.base.admission import Array
from ...reference.inputs import Shape
from .evidence import Expectation, Observation

CONSTANTS: dict[str, Callable[[Shape], float]] = {
    "-1": lambda n: -1.0,
    "0": lambda n: 0.0,
    "2": lambda n: 2.0,
    "1/2": lambda n: 0.5,
    "-2": lambda n: -2.0,
    "sqrt(D)": lambda n: math.sqrt(n.D),
    "1/sqrt(D)": lambda n: 1 / math.sqrt(n.D or 1),
    "-sqrt(D)": lambda n: -math.sqrt(n.D),
    "-1/sqrt(D)": lambda n: -1 / math.sqrt(n.D or 1),
    "D": lambda n: float(n.D),
    "1/D": lambda n: 1 / (n.D or 1),
    "ln 2": lambda n: math.log(2),
    "1/ln 2": lambda n: 1 / math.log(2),
    "H/G": lambda n: n.H / (n.G or 1),
    "G/H": lambda n: n.G / (n.H or 1),
    "B": lambda n: float(n.B),
    "1/B": lambda n: 1 / (n.B or 1),
    "H": lambda n: float(n.H),
    "1/H": lambda n: 1 / (n.H or 1),
    "L": lambda n: float(n.L),
    "1/L": lambda n: 1 / (n.L or 1),
    "S": lambda n: float(n.S),
    "1/S": lambda n: 1 / (n.S or 1),
    "1/E": lambda n: 1 / (n.E or 1),
    "1/sqrt(E)": lambda n: 1 / math.sqrt(n.E or 1),
    "sqrt(D/E)": lambda n: math.sqrt(n.D / (n.E or 1)),
    "1/(B H)": lambda n: 1 / (n.B * n.H or 1),
    "1/(B L)": lambda n: 1 / (n.B * n.L or 1),
    "1/(H L)": lambda n: 1 / (n.H * n.L or 1),
    "1/(B H L)": lambda n: 1 / (n.B * n.H * n.L or 1),
    "1/(B H L E)": lambda n: 1 / (n.B * n.H * n.L * n.E or 1),
    "1/(L S)": lambda n: 1 / (n.L * n.S or 1),
}
"""What a constant may equal, the simplest first."""


FARTHER, ROUNDING = 8.0, 1e-6
"""A simpler constant may be this many times farther than the closest; differences that tell nothing apart."""


NAMED = 3
"""Most names of one constant."""

FEWEST = 6
"""Numbers that a tensor has at least, if it is to be called a multiple of another."""


class Factor(NamedTuple):
    """A constant between a tensor and other values, and how far it may be off."""

    value: float
    error: float


def factor_of(observation: Observation, name: str, values: Array) -> Factor | None:
    """The constant c for which the candidate's tensor is c * values, within c times the bound; or None."""
    got = observation.tensors[name]
    usable = np.isfinite(got) & np.isfinite(values)
    if not (usable == np.isfinite(values)).all() or not values[usable].any():
        return None
    unit = np.abs(values[usable]).max()  # squares of numbers near overflow would
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        x, y = values[usable] / unit, got[usable] / unit
        total = float(x @ x)
        c = float(x @ y) / total
        scaled = np.where(np.isfinite(values), c * values, values)
    if not math.isfinite(c) or observation.misfit(name, scaled) > 1:
        return None
    return Factor(c, float(np.abs(x).sum()) / total * float(observation.tolerance(name, scaled) / unit))


def name_of_factors(factors: Sequence[Factor], shapes: Sequence[Shape]) -> str:
    """What the constants of several cases equal: "1/sqrt(D)", "1.5"; "" if they have nothing in common."""
    sharpest = min(factors, key=lambda c: c.error)
    short = _shortest(sharpest)
    constants = CONSTANTS | {f"{short:.6g}": lambda n: short}
    found = {}
    for text, formula in constants.items():
        off = [abs(c.value - formula(n)) for c, n in zip(factors, shapes, strict=True)]
        if all(x <= c.error for x, c in zip(off, factors, strict=True)):
            found[text] = max(x / abs(c.value or 1.0) for x, c in zip(off, factors, strict=True))
    closest = max(min(found.values(), default=0.0), ROUNDING)
    first = next((text for text, off in found.items() if off <= FARTHER * closest), "")
    equal = [text for text in found if first and all(_equal(constants, first, text, n) for n in shapes)]
    return " or ".join(equal[:NAMED])


def _equal(constants: dict[str, Callable[[Shape], float]], one: str, other: str, n: Shape) -> bool:
    return math.isclose(constants[one](n), constants[other](n), rel_tol=1e-12)


def _shortest(factor: Factor) -> float:
    """The number with the fewest digits that is as close as rounding allows."""
    for digits in range(1, 6):
        short = float(f"{factor.value:.{digits}g}")
        if abs(short - factor.value) <= max(ROUNDING * abs(factor.value), factor.error / FARTHER):
            return short
    return factor.value


def multiple_of(wrong: Sequence[Observation], name: str, expectation: Expectation) -> str:
    """What a tensor is times that of a hypothesis, in every case: "1", "1/sqrt(D)"; "" if that fits none."""
    factors = []
    for seen in wrong:
        found = seen.found(expectation)
        values = seen.right(name) if found is None else getattr(found, name)
        if values is None or np.shape(values) != seen.tensors[name].shape:
            return ""
        if np.size(values) < FEWEST:  # any few numbers are nearly a multiple of others
            if seen.misfit(name, values) > 1:
                return ""
            continue
        factor = factor_of(seen, name, np.asarray(values, dtype=np.float64))
        if factor is None or not factor.value:
            return ""
        factors.append((factor, seen.specification.shape))
    if all(abs(factor.value - 1) <= factor.error for factor, _ in factors):
        return "1"
    return name_of_factors(*zip(*factors, strict=True))


# --------------------------------------------------------------------------------------- one tensor


def _permuted(axis: int, order: Callable[[int], Array]) -> Callable[[Array], Array | None]:
    def change(x: Array) -> Array | None:
        if x.ndim < -axis or x.shape[axis] < 2:
            return None
        return np.take(x, order(x.shape[axis]), axis=axis)

    return change


def _transposed(x: Array) -> Array | None:
    square = x.ndim > 1 and x.shape[-1] == x.shape[-2] > 1
    return np.swapaxes(x, -1, -2) if square else None


def _reversed(n: int) -> Array:
    return np.arange(n)[::-1]


def _rotated(n: int) -> Array:
    return np.roll(np.arange(n), 1)


CHANGES: dict[str, Callable[[Array], Array | None]] = {
    "is transposed": _transposed,
    "has its heads in reverse order": _permuted(-3, _reversed),
    "has its heads moved by one": _permuted(-3, _rotated),
    "has its batch entries in reverse order": _permuted(-4, _reversed),
    "has its batch entries moved by one": _permuted(-4, _rotated),
    "has its rows in reverse order": _permuted(-2, _reversed),
    "is moved by one row": _permuted(-2, _rotated),
    "has its columns in reverse order": _permuted(-1, _reversed),
}


UNSTEADY = "is a multiple of the right one that differs between cases"


def change_of(failing: Sequence[Observation], name: str) -> str:
    """What one tensor is in all cases where it is wrong: "is 2 times the right one"; "" if nothing fits."""
    wrong = [each for each in failing if name in each.wrong]
    if any(np.isnan(each.tensors[name][np.isfinite(each.right(name))]).all() for each in wrong):
        return "is NaN"
    factors = [factor_of(each, name, each.right(name)) for each in wrong]
    known = [factor for factor in factors if factor is not None]
    if len(known) == len(wrong):
        text = name_of_factors(known, [each.specification.shape for each in wrong])
        if text:
            return {"-1": "has the wrong sign", "0": "is 0"}.get(text, f"is {text} times the right one")
        return UNSTEADY
    for words, change in CHANGES.items():
        if _all_changed(wrong, name, change):
            return words
    return ""


def _all_changed(wrong: Iterable[Observation], name: str, change: Callable[[Array], Array | None]) -> bool:
    for each in wrong:
        changed = change(each.right(name))
        if changed is None or each.misfit(name, changed) > 1:
            return False
    return True
