"""attention_merge as a checkable pair: its parts as single arrays, out and lse as its outputs."""

from typing import Any

import numpy as np

from ...functional.attention.merge import MergeSaved, attention_merge_backward, attention_merge_forward
from ...functional.base.admission import Array
from .examples import INF, Example, normal


def _forward(
    out_1: Array, lse_1: Array, out_2: Array, lse_2: Array, out_3: Array, lse_3: Array
) -> tuple[Any, MergeSaved]:
    """Merge three parts."""
    return attention_merge_forward((out_1, lse_1), (out_2, lse_2), (out_3, lse_3))


def _backward(d: tuple[Any, Any], saved: MergeSaved) -> dict[str, Any]:
    """Gradients for the cotangents of out and lse."""
    parts = attention_merge_backward(d[0], saved, d_lse=d[1])
    numbered = list(enumerate(parts, start=1))
    return {f"d_out_{n}": d.d_out for n, d in numbered} | {f"d_lse_{n}": d.d_lse for n, d in numbered}


def _parts(*sizes: float, L: int = 5, E: int = 2) -> tuple[Array, ...]:
    """out and lse of three parts, with lse around `sizes`."""
    arrays = [(normal(n, L, E)[-1], size + normal(n, 1, L)[-1, 0]) for n, size in enumerate(sizes, start=2)]
    return tuple(x for pair in arrays for x in pair)


_EMPTY = np.array([[0.0, -INF, 0.0], [0.0, 0.0, -INF], [0.0, -INF, -INF], [-INF, -INF, 0.0], [-INF] * 3])

_PARTS = _parts(0.0, 0.5, -0.5)
_BROADCAST = (normal(2, 1, 5, 3), normal(3, 5), normal(3, 5, 1), normal(2, 3, 1), normal(1, 1), normal(1))
_FULLY_MASKED = tuple(x if x.ndim == 2 else x + _EMPTY[:, i // 2] for i, x in enumerate(_PARTS))

MERGE_PAIR = (_forward, _backward)
MERGE = (
    Example("three parts", _PARTS),
    Example("the largest part 36 ahead", _parts(0.0, 36.0, 1.0)),
    Example("large scores", _parts(1e4, 1e4, 1e4)),
    Example("rows fully masked in some parts, or in all", _FULLY_MASKED),
    Example("axes that broadcast", _BROADCAST),
    Example("no query", _parts(0.0, 0.5, -0.5, L=0)),
)
