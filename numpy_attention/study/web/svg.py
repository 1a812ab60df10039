"""SVG by hand: shapes with classes that the page's style colours, in light and dark; no style attributes."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]


def svg(width: int, height: int, label: str, shapes: Iterable[str], kind: str = "") -> str:
    """A drawing of this size in pixels; `label` describes it to those who do not see it.

    Examples
    --------
    >>> svg(10, 10, "a dot", [dot((5, 5), "q")])
    '<svg viewBox="0 0 10 10" width="10" height="10" role="img" aria-label="a dot"><circle class="q" cx="5" \
cy="5" r="4"/></svg>'
    """
    name = f' class="{kind}"' if kind else ""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg{name} {size} role="img" aria-label="{escape(label)}">{"".join(shapes)}</svg>'


def short(x: float) -> str:
    """A coordinate to a tenth of a pixel.

    Examples
    --------
    >>> short(1.25), short(3.0), short(-0.01)
    ('1.2', '3', '0')
    """
    text = f"{x:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def dot(at: Point, kind: str, radius: float = 4) -> str:
    """A disc."""
    return f'<circle class="{kind}" cx="{short(at[0])}" cy="{short(at[1])}" r="{short(radius)}"/>'


def line(start: Point, end: Point, kind: str) -> str:
    """A straight line."""
    (a, b), (c, d) = start, end
    return f'<path class="{kind}" d="M{short(a)} {short(b)}L{short(c)} {short(d)}"/>'


def bar(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle; a negative height reaches up from y."""
    top = y + min(0.0, height)
    size = f'width="{short(width)}" height="{short(abs(height))}"'
    return f'<rect class="{kind}" x="{short(x)}" y="{short(top)}" {size}/>'


def bars(rectangles: Iterable[tuple[float, float, float, float]], kind: str) -> str:
    """Rectangles (x, y, width, height) as one path; "" for none.

    Examples
    --------
    >>> bars([(6, 90, 24, -40.25)], "o")
    '<path class="o" d="M6 90h24v-40.2h-24z"/>'
    """
    drawn = "".join(f"M{short(x)} {short(y)}h{short(w)}v{short(h)}h{short(-w)}z" for x, y, w, h in rectangles)
    return f'<path class="{kind}" d="{drawn}"/>' if drawn else ""


def path(points: Sequence[Point], kind: str, closed: bool = False) -> str:
    """A line through points."""
    drawn = "L".join(f"{short(x)} {short(y)}" for x, y in points)
    return f'<path class="{kind}" d="M{drawn}{"Z" if closed else ""}"/>'


def text(at: Point, words: str, kind: str = "") -> str:
    """Words that start at a point; class "m" centres them there."""
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{short(at[0])}" y="{short(at[1])}">{escape(words)}</text>'


def arrow(start: Point, end: Point, kind: str) -> str:
    """A line with a head at its end; a dot where both are one point."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    if length < 1:
        return dot(end, kind, 2)
    ux, uy, head = dx / length, dy / length, min(7.0, length / 2)
    base = end[0] - head * ux, end[1] - head * uy
    left = base[0] - head / 2 * uy, base[1] + head / 2 * ux
    right = base[0] + head / 2 * uy, base[1] - head / 2 * ux
    return line(start, base, kind) + path([left, end, right], f"{kind} head", closed=True)


def letters(xs: Sequence[float], y: float, words: str) -> str:
    """One letter at each x, centred."""
    return f'<text class="m s" x="{" ".join(map(short, xs))}" y="{short(y)}">{escape(words)}</text>'


class Names:
    """Names beside the arrows and points of a square drawing, covering none of them where there is room."""

    def __init__(self, size: int, arrows: Iterable[tuple[Point, Point]]) -> None:
        self.size = size
        self.taken = [(x - 2, y - 2, x + 2, y + 2) for start, end in arrows for x, y in _along(start, end)]

    def beside(self, at: Point, words: str, kind: str, toward: Point) -> str:
        """A name beside a point, if it can on the side of another one."""
        half, angle = 3.2 * len(words) + 1, math.atan2(toward[1] - at[1], toward[0] - at[0])
        boxes = []
        for reach in (10.0, 19.0):
            for turn in (0, 1, -1, 2, -2, 3, -3, 4):
                a = angle + turn * math.pi / 4
                x = at[0] + math.cos(a) * (reach + half - 5)
                y = at[1] + math.sin(a) * reach
                x, y = min(max(x, half), self.size - half), min(max(y, 7), self.size - 7)
                boxes.append((x - half, y - 6, x + half, y + 6))
        free = (box for box in boxes if not any(_overlap(box, other) for other in self.taken))
        left, top, right, _ = box = next(free, boxes[0])
        self.taken.append(box)
        return text(((left + right) / 2, top + 10), words, f"{kind} m")


def _along(start: Point, end: Point) -> list[Point]:
    """Points on a line, 6 pixels apart, its end among them."""
    count = math.ceil(math.dist(start, end) / 6) or 1
    parts = [n / count for n in range(1, count + 1)]
    return [(start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])) for t in parts]


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


class Plane:
    """A square of the plane that holds 0 and all given points, as large as they allow."""

    def __init__(self, points: Iterable[Sequence[float]], size: int = 220, margin: int = 26) -> None:
        xs, ys = zip((0.0, 0.0), *((float(p[0]), float(p[1])) for p in points), strict=True)
        self.size, self.center = size, ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
        reach = max(max(xs) - min(xs), max(ys) - min(ys))
        self.unit = (size - 2 * margin) / (reach or 1.0)

    def at(self, point: Sequence[float]) -> Point:
        """Where a point is drawn."""
        right, up = float(point[0]) - self.center[0], float(point[1]) - self.center[1]
        return self.size / 2 + right * self.unit, self.size / 2 - up * self.unit

    def axes(self) -> str:
        """Both axes through 0."""
        (x, y), end = self.at((0, 0)), self.size - 4
        return line((4, y), (end, y), "axis") + line((x, 4), (x, end), "axis")
