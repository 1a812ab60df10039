"""SVG by hand."""

import xml.etree.ElementTree as ElementTree

from numpy_attention.study.web.svg import Plane, arrow, bar, dot, line, path, short, svg, text


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
