"""One step of a walk, down or up: its equation, arrays, source lines, gradients and laws."""

from typing import NamedTuple

from ..functional.attention.steps import Steps
from ..functional.base.admission import Array
from .derivatives import Derivative
from .law_results import LawResult
from .line_trace import LineTrace
from .source import NO_SOURCE, Source, equation, intermediate_arrays, math_source

NUMBERS = {name: n for n, name in enumerate(("project", *Steps._fields))}
"""Step -> its number."""


class Stage(NamedTuple):
    """One step, down or up: its equation, inputs, intermediate arrays and results.

    `equation` is the right one, the plain line of the README's table where the score is dot; `stated` what
    another function that ran says of itself, "" if the right one ran. `derivatives` has an entry for each
    of a backward step's `results`. A `skipped` step belongs to an option that is not used, and passes its
    input on. Step 0 has no laws.
    """

    number: int
    name: str
    equation: str
    stated: str
    inputs: dict[str, Array]
    intermediates: dict[str, Array]
    results: dict[str, Array]
    derivatives: dict[str, Derivative]
    source: Source
    laws: tuple[LawResult, ...]
    skipped: bool

    @property
    def ok(self) -> bool:
        """True if every gradient agrees with the complex step and every law holds."""
        return all(x.ok for x in self.derivatives.values()) and all(x.ok for x in self.laws)


def build_stage(
    name: str,
    call: LineTrace,
    inputs: dict[str, Array],
    results: dict[str, Array],
    derivatives: dict[str, Derivative],
    laws: tuple[LawResult, ...],
) -> Stage:
    """The stage of a step that ran, with what its function says of itself as the equation."""
    shown = {id(x) for x in (*call.arguments.values(), *inputs.values(), *results.values())}
    intermediates = {
        local: x
        for local, x in intermediate_arrays(call).items()
        if local not in (*results, "out") and id(x) not in shown
    }
    return Stage(
        NUMBERS[name], name, equation(call.function), "", inputs, intermediates, results,
        derivatives, math_source(call), laws, skipped=False,
    )  # fmt: skip


def skipped_stage(name: str) -> Stage:
    """The stage of a step whose option is not used."""
    return Stage(NUMBERS[name], name, "", "", {}, {}, {}, {}, NO_SOURCE, (), skipped=True)
