"""Vectors of any width in the plane: as they are, or in the plane that holds most of them; convex hulls."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .svg import Point

ROUNDING = 1e-9
"""What a plane may leave out, of squared length, and still hold all."""


class Flat(NamedTuple):
    """Groups of vectors as points of a plane, (n, 2) each, and which plane it is, "" for width 2."""

    groups: tuple[Array, ...]
    said: str


def flatten(groups: Sequence[Array]) -> Flat:
    """Vectors (n, width) in one plane through 0: that of their two leading singular directions.

    Examples
    --------
    >>> flatten([np.array([[3.0, 0, 0], [0, 0, 1]]), np.array([[0, 2.0, 0]])]).said
    'Of their 3 numbers each, this is the plane that holds most of the squared lengths: 93 %.'
    >>> flatten([np.array([[3.0]])]).groups
    (array([[3., 0.]]),)
    """
    rows = np.vstack(groups)
    width = rows.shape[1]
    if width == 2:
        return Flat(tuple(groups), "")
    if width == 1:
        return Flat(
            tuple(np.pad(x, ((0, 0), (0, 1))) for x in groups), "One number each: they lie on a line."
        )
    _, lengths, directions = np.linalg.svd(rows, full_matrices=False)
    plane = np.zeros((2, width))
    plane[: len(directions)] = directions[:2]
    plane *= np.where(plane.sum(axis=1) < 0, -1, 1)[:, None]
    held, total = (lengths[:2] ** 2).sum(), (lengths**2).sum()
    said = f"They have {width} numbers each and lie in one plane, which is drawn."
    if held < total * (1 - ROUNDING):
        said = (
            f"Of their {width} numbers each, this is the plane that holds most of the squared lengths: "
            f"{100 * held / total:.0f} %."
        )
    return Flat(tuple(x @ plane.T for x in groups), said)


def hull(points: Array) -> list[Point]:
    """The corners of the convex hull of points in the plane, counter-clockwise (Andrew 1979).

    Examples
    --------
    >>> hull(np.array([[0, 0], [2, 0], [1, 1], [2, 2], [0, 2.0]]))
    [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
    """
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return ordered

    def chain(ps: list[Point]) -> list[Point]:
        kept: list[Point] = []
        for p in ps:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], p) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return chain(ordered) + chain(ordered[::-1])


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
