"""`explain --text` as a page that reads without a script: maps of numbers, shaded by their size."""

from collections.abc import Sequence
from html import escape

import numpy as np

from ...functional.base.admission import Array
from ..words import Blame
from ..words_page import law_lines, shown
from .document import document
from .explanation import Explanation
from .tables import number, shade

TITLE = "One's own words, there and back"

WORDS = (
    "Each loss is -log of the probability of a symbol, given those before it. Its gradient says which "
    "earlier symbol is to be blamed."
)

MAPS = {
    "d_scores": "d_scores, summed over queries: where it is positive, a lower score makes the loss fall",
    "d_key": "d_key: its length",
    "d_value": "d_value: its length",
    "whole model": "the whole model: the length of the gradient of each embedded symbol",
}


def words_explanation(found: Blame, symbols: Sequence[str]) -> Explanation:
    """The page."""
    names = [shown(symbol) for symbol in symbols]
    T = len(found.losses)
    scored = enumerate(zip(names[1:], found.losses, strict=True), 1)
    losses = [f"{place} {name} {loss:.3f}" for place, (name, loss) in scored]
    queries = [f"{t} {name}" for t, name in enumerate(names[:-1])]
    lower = np.tri(T, dtype=bool)
    total = found.d_scores.sum(axis=0)
    panels = [
        _heat("weights: a row for each query, a column for each key", found.weights, queries, queries, lower),
        _heat("d_scores of the sum of all losses: a row for each query", total, queries, queries, lower),
        *(
            _heat(f"{MAPS[name]}; a row for each loss, with its number", x, losses, queries, lower)
            for name, x in found.maps.items()
        ),
        *(
            _heat(f"{name} of all losses together: its length in each layer (rows) and head (columns)", x,
                  [f"layer {n}" for n in range(len(x))], [f"head {n}" for n in range(x.shape[1])],
                  np.ones(x.shape, dtype=bool))
            for name, x in found.by_head.items()
        ),
    ]  # fmt: skip
    laws = escape("\n".join(law_lines(found)))
    body = (
        f'<header><h1>{TITLE}</h1><p class="lead">{escape("".join(symbols))}</p></header><main>'
        f'<section class="panel" aria-labelledby="words"><h2 id="words">Layer {found.layer}, '
        f"head {found.head} (both count from 0)</h2><p>{WORDS}</p>{''.join(panels)}"
        f"<h3>Laws</h3><pre>{laws}</pre></section></main>"
    )
    return Explanation(document(TITLE, body))


def _heat(
    title: str, x: Array, rows: Sequence[str], columns: Sequence[str], visible: Array
) -> str:  # fmt: skip
    """A table of shaded numbers; what is not visible is hatched."""
    largest = float(np.abs(x).max(initial=0))
    head = "".join(f"<th>{escape(name)}" for name in columns)
    lines = [f"<tr><th>{head}"]
    for name, values, seen in zip(rows, x.tolist(), visible.tolist(), strict=True):
        cells = (
            f"<td class={shade(value, largest) or 'z'}>{number(value)}" if own else "<td class=h>"
            for value, own in zip(values, seen, strict=True)
        )  # fmt: skip
        lines.append(f"<tr><th>{escape(name)}{''.join(cells)}")
    label = escape(title, quote=True)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{label}"><table><caption>{escape(title)}'
        f"</caption>{''.join(lines)}</table></div>"
    )
