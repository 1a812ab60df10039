"""Comparing printed numbers as far as machines agree on them."""

import re

NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?")


def same_line(shown: str, printed: str) -> bool:
    """Equal but for the last digit of numbers: another BLAS rounds a sum of products another way."""
    if NUMBER.sub("#", shown.rstrip()) != NUMBER.sub("#", printed.rstrip()):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(abs(float(a) - float(b)) <= 1.001 * last_digit(a) for a, b in pairs)


def last_digit(number: str) -> float:
    """What one more in the last digit adds."""
    digits, _, exponent = number.partition("e")
    return float(10.0 ** (int(exponent or 0) - len(digits.partition(".")[2])))
