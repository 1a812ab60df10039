"""Arrays as HTML tables, their numbers rounded to four places; `assets/format.js` formats alike."""

import math
from decimal import ROUND_HALF_UP, Decimal
from html import escape

import numpy as np

from ...functional.base.admission import Array

SMALLEST, LARGEST = 1e-3, 1e5
"""Other magnitudes are in scientific notation."""

PLACES = Decimal("0.0001")
SHADES = 5

TOKENS = ("x", "memory", "h", "d_x", "d_memory", "d_h", "from_query", "from_key", "from_value")
"""Arrays with a row for each token."""

KEYS = ("key", "value", "d_key", "d_value", "projected_key")
"""Arrays with a row for each key."""

NOT_PAIRS = ("query", "out", "d_query", "d_out", "projected_query", *TOKENS, *KEYS)
"""Arrays whose columns are no keys, though their shape may be (L, S)."""


def number(x: float, whole: bool = False) -> str:
    """A number to four places; a plain 0 for an exact 0 only; without places if `whole`.

    Examples
    --------
    >>> number(0.70710678), number(-2.0), number(-2.0, whole=True), number(0.0), number(-math.inf)
    ('0.7071', '−2.0000', '−2', '0', '−∞')
    >>> number(-4.4e-16), number(2.5e7)
    ('−4.4e-16', '2.5e7')
    """
    if math.isnan(x):
        return "NaN"
    if x == 0:
        return "0"
    sign, size = "−" if x < 0 else "", abs(x)
    if math.isinf(size):
        return f"{sign}∞"
    if whole and size < LARGEST:
        return f"{sign}{size:.0f}"
    if not SMALLEST <= size < LARGEST:
        exact = Decimal(size)
        power = exact.adjusted()
        digits = exact.scaleb(-power).quantize(Decimal("0.1"), ROUND_HALF_UP)
        if digits >= 10:
            digits, power = Decimal("1.0"), power + 1
        return f"{sign}{digits}e{power}"
    return f"{sign}{Decimal(size).quantize(PLACES, ROUND_HALF_UP)}"


def brief(x: float) -> str:
    """A number for a sentence: without places if it is whole.

    Examples
    --------
    >>> brief(2.0), brief(0.5)
    ('2', '0.5000')
    """
    return number(x, float(x).is_integer())


def is_whole(x: Array) -> bool:
    """True if all finite entries are whole numbers."""
    finite = x[np.isfinite(x)]
    return bool((finite == np.round(finite)).all())


def table(
    name: str, x: Array, *, pairs: tuple[int, ...] = (), visible: Array | None = None, title: str = "",
    attributes: str = "",
) -> str:  # fmt: skip
    """An array of up to two axes.

    pairs : (L, S), the shape of arrays with a row for each query and a column for each key.
    visible : (L, S); masked entries of such arrays are hatched.

    Examples
    --------
    >>> print(table("scale", np.array(0.5)))
    <table data-name="scale"><caption>scale</caption><tr><td class=p5>0.5000</table>
    """
    caption = escape(title or f"{name} {x.shape or ''}".strip())
    of_pairs = (
        x.ndim == 2 and x.shape == pairs and not name.startswith(("W_", "d_W_", "weight_", "d_weight_"))
    )
    of_pairs = of_pairs and name not in NOT_PAIRS
    grid = np.atleast_2d(x) if x.ndim != 1 or name not in ("lse", "d_lse") else x[:, None]
    letter = _row_letter(name, x, pairs)
    head = "".join(f"<th>k{n + 1}" for n in range(grid.shape[1]))
    rows = [f"<tr><th>{letter}\\k{head}"] if of_pairs else []
    for n, cells in enumerate(_rows(grid, visible if of_pairs else None), 1):
        rows.append(f"<tr>{f'<th>{letter}{n}' if letter else ''}{cells}")
    return (
        f'<table data-name="{escape(name)}"{attributes}><caption>{caption}</caption>{"".join(rows)}</table>'
    )


def _row_letter(name: str, x: Array, pairs: tuple[int, ...]) -> str:
    """What the rows of an array are: t tokens, k keys, q queries, h heads; "" for anything else."""
    if name in TOKENS:
        return "t"
    if name in ("lse", "d_lse"):
        return "h" if x.ndim == 2 and x.shape[1] > 1 else "q"
    if name in KEYS:
        return "k"
    parameters = ("W_", "d_W_", "weight_", "d_weight_", "vector", "d_vector")
    of_queries = x.ndim == 2 and x.shape[:1] == pairs[:1] and name not in ("weight", "d_weight")
    return "q" if of_queries and not name.startswith(parameters) else ""


def _rows(grid: Array, visible: Array | None) -> list[str]:
    if grid.dtype.kind == "b":
        return ["".join(f"<td>{'yes' if x else 'no'}" for x in row) for row in grid.tolist()]
    whole = is_whole(grid)
    largest = float(np.abs(grid[np.isfinite(grid)]).max(initial=0))
    lines = []
    for i, row in enumerate(grid.tolist()):
        cells = []
        for j, x in enumerate(row):
            hidden = visible is not None and visible.shape == grid.shape and not visible[i, j]
            name = "h" if hidden else shade(x, largest)
            cells.append(f"<td{f' class={name}' if name else ''}>{number(x, whole)}")
        lines.append("".join(cells))
    return lines


def shade(x: float, largest: float) -> str:
    """The class that colours a cell: p1 to p5 for positive numbers, n1 to n5 for negative ones.

    Examples
    --------
    >>> shade(2.0, 4.0), shade(-4.0, 4.0), shade(0.0, 4.0)
    ('p3', 'n5', '')
    """
    if not math.isfinite(x) or not x or not largest:
        return ""
    step = max(1, math.ceil(SHADES * min(1.0, abs(x) / largest)))
    return f"{'n' if x < 0 else 'p'}{step}"
