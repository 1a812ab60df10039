"""Scenes as HTML: seven steps down on the left, up on the right, with numbers, laws, lines and drawings."""

import re
from collections.abc import Iterator
from html import escape

import numpy as np

from ...functional.base.admission import Array
from ..law_results import LawResult
from ..page_texts import down_texts, up_texts
from ..stage import Stage
from ..trace import RESULTS
from ..walk_data import stage_arrays, stages_by_place
from .pictures import pictures
from .scenes import Scene
from .sentences import BACK, CHAIN_RULE, FAULTS, LOSS, LOSS_OF_LSE, NOT_DRAWN, NOT_ZERO, THERE
from .tables import number, table

ARRAYS = tuple(RESULTS.values())
YES, NO = '<span class="ok">✓</span>', '<span class="no">✗</span>'


def scene_html(scene: Scene) -> str:
    """A scene: its steps side by side, then its faults.

    Examples
    --------
    >>> from numpy_attention.study.example import build_example
    >>> from numpy_attention.study.web.scenes import build_scenes
    >>> html = scene_html(build_scenes({"causal": ("Causal", build_example())}, ())[0])
    >>> html[:45]
    '<section class="scene" data-scene="causal" ar'
    """
    stages = stages_by_place(scene.walk)
    steps = "".join(
        f'<div class="step" data-step="{stage.name}">{_side(scene, f"down.{stage.name}", stage)}'
        f"{_side(scene, f'up.{stage.name}', stages[f'up.{stage.name}'])}</div>"
        for stage in scene.walk.down
    )
    return (
        f'<section class="scene" data-scene="{scene.name}" aria-labelledby="{scene.name}">'
        f'<h2 id="{scene.name}">{escape(scene.title)}</h2>{"" if scene.drawn else f"<p>{NOT_DRAWN}</p>"}'
        f"{steps}{_faults(scene)}</section>"
    )


def _side(scene: Scene, place: str, stage: Stage) -> str:
    down = place.startswith("down")
    arrow, way = ("↓", "forward") if down else ("↑", "backward")
    label = f"step {stage.number}, {stage.name}, {way}"
    head = f'<section class="{"there" if down else "back"}" data-place="{place}" aria-label="{label}">'
    title = f"<h3>{arrow} {stage.number} {stage.name}</h3>"
    if stage.skipped:
        now, before = ARRAYS[stage.number - 1], ARRAYS[stage.number - 2]
        same = f"{now} = {before}" if down else f"d_{before} = d_{now}"
        return f'{head}{title}<p class="skip">not used: <code>{same}</code></p></section>'
    words = _words(scene, place, stage.name)
    figures = pictures(scene.walk, place, stage) if scene.drawn else ""
    laws = "".join([*_gradients(stage), *map(law_html, stage.laws)])
    return (
        f"{head}{title}{_equation(stage.equation)}{f'<p>{escape(words)}</p>' if words else ''}"
        f'<div class="mats">{"".join(_tables(scene, stage))}</div>{_group_sums(scene, place)}'
        f"{f'<div class=figures>{figures}</div>' if figures else ''}"
        f'<ul class="laws">{laws}</ul>{_lines(stage)}</section>'
    )


def _words(scene: Scene, place: str, name: str) -> str:
    """The sentences of a step."""
    example = scene.walk.example
    if place == f"down.{name}":
        said = [THERE.get(name, "")]
        if name != "project":
            said += down_texts(name, example)[:2]  # others count heads from 0, the page from 1
    else:
        said = [BACK.get(name, ""), *up_texts(name, example, own=False)]
        if name == "values":
            said = [LOSS if example.d_lse is None else LOSS_OF_LSE, *said]
        if name == "score" and example.score not in ("dot", "general"):
            said = [CHAIN_RULE]
        if name == "softmax" and (example.d_lse is not None or example.options["sinks"] is not None):
            said.append(NOT_ZERO)
    return " ".join(" ".join(said).split())


def _equation(text: str) -> str:
    """The equation of a step: its first line large, what follows beneath."""
    first, *others = re.sub(r"\n(?=\S)", " ", text).split("\n")
    more = "".join(f"<br>{escape(line.strip())}" for line in others if line.strip())
    return f'<p class="eq"><code>{escape(first)}{more}</code></p>'


