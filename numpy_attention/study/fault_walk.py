"""A walk with a planted fault beside the correct walk, and the numbers in which they differ."""

from typing import NamedTuple

from ..check.faults import Fault
from ..functional.base.admission import Array, quiet
from .example import WalkExample
from .fault_examples import ROUNDING, differ, example_of, not_shown_because
from .law_results import StepLaw
from .stage import Stage
from .trace import largest_magnitude
from .walk import Walk, walk


class FaultyWalk(NamedTuple):
    """A planted fault, the walk with it, the correct walk, and the example's name in EXAMPLES, if any."""

    fault: Fault
    walk: Walk
    correct: Walk
    example_name: str = ""

    def changed(self, stage: Stage) -> frozenset[str]:
        """Names of a stage's arrays that differ from those of the correct walk."""
        pairs = zip(self.walk.stages, self.correct.stages, strict=True)
        right = next(right for each, right in pairs if each is stage)
        if stage is right:
            return frozenset()
        arrays, expected = _arrays(stage), _arrays(right)
        tolerance = ROUNDING * largest_magnitude(expected.values())
        both = [name for name in arrays if name in expected]
        return frozenset(name for name in both if differ(arrays[name], expected[name], tolerance))

    @property
    def changed_results(self) -> tuple[str, ...]:
        """Names of the results and gradients that differ from the correct ones, in order."""
        changed = {id(stage): self.changed(stage) for stage in self.walk.stages}
        names = (name for stage in self.walk.stages for name in stage.results if name in changed[id(stage)])
        return tuple(dict.fromkeys(names))

    @property
    def broken_laws(self) -> tuple[StepLaw, ...]:
        """Every law that fails, in order."""
        results = [result for stage in self.walk.stages for result in stage.laws]
        return tuple(result.law for result in results if not result.ok)

    @property
    def wrong_gradients(self) -> tuple[str, ...]:
        """Names of the gradients that disagree with the complex step."""
        return tuple(name for stage in self.walk.up for name, d in stage.derivatives.items() if not d.ok)


@quiet
def walk_with_fault(example: WalkExample | None, fault: Fault) -> FaultyWalk:
    """Walk an example with a fault in one of the seven steps; None: an example in which it shows.

    Raises
    ------
    ValueError
        If no page can show the fault, or it changes no number of this example.

    Examples
    --------
    >>> from numpy_attention.check.faults import fault
    >>> from numpy_attention.study.example import build_example
    >>> walk_with_fault(build_example(), fault("no-row-sum")).changed_results
    ('d_masked', 'd_biased', 'd_query', 'd_key', 'd_scale')
    """
    name = ""
    if example is None or fault.steps is None:
        name, example = example_of(fault)
    assert fault.steps is not None, "example_of has no example of it"
    faulty = FaultyWalk(fault, walk(example, steps=fault.steps), walk(example), name)
    if not faulty.changed_results:
        instead = "" if not_shown_because(fault) else f" (`explain --break {fault.name}` alone shows it)"
        raise ValueError(f"{fault.name} changes nothing here; it shows {fault.shows_where}{instead}")
    return faulty


def _arrays(stage: Stage) -> dict[str, Array]:
    return stage.inputs | stage.intermediates | stage.results
