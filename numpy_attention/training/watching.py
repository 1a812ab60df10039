"""The weights of a model's attentions on examples: recorded wherever the model of an objective attends."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from ..nn.interventions import Seen, Watch, attending
from ..nn.parameters import Params

EXAMPLES, BATCH = 256, 32
"""Examples at most, and how many of them in one forward."""


def watched(objective: Any, watch: Watch) -> Any:
    """The objective with a model whose weights are recorded."""
    change = getattr(objective, "_replace", None) or partial(replace, objective)
    return change(model=attending(objective.model, watch))


def watched_batches(objective: Any, params: Params, examples: Any) -> Iterator[dict[str, Seen]]:
    """What every attention does, by its place, on the first `EXAMPLES`, a batch at a time."""
    for first in range(0, min(examples.size, EXAMPLES), BATCH):
        watch = Watch(params)
        watched(objective, watch).figures(params, examples.some(slice(first, first + BATCH)))
        yield watch.seen
