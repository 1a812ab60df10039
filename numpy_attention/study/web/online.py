"""The online softmax on a walk's example: tiles of one key, and what comes out if a rescale is forgotten."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array, quiet
from ...functional.tiled.blockwise import blockwise_attention_with
from ...functional.tiled.online_softmax import ONLINE, RunningSoftmax, finish, include
from ..example import WalkExample
from ..walk import Walk
from .tables import number

WORDS = (
    "The same rows with one key at a time, as fast kernels take them. top is the highest score so far; when "
    "it "
    "rises, what was summed before is multiplied by shrink = exp(old top − new top), as if the higher score "
    "had "
    "been known from the start. At the end out = sums / summed, the same numbers as above."
)


class TileRow(NamedTuple):
    """A query's state after a tile: shrink is None before the first visible key."""

    top: float
    shrink: float
    summed: float
    sums: Array


def online_tiles(example: WalkExample) -> tuple[Array, list[list[TileRow]]]:
    """The output tile by tile, and for each tile the state of every query (of the first head).

    Examples
    --------
    >>> from numpy_attention.study.example import build_example
    >>> out, tiles = online_tiles(build_example(causal=False))
    >>> len(tiles), bool(tiles[-1][0].summed >= 1)
    (3, True)
    """
    states: list[RunningSoftmax] = []
    shrinks: list[Array] = []

    def including(so_far: RunningSoftmax, masked: Array) -> tuple[Array, Array, RunningSoftmax]:
        states.append(so_far)
        exponentials, shrink, new = include(so_far, masked)
        shrinks.append(shrink)
        return exponentials, shrink, new

    def finishing(so_far: RunningSoftmax, attends: Array) -> tuple[Array, Array, Array]:
        states.append(so_far)
        return finish(so_far, attends)

    out = _run(example, including, finishing)
    return out, [
        [TileRow(*row) for row in zip(*map(_first_head, (s.top, shrink, s.summed, s.out)), strict=True)]
        for s, shrink in zip(states[1:], shrinks, strict=True)
    ]


def _first_head(x: Array) -> list[object]:
    rows = x if x.ndim == 2 else x[0]
    return [row if len(row) > 1 else float(row[0]) for row in rows]


@quiet
def _run(
    example: WalkExample, including: Callable[..., object], finishing: Callable[..., object] = finish
) -> Array:
    online = ONLINE._replace(include=including, finish=finishing)  # type: ignore[arg-type]
    pair = blockwise_attention_with(online=online)
    block = (example.query.shape[-2], 1)
    out, _ = pair.forward(example.query, example.key, example.value, block=block, **example.options)
    return np.asarray(out)


def _output_not_rescaled(so_far: RunningSoftmax, masked: Array) -> tuple[Array, Array, RunningSoftmax]:
    """The sums of values are not multiplied by shrink when top rises."""
    exponentials, shrink, new = include(so_far, masked)
    return exponentials, shrink, new._replace(out=so_far.out)


def _sum_not_rescaled(so_far: RunningSoftmax, masked: Array) -> tuple[Array, Array, RunningSoftmax]:
    """The sum of exponentials is not multiplied by shrink when top rises."""
    exponentials, shrink, new = include(so_far, masked)
    return exponentials, shrink, new._replace(summed=so_far.summed + new.summed - shrink * so_far.summed)


def _old_top(so_far: RunningSoftmax, masked: Array) -> tuple[Array, Array, RunningSoftmax]:
    """The new exponentials are taken against the old top, which the tile has just raised."""
    exponentials, shrink, new = include(so_far, masked)
    stale = np.where(np.isfinite(so_far.top), exponentials / np.where(shrink > 0, shrink, 1), exponentials)
    return stale, shrink, new._replace(summed=new.summed + (stale - exponentials).sum(axis=-1, keepdims=True))


WRONG = {
    "the output is not rescaled": _output_not_rescaled,
    "the sum is not rescaled": _sum_not_rescaled,
    "exponentials against the old top": _old_top,
}
"""Mistakes with the rescale."""


def online_html(walk: Walk) -> str:
    """The panel of a walk of dot scores; "" for the others."""
    example = walk.example
    if example.score != "dot":
        return ""
    out, tiles = online_tiles(example)
    head = "head 1, " if walk.out.ndim > 2 else ""
    queries = "".join(
        _query(f"{head}query {n + 1}", [tile[n] for tile in tiles]) for n in range(len(tiles[0]))
    )
    same = float(np.abs(out - walk.out).max(initial=0))
    items = []
    for name, mistake in WRONG.items():
        off = float(np.abs(_run(example, mistake) - walk.out).max(initial=0))
        items.append(
            f"<li><b>{name}</b>: out is off by "
            f"{number(off)}{' <span class=no>✗</span>' if off > 1e-9 else ''}"
        )
    return (
        '<section class="panel" aria-labelledby="online"><h2 id="online">The same softmax, tile by tile</h2>'
        f'<p>{WORDS} They differ by {number(same)}.</p><div class="mats">{queries}</div>'
        f'<p>If a rescale is forgotten:</p><ul class="laws">{"".join(items)}</ul></section>'
    )


def _query(name: str, rows: list[TileRow]) -> str:
    body = "".join(
        f"<tr><th>k{k}<td>{number(row.top)}<td>{number(row.shrink)}<td>{number(row.summed)}"
        + "".join(f"<td>{number(float(x))}" for x in np.atleast_1d(row.sums))
        for k, row in enumerate(rows, 1)
    )
    width = np.atleast_1d(rows[0].sums).size
    return (
        f"<table><caption>{name}</caption><tr><th>tile<th>top<th>shrink<th>summed"
        f'<th colspan="{width}">sums of values{body}</table>'
    )
