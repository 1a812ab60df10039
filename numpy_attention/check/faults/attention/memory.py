"""Mistakes with memory: what a call does to arrays that are not its own."""

from typing import Any

import numpy as np

from ....functional.attention.attention import (
    AttentionGradients,
    AttentionSaved,
    attention_backward,
    attention_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair
from ..fault import FaultFamily

MEMORY = FaultFamily("memory", pair=Pair(attention_forward, attention_backward))


def _overwrite(array: Any, change: Any) -> None:
    if isinstance(array, np.ndarray) and array.flags.writeable:
        array[...] = change


@MEMORY.backward()
def cotangent_changed_in_place(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
    """Backward works in the memory of its cotangent, and leaves something else there."""
    gradients = attention_backward(d_out, saved, **others)
    _overwrite(d_out, 0.5 * np.asarray(d_out))
    return gradients


@MEMORY.backward()
def gradient_over_its_argument(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
    """d_query is written over the query, and that array handed back."""
    gradients = attention_backward(d_out, saved, **others)
    query = saved.given[0]
    if query.flags.writeable and query.dtype == gradients.d_query.dtype:
        query[...] = gradients.d_query
        return gradients._replace(d_query=query)
    return gradients


@MEMORY.pair()
def gradients_in_one_workspace() -> Pair:
    """Gradients are written into arrays that are kept: the next call writes over what this one gave."""
    kept: dict[Any, Array] = {}

    def backward(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
        gradients = attention_backward(d_out, saved, **others)
        return AttentionGradients(*(_into_workspace(kept, *each) for each in gradients._asdict().items()))

    return Pair(attention_forward, backward)


@MEMORY.pair()
def gradients_accumulated() -> Pair:
    """Gradients are added to those of the last call: nobody has set them to zero in between."""
    kept: dict[Any, Array] = {}

    def backward(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
        gradients = attention_backward(d_out, saved, **others)
        before = {name: _copy_of_last(kept, name, gradient) for name, gradient in gradients._asdict().items()}
        added = {
            name: gradient if before[name] is None else gradient + before[name]
            for name, gradient in gradients._asdict().items()
        }
        for name, gradient in added.items():
            _into_workspace(kept, name, gradient)
        return AttentionGradients(**added)

    return Pair(attention_forward, backward)


def _key(name: str, gradient: Array) -> tuple[Any, ...]:
    return name, gradient.shape, gradient.dtype


def _copy_of_last(kept: dict[Any, Array], name: str, gradient: Any) -> Any:
    """A copy of what was kept under a name in this shape."""
    there = kept.get(_key(name, gradient)) if isinstance(gradient, np.ndarray) else None
    return None if there is None else there.copy()


def _into_workspace(kept: dict[Any, Array], name: str, gradient: Any) -> Any:
    """The gradient in the one array that there is for its name and shape."""
    if not isinstance(gradient, np.ndarray):
        return gradient
    workspace = kept.setdefault(_key(name, gradient), np.empty_like(gradient))
    workspace[...] = gradient
    return workspace
