"""A lesion: weights of a trained model set to 0, and kept at 0 while those that are left are trained.

    head=2      the second head of every attention          head=1+2   the first two
    head=1.2    that of the first attention alone           10%        of the weights, drawn by the seed

Weights are the entries of arrays of two axes or more: a share leaves biases and norms as they are.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.wording import counted
from ..nn.parameters import Params
from ..optim.trees import flatten
from ..optim.updates import leaves, with_leaves
from .loop import Compute, one_after_another
from .objective import Objective, Outcome
from .settings import parse_lesion
from .streams import LESION, stream
from .task import Task, TaskData, metric_of


class Lesion(NamedTuple):
    """What a lesion sets to 0."""

    entries: dict[str, Array]
    """True for each such entry, by the dotted name of its parameter; without parameters that have none"""
    text: str
    """In words"""


def lesion_of(text: str, seed: int, objective: Objective) -> Lesion:
    """The entries that a lesion sets to 0, `text` being the setting.

    Raises
    ------
    ValueError
        If the model has no such head, or the share is less than half a weight.
    """
    what = parse_lesion(text)
    shapes = flatten(objective.shapes())
    if isinstance(what, float):
        entries, where = _share(what, seed, shapes), f"{text} of the weights, drawn by the seed"
        if not entries:
            total = sum(math.prod(shape) for shape in shapes.values() if len(shape) > 1)
            raise ValueError(f"lesion is {text}, none of {total:,} weights; a larger share is expected")
    else:
        entries, where = _heads(text, what, shapes, objective)
    total = sum(map(math.prod, shapes.values()))
    lost = sum(int(own.sum()) for own in entries.values())
    return Lesion(entries, f"{where}: {lost:,} of {total:,} parameters are set to 0 and stay 0")


def lesioned(params: Params, lesion: Lesion) -> Params:
    """The parameters with those of the lesion at 0: new arrays where it has some."""
    own = {tuple(name.split(".")): entries for name, entries in lesion.entries.items()}
    arrays = leaves("params", params)
    left = {path: np.where(own[path], x.dtype.type(0), x) if path in own else x for path, x in arrays.items()}
    return with_leaves(params, left)


def lesion_figures(task: Task, objective: Objective, params: Params, data: TaskData) -> dict[str, float]:
    """The metric by which a recovery is judged, and that of the held-out part, by the name of the part.

    It is judged on the validation part, or else on the training part: held-out examples decide nothing.
    """
    validating = data.validation is not None
    parts = {
        "validation" if validating else "training": data.validation if validating else data.train,
        "held-out": data.test,
    }
    return {name: metric_of(task, objective.figures(params, part)) for name, part in parts.items()}


def keeping(lesion: Lesion, compute: Compute | None) -> Compute:
    """`compute` with the gradients of the lesion at 0.

    Then the moments of an optimizer stay 0, weight decay takes a share of 0, and so the parameters stay 0.
    """

    def kept(objective: Objective, params: Params, parts: list[tuple[Any, int]]) -> Iterator[Outcome]:
        for outcome in (compute or one_after_another)(objective, params, parts):
            yield outcome._replace(d_params=lesioned(outcome.d_params, lesion))

    return kept


def _share(share: float, seed: int, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    """Entries drawn from all weights alike; of two shares the smaller is part of the larger."""
    weights = {name: shape for name, shape in shapes.items() if len(shape) > 1}
    ends = np.cumsum([math.prod(shape) for shape in weights.values()])
    drawn = np.zeros(ends[-1], dtype=bool)
    drawn[stream(seed, LESION).permutation(ends[-1])[: round(share * int(ends[-1]))]] = True
    parts = dict(zip(weights, np.split(drawn, ends[:-1]), strict=True))
    return {name: part.reshape(shapes[name]) for name, part in parts.items() if part.any()}


def _heads(
    text: str, places: list[tuple[int | None, int]], shapes: dict[str, tuple[int, ...]], objective: Objective
) -> tuple[dict[str, Array], str]:
    """The entries of some heads, and which they are in words."""
    attentions = objective.heads_by_place()
    if not attentions:
        raise ValueError(f"lesion is {text}, but the model has no heads; a share such as 10% is expected")
    chosen: dict[str, set[int]] = {}
    for attention, head in places:
        named = list(attentions) if attention is None else list(attentions)[attention - 1 : attention]
        if not named or any(head > len(attentions[place]) for place in named):
            sizes = ", ".join(f"{counted(len(own), 'head')} in {name}" for name, own in attentions.items())
            raise ValueError(
                f"lesion is {text}, but the model has {counted(len(attentions), 'attention')}, {sizes}; "
                "numbers from 1 up to these are expected"
            )
        for place in named:
            chosen.setdefault(place, set()).add(head)
    entries: dict[str, Array] = {}
    for place, heads in chosen.items():
        for head in heads:
            for name, index in attentions[place][head - 1].items():
                entries.setdefault(name, np.zeros(shapes[name], dtype=bool))[index] = True
    words = (_in_words(place, heads, len(attentions[place])) for place, heads in chosen.items())
    return entries, ", ".join(words)


def _in_words(place: str, heads: set[int], count: int) -> str:
    """As "heads 1 and 2 of 4 in layers.0.self_attn"; it says so where no head is left."""
    numbers = " and ".join(map(str, sorted(heads)))
    text = f"head{'s' * (len(heads) > 1)} {numbers} of {count} in {place}"
    return text if len(heads) < count else f"{text}, which leaves none"
