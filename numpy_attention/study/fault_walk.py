"""A walk with a planted fault beside the correct walk, and the numbers in which they differ."""

from typing import NamedTuple

import numpy as np

from ..check.faults import Fault
from ..functional.base.admission import Array, quiet
from .example import WalkExample
from .step_laws import StepLaw
from .trace import largest_magnitude
from .walk import Stage, Walk, walk

ROUNDING = 1e-12
"""Tolerance on differences between the two walks, relative to the largest number of the step."""


class FaultyWalk(NamedTuple):
    """A planted fault, the walk with it, and the correct walk."""

    fault: Fault
    walk: Walk
    correct: Walk

    def changed(self, stage: Stage) -> frozenset[str]:
        """Names of a stage's arrays that differ from those of the correct walk."""
        faulty, correct = _by_place(self.walk), _by_place(self.correct)
        place = next(place for place, each in faulty.items() if each is stage)
        arrays, expected = _arrays(stage), _arrays(correct[place])
        tolerance = ROUNDING * largest_magnitude(expected.values())
        both = [name for name in arrays if name in expected]
        return frozenset(name for name in both if _differ(arrays[name], expected[name], tolerance))

    @property
    def changed_results(self) -> tuple[str, ...]:
        """Names of the results and gradients that differ from the correct ones, in order."""
        stages = (*self.walk.down, *self.walk.up)
        return tuple(
            dict.fromkeys(name for stage in stages for name in stage.results if name in self.changed(stage))
        )

    @property
    def broken_laws(self) -> tuple[StepLaw, ...]:
        """Every law that fails, in order."""
        results = [result for stage in (*self.walk.down, *self.walk.up) for result in stage.laws]
        return tuple(result.law for result in results if not result.ok)

    @property
    def wrong_gradients(self) -> tuple[str, ...]:
        """Names of the gradients that disagree with the complex step."""
        return tuple(name for stage in self.walk.up for name, d in stage.derivatives.items() if not d.ok)


@quiet
def walk_with_fault(example: WalkExample, fault: Fault) -> FaultyWalk:
    """Walk an example with a fault in one of the seven steps.

    Raises
    ------
    ValueError
        If the fault is in none of the seven steps, or changes no number of this example.

    Examples
    --------
    >>> from numpy_attention.check.faults import fault
    >>> from numpy_attention.study.example import build_example
    >>> walk_with_fault(build_example(), fault("no-row-sum")).changed_results
    ('d_masked', 'd_biased', 'd_query', 'd_key', 'd_scale')
    """
    if fault.steps is None:
        raise ValueError(
            f"{fault.name} is a fault of {fault.family}, in none of attention's seven steps; "
            f"`numpy-attention faults {fault.name}` prints it"
        )
    faulty = FaultyWalk(fault, walk(example, steps=fault.steps), walk(example))
    if not faulty.changed_results:
        raise ValueError(f"{fault.name} changes nothing here; it shows {fault.shows_where}")
    return faulty


def _by_place(walk: Walk) -> dict[tuple[str, str], Stage]:
    """The stages of a walk by direction and step name."""
    down = {("down", stage.name): stage for stage in walk.down}
    return down | {("up", stage.name): stage for stage in walk.up}


def _arrays(stage: Stage) -> dict[str, Array]:
    return stage.inputs | stage.intermediates | stage.results


def _differ(x: Array, expected: Array, tolerance: float) -> bool:
    return x.shape != expected.shape or not np.allclose(x, expected, rtol=0, atol=tolerance, equal_nan=True)
