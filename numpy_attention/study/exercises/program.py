"""A textbook solution as a list of lines, one operation each, so that a mistake is a change of one line.

    agreement = weights * d_weights
    average = rowsum(agreement)
    excess = d_weights - average
    d_scores = weights * excess

A line is NAME = NAME OPERATOR NAME, or NAME = FUNCTION(NAME, …), of `operations`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .operations import FUNCTIONS, Function

Numbers = dict[str, Any]
"""Arrays and numbers by name."""


class Line(NamedTuple):
    """target = operation(*operands)."""

    target: str
    operation: str
    operands: tuple[str, ...]
    function: Function

    def run(self, numbers: Mapping[str, Any]) -> Any:
        """The result of the line."""
        return self.function(*(numbers[name] for name in self.operands))

    def then(self, change: Function) -> "Line":
        """The line with its result changed."""
        return self._replace(function=lambda *operands: change(self.function(*operands)))

    def with_operand(self, place: int, change: Function) -> "Line":
        """The line with one of its operands changed."""

        def function(*operands: Any) -> Any:
            return self.function(*(change(x) if n == place else x for n, x in enumerate(operands)))

        return self._replace(function=function)


class Program(NamedTuple):
    """The lines, in order."""

    lines: tuple[Line, ...]

    def run(self, numbers: Mapping[str, Any], start: int = 0) -> Numbers:
        """All numbers after the lines from `start` on."""
        known = dict(numbers)
        for line in self.lines[start:]:
            known[line.target] = line.run(known)
        return known

    def with_line(self, number: int, line: Line) -> "Program":
        """The program with another line in this place."""
        return Program((*self.lines[:number], line, *self.lines[number + 1 :]))


def parse(text: str) -> Program:
    """The program of a text.

    Examples
    --------
    >>> parse("double = x + x").run({"x": 2.0})["double"].item()
    4.0
    """
    return Program(tuple(_line(line) for line in text.split("\n") if line.strip()))


def _line(text: str) -> Line:
    if between := re.fullmatch(r"\s*(\w+) = (\w+) (\S+) (\w+)", text):
        target, left, operation, right = between.groups()
        return Line(target, operation, (left, right), FUNCTIONS[operation])
    call = re.fullmatch(r"\s*(\w+) = (\w+)\((.*)\)", text)
    assert call, text
    target, operation, operands = call.groups()
    return Line(target, operation, tuple(operands.split(", ")), FUNCTIONS[operation])


def scope(program: Program, number: int, arguments: Sequence[str]) -> tuple[str, ...]:
    """The names that are known before a line."""
    return (*arguments, *(line.target for line in program.lines[:number]))
