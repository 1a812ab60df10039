"""The numbers that optimizers and schedules are set to, and what is refused as such."""

from typing import Any

from ..functional.base.admission import real_number, whole_numbers


def not_negative(name: str, x: object) -> float:
    """A finite number >= 0: a learning rate, an epsilon, a limit."""
    value = real_number(name, x)
    if value < 0:
        raise ValueError(f"{name} is {x!r}; a number >= 0 is expected")
    return value


def decay_rates(name: str, x: Any) -> tuple[float, float]:
    """Two numbers in [0, 1), as Adam's betas are."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise TypeError(f"{name} is {x!r}; two numbers in [0, 1) are expected")
    first, second = (not_negative(f"{name}[{i}]", rate) for i, rate in enumerate(x))
    if max(first, second) >= 1:
        raise ValueError(f"{name} is {x!r}; two numbers in [0, 1) are expected")
    return first, second


def count(name: str, x: object, least: int) -> int:
    """One whole number, `least` or more: a step, a number of steps."""
    array = whole_numbers(name, x, least)
    if array.ndim:
        raise TypeError(f"{name} has shape {array.shape}; one whole number is expected")
    return int(array)
