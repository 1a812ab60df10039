"""The drawings of a walk's stages as HTML, head by head."""

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ..stage import Stage
from ..walk import Walk
from .drawings import DRAWN, Drawing, Drawn


def pictures(walk: Walk, place: str, stage: Stage) -> str:
    """The drawings of a stage with their captions, or why there are none; "" for a step without any."""
    draw = DRAWN.get(place)
    if draw is None or stage.skipped:
        return ""
    drawn = [draw(*each) for each in _heads(walk, place, stage)]
    if walk.saved.weights.ndim < 3 or all(each == drawn[0] for each in drawn):
        return figure(drawn[0])
    name = "head" if len(drawn) == len(walk.saved.weights) else "key head"
    figures = "".join(figure(each, f"{name} {n + 1}", f' data-head="{n}"') for n, each in enumerate(drawn))
    caption = next(each.caption for each in drawn if isinstance(each, Drawing))
    return f'<div class="heads">{figures}</div><p class="caption">{escape(caption)}</p>'


def figure(drawn: Drawn, head: str = "", attributes: str = "") -> str:
    """A drawing and its caption, or the sentence; of a head, only what is said of its own numbers.

    Examples
    --------
    >>> figure("Nothing to draw.")
    '<p class="caption">Nothing to draw.</p>'
    >>> figure(Drawing("<svg/>", "Bars.", "1 < 2"))
    '<figure><svg/><figcaption>Bars. 1 &lt; 2</figcaption></figure>'
    """
    if isinstance(drawn, str):
        return f'<p class="caption"{attributes}>{escape(f"{head}: {drawn}" if head else drawn)}</p>'
    if head:
        words = f"{head[:1].upper()}{head[1:]}. {drawn.here}"
    else:
        words = f"{drawn.caption} {drawn.here}"
    return f"<figure{attributes}>{drawn.svg}<figcaption>{escape(words.strip())}</figcaption></figure>"


def _heads(walk: Walk, place: str, stage: Stage) -> Iterator[tuple[Walk, Stage]]:
    """The walk of each head, without an axis of heads; gradients of keys: of each key head."""
    if walk.saved.weights.ndim < 3:
        yield walk, stage
        return
    heads, groups = len(walk.saved.weights), len(walk.example.key)
    for head in range(0, heads, heads // groups if place == "up.score" else 1):
        yield _of_head(walk, stage, head)


def _of_head(walk: Walk, stage: Stage, head: int) -> tuple[Walk, Stage]:
    example, heads, groups = walk.example, len(walk.saved.weights), len(walk.example.key)

    def own(x: Array) -> Array:
        return x if x.ndim < 3 else np.asarray(x[head if len(x) == heads else head * groups // heads])

    def each(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: own(x) for name, x in arrays.items()}

    options: dict[str, Any] = dict(example.options)
    if options["sinks"] is not None:
        options["sinks"] = options["sinks"][head]
    example = example._replace(
        query=own(example.query), key=own(example.key), value=own(example.value), d_out=own(example.d_out),
        options=options, d_lse=None if example.d_lse is None else example.d_lse[head],
    )  # fmt: skip
    saved = walk.saved._replace(weights=own(walk.saved.weights), scores=own(walk.saved.scores))
    gradients = walk.gradients._replace(d_key=own(np.asarray(walk.gradients.d_key)))
    stage = stage._replace(inputs=each(stage.inputs), results=each(stage.results))
    return walk._replace(example=example, out=own(walk.out), saved=saved, gradients=gradients), stage
