"""A walk with a fault planted, beside the right one: which numbers are not what they should be."""

from typing import NamedTuple

import numpy as np

from ..check.faults import Fault
from ..functional.base.admission import Array, quiet
from .example import Example
from .trace import largest
from .walk import Stage, Walk, walk

ROUNDING = 1e-12
"""Of the largest number of a step: what two ways to the same number may differ by."""


class Planted(NamedTuple):
    """A fault, the walk with it, and the right one."""

    fault: Fault
    walk: Walk
    right: Walk

    def changed(self, stage: Stage) -> frozenset[str]:
        """The names of a stage's arrays that are not those of the right walk."""
        beside = {**_by_place(self.right.down, "down"), **_by_place(self.right.up, "up")}
        own = {**_by_place(self.walk.down, "down"), **_by_place(self.walk.up, "up")}
        place = next(place for place, each in own.items() if each is stage)
        arrays, right = _arrays(stage), _arrays(beside[place])
        allowed = ROUNDING * largest(right.values())
        both = [name for name in arrays if name in right]
        return frozenset(name for name in both if _differ(arrays[name], right[name], allowed))

    @property
    def all_changed(self) -> tuple[str, ...]:
        """The names of all results and gradients that are not the right ones, in their order."""
        stages = (*self.walk.down, *self.walk.up)
        return tuple(
            dict.fromkeys(name for stage in stages for name in stage.arrays if name in self.changed(stage))
        )

    @property
    def broken(self) -> tuple[tuple[int | None, str], ...]:
        """The laws that go red, in their order: number, if there is one, and statement."""
        laws = [law for stage in (*self.walk.down, *self.walk.up) for law in stage.laws]
        return tuple((law.number, law.statement) for law in laws if not law.ok)

    @property
    def wrong_gradients(self) -> tuple[str, ...]:
        """The gradients that are not those of the complex step."""
        return tuple(name for stage in self.walk.up for name, d in stage.derivatives.items() if not d.ok)


@quiet
def planted(example: Example, fault: Fault) -> Planted:
    """Walk a problem with a fault in one of the seven steps.

    Raises
    ------
    ValueError
        For a fault of anything but the seven steps, and where it changes nothing: there is nothing to show.

    Examples
    --------
    >>> from numpy_attention.check.faults import fault
    >>> from numpy_attention.study.example import example
    >>> planted(example(), fault("no-row-sum")).all_changed
    ('d_masked', 'd_biased', 'd_query', 'd_key', 'd_scale')
    """
    if fault.steps is None:
        raise ValueError(
            f"{fault.name} is a fault of {fault.family}, in none of attention's seven steps; "
            f"`numpy-attention faults {fault.name}` prints it"
        )
    both = Planted(fault, walk(example, steps=fault.steps), walk(example))
    if not both.all_changed:
        raise ValueError(f"{fault.name} changes nothing here; it shows {fault.shows_where}")
    return both


def _by_place(stages: tuple[Stage, ...], way: str) -> dict[tuple[str, str], Stage]:
    return {(way, stage.name): stage for stage in stages}


def _arrays(stage: Stage) -> dict[str, Array]:
    return stage.taken | stage.between | stage.arrays


def _differ(x: Array, right: Array, allowed: float) -> bool:
    return x.shape != right.shape or not np.allclose(x, right, rtol=0, atol=allowed, equal_nan=True)
