"""Parsers of numbers for argparse: anything else, or a number out of range, gets one sentence."""

import argparse
import math
from collections.abc import Callable

from ..functional.base.wording import brief


def whole_number(least: int = 0, most: float = math.inf) -> Callable[[str], int]:
    """A parser of whole numbers in a range, for argparse.

    Examples
    --------
    >>> whole_number(least=1)("12")
    12
    """
    upper = "" if most == math.inf else f" and at most {most}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            expected = f"a whole number, at least {least}{upper}, is expected"
            raise argparse.ArgumentTypeError(f"it is {brief(text)}; {expected}")
        return number

    return read


def positive_number(text: str) -> float:
    """A finite number above 0, for argparse.

    Examples
    --------
    >>> positive_number("1e-3")
    0.001
    """
    number = _float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"it is {brief(text)}; a finite number above 0 is expected")
    return number


def finite_number(text: str) -> float:
    """A finite number, for argparse."""
    number = _float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"it is {brief(text)}; a finite number is expected")
    return number


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
