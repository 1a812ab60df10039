"""The examples of a page, each with every fault that shows in it and in no example before it."""

import json
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ...check.faults import FAULTS, Fault
from ...functional.attention.attention import attention_with
from ...functional.attention.steps import STEPS, Steps
from ...functional.base.admission import Array, quiet
from ..example import WalkExample
from ..fault_walk import FaultyWalk
from ..score_step import score_pair, with_score_step
from ..source import Source
from ..walk import Walk, walk
from ..walk_data import fault_data, same_bits, stages_by_place, walk_data

ITEM = 200
"""About the bytes by which a planted fault makes the lists of a page longer."""


class PlantedFault(NamedTuple):
    """A fault in an example: its walk, the results that it changes, what the script needs of it."""

    walk: FaultyWalk
    changed: tuple[str, ...]
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """The fault's name."""
        return self.walk.fault.name

    @property
    def size(self) -> int:
        """About its bytes on a page."""
        return len(json.dumps(self.data, separators=(",", ":"), ensure_ascii=False).encode()) + ITEM


class Scene(NamedTuple):
    """A walk, the faults planted in it, and its title; `name` is its place in links.

    `drawn` is False for a scene without drawings.
    """

    name: str
    title: str
    walk: Walk
    faults: tuple[PlantedFault, ...] = ()
    drawn: bool = True


def build_scenes(
    examples: dict[str, tuple[str, WalkExample]], faults: Iterable[Fault] = FAULTS, room: float = math.inf
) -> tuple[Scene, ...]:
    """A scene for each example, given by name as (title, example); `room` as in `plant_faults`.

    Examples
    --------
    >>> from numpy_attention.study.example import build_example
    >>> scene, = build_scenes({"causal": ("Causal", build_example())}, FAULTS[:3])
    >>> scene.faults[0].name
    'scale-missing'
    """
    scenes = [Scene(name, title, walk(example)) for name, (title, example) in examples.items()]
    return plant_faults(scenes, faults, room)


@quiet
def plant_faults(
    scenes: Iterable[Scene], faults: Iterable[Fault] = FAULTS, room: float = math.inf
) -> tuple[Scene, ...]:
    """The scenes with each fault in the first that shows it, as long as there is room (in bytes)."""
    left = [fault for fault in faults if fault.steps is not None]
    filled = []
    for scene in scenes:
        example, right = scene.walk.example, _results(scene.walk.example, STEPS)
        shown: list[PlantedFault] = []
        for fault in left:
            assert fault.steps is not None
            wrong = _results(example, fault.steps)
            if room <= 0 or (len(wrong) == len(right) and all(map(same_bits, wrong, right))):
                continue
            faulty = FaultyWalk(fault, walk(example, steps=fault.steps, like=scene.walk), scene.walk)
            if changed := faulty.changed_results:
                planted = PlantedFault(faulty, changed, _fault_data(faulty))
                room -= planted.size
                shown += [planted] * (room >= 0)
        left = [fault for fault in left if fault.name not in {each.name for each in shown}]
        filled.append(scene._replace(faults=tuple(shown)))
    return tuple(filled)


def without_faults(scenes: Iterable[Scene], excess: int) -> tuple[Scene, ...]:
    """The scenes without as many of the last faults as have `excess` bytes."""
    fewer = []
    for scene in reversed(list(scenes)):
        kept = list(scene.faults)
        while kept and excess > 0:
            excess -= kept.pop().size
        fewer.append(scene._replace(faults=tuple(kept)))
    return tuple(reversed(fewer))


def _results(example: WalkExample, steps: Steps) -> tuple[Array, ...]:
    """The output, every gradient, and every array that was saved between."""
    steps = steps._replace(score=score_pair(example, steps))
    kernel = attention_with(with_score_step(steps, example))
    out, saved = kernel.forward(example.query, example.key, example.value, **example.options)
    gradients = kernel.backward(example.d_out, saved, d_lse=example.d_lse)
    return tuple(np.asarray(x) for x in (out, *saved, *gradients) if isinstance(x, (np.ndarray, np.number)))


def hidden_faults(scenes: Iterable[Scene], faults: Iterable[Fault] = FAULTS) -> dict[str, str]:
    """The faults that show in none of the scenes, and where each shows."""
    shown = {each.name for scene in scenes for each in scene.faults}
    return {
        fault.name: fault.shows_where if fault.steps is not None else f"is in {fault.family}, not in a step"
        for fault in faults
        if fault.name not in shown
    }


def scene_data(scene: Scene) -> dict[str, Any]:
    """What the script needs of a scene: the walk, the faults, the options that are no arrays."""
    example = scene.walk.example
    options = {name: x for name, x in example.options.items() if isinstance(x, (float, int))}
    return {
        "name": scene.name,
        "options": options | example.settings | {"score": example.score},
        **walk_data(scene.walk),
        "faults": [each.data for each in scene.faults],
    }


def _fault_data(faulty: FaultyWalk) -> dict[str, Any]:
    """`fault_data`, and the lines of each stage that runs other ones."""
    right = stages_by_place(faulty.correct)
    lines = {
        place: _lines(stage.source)
        for place, stage in stages_by_place(faulty.walk).items()
        if stage.source.lines != right[place].source.lines
    }
    return fault_data(faulty) | {"lines": lines}


def _lines(source: Source) -> list[list[Any]]:
    return [[line.number, line.text] for line in source.lines]
