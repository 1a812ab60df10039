"""An exercise: what is asked, a small example, the reference, the cases, and a textbook solution."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ...check.outside.calling import RuleCall
from ...check.outside.cases import RuleCase
from ...check.outside.expected import Expected
from ...check.outside.outcome import JudgedCase
from ...check.rounding.error_analysis import Bounded
from ...check.rounding.formats import FORMATS, roundoff
from ...functional.base.admission import Array
from .program import Program, parse

FLOAT64 = roundoff("float64")
Arguments = dict[str, Any]
"""Arrays and numbers by name."""

Named = dict[str, Array]
"""Results by name."""

NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Slip(NamedTuple):
    """A mistake that is no change of one line: its kind, its sentence, and the wrong results."""

    kind: str
    words: str
    function: Callable[..., Named]


class Exercise(NamedTuple):
    """One function that the learner writes.

    Parameters
    ----------
    name, minutes, title : as `list` prints them.
    equation : what is to be computed, or undone, in a few lines.
    arguments, results : names, each with its shape in words.
    by_hand : small arguments with readable numbers; the first are the example of the stub.
    program : a textbook solution; `phrases` are names of its numbers in sentences. A result that is also an
        argument is its new_<name>.
    reference : the right results of the arguments, in float64.
    bounds : the rounding error of computing each result by the textbook, as `Bounded` numbers by name.
    drawn : further cases, by name.
    laws : statements, and both sides from the arguments and results by name.
    forward : what is differentiated, for the complex step: from a call, the variables by name, and the
        function of them whose cotangent is the call's first argument; None if nothing is.
    sizes : numbers by which a result may be divided or multiplied by mistake, in words.
    planted : the planted faults that concern it, by name: the wrong results of the arguments.
    """

    name: str
    minutes: int
    title: str
    equation: str
    arguments: Mapping[str, str]
    results: Mapping[str, str]
    by_hand: tuple[Arguments, ...]
    program: str
    reference: Callable[..., Named]
    bounds: Callable[..., dict[str, Bounded]]
    drawn: Callable[[], Iterator[tuple[str, Arguments]]]
    phrases: Mapping[str, str] = NO_NAMES
    laws: tuple[tuple[str, Callable[[Arguments], tuple[Any, Any]]], ...] = ()
    forward: Callable[[Arguments], tuple[Named, Callable[..., Any]]] | None = None
    sizes: Callable[[Arguments], dict[str, float]] = lambda arguments: {}
    planted: Callable[[], dict[str, Callable[..., Named]]] = dict
    slips: tuple[Slip, ...] = ()

    @property
    def function(self) -> str:
        """The name of the function that the learner writes."""
        return self.name.replace("-", "_")

    @property
    def returns(self) -> str:
        """What it returns, as it is written in a sentence."""
        names = ", ".join(self.results)
        return names if len(self.results) == 1 else f"({names})"

    @property
    def solution(self) -> Program:
        """The textbook solution."""
        return _parsed(self.program)

    def computed(self, result: str) -> str:
        """The name of a result in the textbook solution: new_param where param is an argument."""
        return f"new_{result}" if result in self.arguments else result

    def phrase(self, name: str) -> str:
        """What a number is called in a sentence."""
        return self.phrases.get(name, name)


_parsed = cache(parse)


class Grade(NamedTuple):
    """The grade of a submission.

    `outcome` is PASS, FAIL or NOT GRADED, `reason` one sentence. Of a FAIL, `hints` are the lines of the
    three hints, `kind` and `mistake` what was recognised, "" if nothing was.
    """

    exercise: str
    outcome: str
    reason: str
    hints: tuple[tuple[str, ...], ...] = ()
    kind: str = ""
    mistake: str = ""
    seconds: float = 0.0


def calls(exercise: Exercise) -> list[tuple[str, Arguments]]:
    """The calls that a submission is graded on, by name, the smallest first."""
    by_hand = [(f"by hand {n}", arguments) for n, arguments in enumerate(exercise.by_hand, 1)]
    return [*by_hand, *exercise.drawn()]


def draw(exercise: Exercise) -> list[JudgedCase]:
    """The cases: the calls with their right results and bounds, and no answers yet."""
    cases = []
    for number, (name, arguments) in enumerate(calls(exercise)):
        with np.errstate(all="ignore"):
            values = {n: np.asarray(x, dtype=float) for n, x in exercise.reference(**arguments).items()}
            errors = {
                n: 2 * each.error for n, each in exercise.bounds(**arguments).items()
            }  # the reference's too
        call = RuleCall(arguments, np.zeros(()), (), FORMATS["float64"])
        case = RuleCase(name, arguments, number=number)
        cases.append(JudgedCase(case, call, Expected(values, errors, FLOAT64), {}))
    return cases
