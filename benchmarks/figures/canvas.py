"""A figure as a file of its own: its size, its words for those who do not see it, its colours, its arrays."""

import re
from html import escape
from typing import NamedTuple

import numpy as np

from numpy_attention.functional.base.admission import Array
from numpy_attention.study.web.document import asset
from numpy_attention.study.web.svg import Point, bar, text
from numpy_attention.study.web.tables import is_whole, number, shade

THEMES = ("light", "dark")

STYLE = """
text { fill: var(--ink); font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
.code, .cell { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.code { font-size: 11.5px } .cell { font-size: 11px; text-anchor: middle } .small { font-size: 11.5px }
.head { font-size: 15px; font-weight: 600 } .name { font-size: 11.5px; font-weight: 600 }
.soft { fill: var(--soft) } .good { fill: var(--good) } .bad { fill: var(--bad) } .key { fill: var(--k) }
.m { text-anchor: middle } .r { text-anchor: end } .strong { font-weight: 600 }
.paper { fill: var(--bg) } .box { fill: none; stroke: var(--line) }
.rail { stroke: var(--soft); stroke-width: 1.5; fill: none } .rail.head { fill: var(--soft); stroke: none }
.rung { stroke: var(--k); fill: none; stroke-dasharray: 3 3 } .rung.head { fill: var(--k) }
.disc { fill: var(--ink) } text.number { fill: var(--bg); font-size: 11px; font-weight: 600 }
.off { fill: var(--line) } text.off { fill: var(--ink) }
.axis { stroke: var(--soft); fill: none }
.mean { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 5 3 }
.up { fill: rgb(var(--pos) / .35); stroke: rgb(var(--pos)) }
.down { fill: rgb(var(--neg) / .35); stroke: rgb(var(--neg)) }
.wrong { fill: none; stroke: var(--bad); stroke-width: 1.5 }
.mark { fill: none; stroke: var(--o); stroke-width: 2 }
.hidden { fill: url(#hatch) } .hatch { stroke: var(--line); stroke-width: 2 }
.ink { fill: var(--ink) } .o { fill: var(--o) } .spread { fill: var(--q) }
"""
"""In the variables of the page's style."""

HATCH = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern></defs>'
)

CELL, WHOLE, ROW = 52, 28, 20
"""Width of a cell, of one with a whole number, and height, in pixels."""


class Figure(NamedTuple):
    """A drawing of this size; `title` and `description` are read to those who do not see it."""

    width: int
    height: int
    title: str
    description: str
    shapes: tuple[str, ...]

    def text(self, theme: str) -> str:
        """The SVG file for light or dark pages."""
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        paper = f'<rect class="paper" width="{self.width}" height="{self.height}" rx="6"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">\n'
            f'<title id="title">{escape(self.title)}</title>\n'
            f'<desc id="desc">{escape(self.description)}</desc>\n'
            f"<style>{_style(theme)}</style>\n" + "\n".join((HATCH, paper, *self.shapes)) + "\n</svg>\n"
        )


def _style(theme: str) -> str:
    """The style with the page's colours of a theme in place of its variables, and the page's shades."""
    page = asset("style.css")
    light, dark = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (.*?);", light if theme == "light" else light + dark))
    shades = "\n".join(re.findall(r"\.[pn]\d \{.*?\}", page)).replace("background", "fill")
    filled = re.sub(r"var\(--(\w+)\)", lambda name: colours[name[1]], f"{STYLE}{shades}\n")
    return re.sub(r"rgb\((\d+) (\d+) (\d+)(?: / ([\d.]+))?\)", _rgba, filled)


def _rgba(colour: re.Match[str]) -> str:
    """The notation with commas, which every reader of SVG knows."""
    red, green, blue, opacity = colour.groups()
    return f"rgba({red}, {green}, {blue}, {opacity or 1})"


def cells(
    at: Point, name: str, x: Array, *, visible: Array | None = None, marked: Array | None = None
) -> list[str]:
    """An array of up to two axes under its name; masked cells are hatched, marked ones outlined."""
    grid, (left, top) = np.atleast_2d(x), at
    whole, wide = is_whole(grid), width_of(x)
    largest = float(np.abs(grid[np.isfinite(grid)]).max(initial=0))
    shapes, outlines = [text((left, top + 11), name, "name")], []
    for (i, j), entry in np.ndenumerate(grid):
        a, b = left + j * wide, top + 17 + i * ROW
        kind = "hidden" if visible is not None and not visible[i, j] else shade(float(entry), largest)
        shapes += [bar(a, b, wide, ROW, kind)] * bool(kind) + [bar(a, b, wide, ROW, "box")]
        shapes.append(text((a + wide / 2, b + 14), number(float(entry), whole), "cell"))
        if marked is not None and np.atleast_2d(marked)[i, j]:
            outlines.append(bar(a + 1, b + 1, wide - 2, ROW - 2, "wrong"))
    return shapes + outlines


def width_of(x: Array) -> int:
    """The width of a cell of an array."""
    return WHOLE if is_whole(x) else CELL
