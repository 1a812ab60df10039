"""SVG by hand."""

import re
import xml.etree.ElementTree as ElementTree

from numpy_attention.study.web.svg import (
    Names,
    Plane,
    arrow,
    bar,
    bars,
    dot,
    letters,
    line,
    path,
    short,
    svg,
    text,
)


def test_a_drawing_is_well_formed_and_labelled():
    shapes = [dot((1, 2), "q"), line((0, 0), (1, 1), "axis"), bar(1, 10, 4, -6, "o"), text((0, 0), "a < b")]
    shapes += [path([(0, 0), (1, 2), (3, 4)], "hull", closed=True), arrow((0, 0), (30, 40), "k")]
    root = ElementTree.fromstring(svg(50, 40, 'says "a < b"', shapes, "wide"))
    assert (root.get("aria-label"), root.get("class")) == ('says "a < b"', "wide")
    assert not any("style" in node.attrib for node in root.iter())


def test_a_negative_height_reaches_up():
    assert 'y="4" width="4" height="6"' in bar(1, 10, 4, -6, "o")


def test_an_arrow_of_no_length_is_a_dot():
    assert arrow((3, 3), (3, 3), "k").startswith("<circle")


def test_all_points_and_zero_fit_in_the_plane():
    plane = Plane([(3, 0), (0, -4)], size=100, margin=10)
    assert plane.at((0, 0)) == (20, 10)
    assert plane.at((3, -4)) == (80, 90)
    assert Plane([(0, 0)], size=200).at((0, 0)) == (100, 100)
    assert plane.axes().count("<path") == 2
    assert short(-0.04) == "0"


def test_many_bars_are_one_path():
    assert bars([(1, 10, 4, -6), (6, 10, 4, 2)], "o") == '<path class="o" d="M1 10h4v-6h-4zM6 10h4v2h-4z"/>'
    assert bars([], "o") == ""


def test_each_letter_stands_at_its_own_place():
    assert letters([1, 5], 9, "12") == '<text class="m s" x="1 5" y="9">12</text>'


def test_names_cover_neither_points_nor_each_other():
    at = (50.0, 50.0)
    names = Names(100, [(at, at)])
    places = []
    for _ in range(6):
        x, y = map(float, re.findall(r'[xy]="([-\d.]+)"', names.beside(at, "k1", "k", (60, 50))))
        places.append((x, y - 4))
    assert places[0][0] > 55
    assert abs(places[0][1] - 50) < 1
    boxes = [(x - 7, y - 6, x + 7, y + 6) for x, y in places]
    for n, (a, b, c, d) in enumerate(boxes):
        assert not (a < 50 < c and b < 50 < d)
        assert not any(
            a < g - 0.1 and e < c - 0.1 and b < h - 0.1 and f < d - 0.1 for e, f, g, h in boxes[:n]
        )


def test_names_stay_inside():
    names = Names(100, [])
    x, y = map(float, re.findall(r'[xy]="([-\d.]+)"', names.beside((99, 1), "d_out 1", "o", (200, -100))))
    assert x <= 100 - 3.2 * 7
    assert y >= 10
