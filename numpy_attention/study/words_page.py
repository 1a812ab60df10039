"""`explain --text` as text: which earlier symbol each loss blames, one loss in full, heads, laws."""

from collections.abc import Iterator, Sequence

import numpy as np

from .number_format import array_block, format_few, side_by_side
from .words import Blame

MOST_WEIGHTS = 12
"""Symbols whose weights fit beside each other."""

COLUMNS = ("weight", "d_scores", "d_key", "d_value", "whole model")


def words_page(found: Blame, symbols: Sequence[str]) -> Iterator[str]:
    """The lines; `symbols` are those of the text, (N,)."""
    names = [shown(symbol) for symbol in symbols]
    yield f"{len(names)} symbols, at layer {found.layer}, head {found.head}; both count from 0"
    yield ""
    yield from _by_loss(found, names)
    yield from _worst_loss(found, names)
    yield from _weights(found, names)
    yield "All losses together, by layer (down) and head (across): the length of each head's gradient"
    yield ""
    yield from side_by_side([array_block(name, x) for name, x in found.by_head.items()])
    yield ""
    yield from law_lines(found)


def shown(symbol: str) -> str:
    """A symbol with its spaces and line ends visible.

    Examples
    --------
    >>> shown("a cat\\n")
    'a·cat\\\\n'
    """
    return repr(symbol)[1:-1].replace(" ", "·")


def _by_loss(found: Blame, names: list[str]) -> Iterator[str]:
    yield "The loss at each symbol, given those before it, and the earlier symbol with the largest number"
    yield ""
    yield f"{'':<20}" + "".join(f"{title:<16}" for title in COLUMNS).rstrip()
    maps = {"weight": found.weights, **found.maps}
    for t, loss in enumerate(found.losses):
        cells = []
        for x in maps.values():
            s = int(np.abs(x[t, : t + 1]).argmax())
            cells.append(f"{s:>2} {names[s][:5]:<5} {_number(x[t, s]):>6}")
        yield f"{t + 1:>2} {names[t + 1][:8]:<8} {loss:>6.3f}  " + " ".join(cells)
    yield ""
    yield "weight: where the head looks from the symbol before. d_scores: summed over queries; where it is"
    yield "positive, a lower score makes the loss fall. d_key, d_value, and whole model, the gradient of the"
    yield "embedded symbol: their lengths."
    yield ""


def _worst_loss(found: Blame, names: list[str]) -> Iterator[str]:
    t = int(found.losses.argmax())
    maps = {"weight": found.weights, **found.maps}
    yield f"The largest loss, {found.losses[t]:.3f} at symbol {t + 1} {names[t + 1]}, symbol by symbol"
    yield ""
    yield f"{'':<12}" + "".join(f"{title:>12}" for title in COLUMNS)
    largest = found.maps["whole model"][t].max() or 1.0
    for s in range(t + 1):
        bar = "█" * round(20 * found.maps["whole model"][t, s] / largest)
        numbers = "".join(f"{round(x[t, s], 4) + 0.0:>12.4f}" for x in maps.values())
        yield f"{s:>2} {names[s][:8]:<9}{numbers}  {bar}".rstrip()
    yield ""


def _weights(found: Blame, names: list[str]) -> Iterator[str]:
    T = len(found.losses)
    if T > MOST_WEIGHTS:
        yield f"Weights and d_scores of {T} x {T} symbols do not fit here: --html FILE shows them."
        yield ""
        return
    yield "Weights: a row for each query, a column for each key"
    yield ""
    yield f"{'':<12}" + "".join(f"{name[:6]:>7}" for name in names[:-1])
    for t, row in enumerate(found.weights):
        yield f"{t:>2} {names[t][:8]:<9}" + "".join(f"{x:>7.3f}" for x in row[: t + 1])
    yield ""


def law_lines(found: Blame) -> Iterator[str]:
    """The laws at this head and the gradients beside the complex step, with their numbers."""
    yield f"Laws at layer {found.layer}, head {found.head}, for all losses together, each at its worst entry"
    yield ""
    for result in found.laws:
        at = result.worst
        number = f"law {result.law.number:>2}" if result.law.number else " " * 6
        sides = f"{format_few(at.left)} = {format_few(at.right)}  off by {result.deviation:.1e}"
        yield f"{number}  {result.law.statement:<40}{sides}  {'✓' if result.ok else '✗ WRONG'}"
    yield ""
    yield "Gradients along one direction, and the same by the complex step"
    yield ""
    for name, own in found.derivatives.items():
        numbers = f"{float(own.ours):>22.15g} = {float(own.exact):>22.15g}  off by {own.difference:.1e}"
        yield f"        {name:<14}{numbers}  {'✓' if own.ok else '✗ WRONG'}"


def _number(x: float) -> str:
    """A number in six places at most."""
    return f"{x:.3f}" if x == 0 or abs(x) >= 5e-4 else f"{x:.0e}"
