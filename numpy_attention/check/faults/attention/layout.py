"""Mistakes with memory: strides of an argument ignored, arrays kept from an earlier call."""

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
from ...reference.inputs import Inputs
from ..fault import FaultFamily

LAYOUT = FaultFamily("layout", pair=Pair(attention_forward, attention_backward))
STATE = FaultFamily("state", pair=Pair(attention_forward, attention_backward))


def _as_stored(x: Any) -> Any:
    """The numbers in the order in which they are stored, read in rows: strides are ignored."""
    return np.ravel(x, order="K").reshape(np.shape(x))


def _is_strided(name: str) -> Any:
    def condition(call: Inputs) -> bool:
        array = getattr(call, name)
        return array is not None and not np.array_equal(_as_stored(array), array, equal_nan=True)

    condition.__doc__ = f"Where {name} is a view with other strides, as x.swapaxes(1, 2)."
    return condition


@LAYOUT.forward(active=_is_strided("query"))
def strides_of_query_ignored(query: Any, key: Any, value: Any, **options: Any) -> tuple[Any, AttentionSaved]:
    """The query is read as if contiguous: heads and positions of a transposed view are mixed up."""
    return attention_forward(_as_stored(query), key, value, **options)


@LAYOUT.backward(active=_is_strided("d_out"))
def strides_of_d_out_ignored(d_out: Any, saved: AttentionSaved, **others: Any) -> AttentionGradients:
    """Backward reads d_out as if contiguous: what autograd passes on is often a transposed view."""
    return attention_backward(_as_stored(d_out), saved, **others)


@STATE.pair()
def stale_cache() -> Pair:
    """The key of the first call of each shape is kept, and used in later calls."""
    kept: dict[Any, Array] = {}

    def forward(query: Any, key: Any, value: Any, **options: Any) -> tuple[Any, AttentionSaved]:
        first = kept.setdefault(np.shape(key), np.array(key))
        return attention_forward(query, first.astype(np.asarray(key).dtype), value, **options)

    return Pair(forward, attention_backward)
