"""Why scores are divided by √D: random numbers of width 4, 64 and 1024, with and without the scale."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from ...functional.attention.attend import attend_backward, attend_forward
from ...functional.base.admission import Array
from .sentences import ROOT_D
from .svg import bar, svg, text
from .tables import number

WIDTHS, KEYS, QUERIES = (4, 64, 1024), 10, 100


class ScaledWidth(NamedTuple):
    """A width D: the scores; each row's weights in falling order, their mean over the rows; |d_scores|."""

    width: int
    scaled: bool
    scores: Array
    shares: Array
    median_gradient: float


def measure_widths(widths: Sequence[int] = WIDTHS) -> tuple[ScaledWidth, ...]:
    """Each width without the scale and with it, on the same standard normal numbers.

    Examples
    --------
    >>> for each in measure_widths((4, 1024)):
    ...     print(each.width, each.scaled, each.shares[0].round(1))
    4 False 0.5
    4 True 0.3
    1024 False 1.0
    1024 True 0.3
    """
    rng = np.random.default_rng(0)
    value, d_out = rng.standard_normal((KEYS, 2)), rng.standard_normal((QUERIES, 2))
    measured = []
    for width in widths:
        products = rng.standard_normal((QUERIES, width)) @ rng.standard_normal((KEYS, width)).T
        for scaled in (False, True):
            scores = products / np.sqrt(width) if scaled else products
            _, saved = attend_forward(scores, value)
            shares = np.sort(saved.weights, axis=-1)[:, ::-1].mean(axis=0)
            d_scores = attend_backward(d_out, saved).d_scores
            gradient = float(np.median(np.abs(d_scores)))
            measured.append(ScaledWidth(width, scaled, scores, shares, gradient))
    return tuple(measured)


@cache
def root_d_html() -> str:
    """The panel: bars and a table."""
    measured = measure_widths()
    drawn = "".join(_bars(each) for each in measured)
    rows = "".join(
        f"<tr><th>{each.width}<td>{'with' if each.scaled else 'without'}<td>{number(float(each.shares[0]))}"
        f"<td>{number(each.median_gradient)}"
        for each in measured
    )
    return (
        f'<section class="panel" aria-labelledby="root-d"><h2 id="root-d">Why 1 / √D</h2><p>{ROOT_D}</p>'
        f'<div class="figures">{drawn}</div><table><caption>{QUERIES} queries, {KEYS} keys, standard normal '
        "numbers</caption><tr><th>D<th>scale<th>largest weight, mean<th>|d_scores|, median"
        f"{rows}</table></section>"
    )


def _bars(each: ScaledWidth) -> str:
    title = f"D = {each.width}, {'with' if each.scaled else 'without'} the scale"
    shapes = [bar(6 + 14 * n, 84, 11, -70 * float(x), "o") for n, x in enumerate(each.shares)]
    label = f"{title}: mean weights of a row in falling order, the largest {number(float(each.shares[0]))}"
    return svg(150, 104, label, [*shapes, text((75, 98), title, "m t")])
