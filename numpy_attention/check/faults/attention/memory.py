"""Mistakes with memory: calls that change their arguments or keep arrays between calls."""

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


@MEMORY.backward()
def cotangent_changed_in_place(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
    """Backward uses its cotangent as scratch memory and leaves it changed."""
    gradients = attention_backward(d_out, saved, **others)
    if isinstance(d_out, np.ndarray) and d_out.flags.writeable:
        d_out[...] = 0.5 * d_out
    return gradients


@MEMORY.backward()
def gradient_over_its_argument(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
    """d_query is written into the query, and that array is returned."""
    gradients = attention_backward(d_out, saved, **others)
    query = saved.arguments[0]
    if query.flags.writeable and query.dtype == gradients.d_query.dtype:
        query[...] = gradients.d_query
        return gradients._replace(d_query=query)
    return gradients


@MEMORY.pair()
def gradients_in_one_workspace() -> Pair:
    """Gradients are returned in arrays that the next call overwrites."""
    workspaces: dict[Any, Array] = {}

    def backward(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
        gradients = attention_backward(d_out, saved, **others)
        return AttentionGradients(
            *(_into_workspace(workspaces, *each) for each in gradients._asdict().items())
        )

    return Pair(attention_forward, backward)


@MEMORY.pair()
def gradients_accumulated() -> Pair:
    """Gradients are added to those of the last call: they are never reset to zero."""
    workspaces: dict[Any, Array] = {}

    def backward(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
        gradients = attention_backward(d_out, saved, **others)
        sums = {
            name: gradient if (last := _copy_of_last(workspaces, name, gradient)) is None else gradient + last
            for name, gradient in gradients._asdict().items()
        }
        for name, gradient in sums.items():
            _into_workspace(workspaces, name, gradient)
        return AttentionGradients(**sums)

    return Pair(attention_forward, backward)


def _key(name: str, gradient: Array) -> tuple[Any, ...]:
    return name, gradient.shape, gradient.dtype


def _copy_of_last(workspaces: dict[Any, Array], name: str, gradient: Any) -> Any:
    """A copy of the last gradient of this name, shape and dtype, or None."""
    last = workspaces.get(_key(name, gradient)) if isinstance(gradient, np.ndarray) else None
    return None if last is None else last.copy()


def _into_workspace(workspaces: dict[Any, Array], name: str, gradient: Any) -> Any:
    """The gradient, copied into the workspace for its name, shape and dtype."""
    if not isinstance(gradient, np.ndarray):
        return gradient
    workspace = workspaces.setdefault(_key(name, gradient), np.empty_like(gradient))
    workspace[...] = gradient
    return workspace