def _tables(scene: Scene, stage: Stage) -> Iterator[str]:
    shape = scene.walk.saved.weights.shape
    pairs, visible = shape[-2:], _visible(scene)
    for name, x in stage_arrays(stage).items():
        kind = "result" if name in stage.results else "inner" if name in stage.intermediates else ""
        result = f' class="{kind}"' if kind else ""
        if x.dtype.kind == "b" or x.ndim > 3 or (name == "d_lse" and not x.any()):
            continue
        if x.ndim < 3:
            yield table(name, x, pairs=pairs, visible=visible, attributes=result)
            continue
        axis = "query" if len(shape) < 3 else "head" if len(x) == shape[0] else "key head"
        heads = "".join(
            table(name, each, pairs=pairs, visible=visible, title=f"{name}, {axis} {n + 1} {each.shape}",
                  attributes=f' data-head="{n}"{result}')
            for n, each in enumerate(x)
        )  # fmt: skip
        yield f'<div class="heads">{heads}</div>'


def _group_sums(scene: Scene, place: str) -> str:
    """Where query heads share a key head: the shares of the heads, and their sum."""
    example, gradients = scene.walk.example, scene.walk.gradients
    if example.query.ndim < 3 or len(example.query) == len(example.key) or example.score != "dot":
        return ""
    stages = stages_by_place(scene.walk)
    if place == "up.score":
        name, summed, theirs = "d_key", gradients.d_key, example.query
        ours = example.options["scale"] * stages[place].inputs["d_scores"]
    elif place == "up.values":
        name, summed, theirs = "d_value", gradients.d_value, example.d_out
        ours = stages[place].inputs["thinned"]
    else:
        return ""
    per_group, rows = len(theirs) // len(summed), []
    for g, total in enumerate(summed):
        heads = range(g * per_group, (g + 1) * per_group)
        shares = [table(name, ours[h].T @ theirs[h], title=f"by head {h + 1}") for h in heads]
        rows.append(
            f'<div class="sum">{" + ".join(shares)} = '
            f"{table(name, total, title=f'{name}, key head {g + 1}')}</div>"
        )
    words = f"Heads that share a key head each contribute, and {name} is the sum:"
    return f"<p>{words}</p>{''.join(rows)}".replace("data-name=", "data-share=")


def _visible(scene: Scene) -> Array | None:
    """True where the mask shows a pair (L, S)."""
    mask = scene.walk.example.options["mask"]
    return None if mask is None else np.asarray(mask.array(*scene.walk.saved.weights.shape[-2:]))


def _gradients(stage: Stage) -> Iterator[str]:
    for name, each in stage.derivatives.items():
        off = f"by the complex step: off by {number(each.difference)} {YES if each.ok else NO}"
        yield f'<li data-gradient="{name}"><code>{name}</code> <span class=sides>{off}</span>'


def law_html(result: LawResult) -> str:
    """A law of a step as a list item, with both sides where they differ most."""
    law = result.law
    name = f"<b>law {law.number}</b> " if law.number else "<b>law</b> "
    start = f'<li data-law="{escape(law.statement)}">{name}{escape(law.statement)}<span class=sides>: '
    if result.excluded_by:
        return f"{start}does not apply with {', '.join(result.excluded_by)}</span>"
    _, _, left, right, excess = result.worst
    relation = result.sides.relation
    off = f", off by {number(excess)}" if relation == "=" else ""
    return f"{start}{number(left)} {relation} {number(right)}{off} {YES if result.ok else NO}</span>"


def _lines(stage: Stage) -> str:
    if not stage.source.lines:
        return ""
    lines = "\n".join(f"{line.number:>4}  {escape(line.text)}" for line in stage.source.lines)
    return f"<details><summary>The lines that ran: {stage.source.file}</summary><pre>{lines}</pre></details>"


def _faults(scene: Scene) -> str:
    if not scene.faults:
        return ""
    items = []
    for planted in scene.faults:
        faulty = planted.walk
        laws = "; ".join(dict.fromkeys(_name(law.number, law.statement) for law in faulty.broken_laws))
        wrong = f"It changes {', '.join(planted.changed)}. "
        broken = f"It breaks {laws}." if laws else "It breaks no law of these steps."
        items.append(
            f'<dt id="{scene.name}-{faulty.fault.name}"><code>{faulty.fault.name}</code>'
            f"<dd>{escape(faulty.fault.statement)} {wrong}{escape(broken)}"
        )
    return (
        f'<details class="faults"><summary>{len(scene.faults)} mistakes, planted in this example</summary>'
        f"<p>{FAULTS}</p><dl>{''.join(items)}</dl></details>"
    )


def _name(number: int, statement: str) -> str:
    return f"law {number}, {statement}" if number else statement
