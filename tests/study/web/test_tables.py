"""Numbers and arrays as HTML."""

import math

import numpy as np
import pytest

from numpy_attention.study.web.tables import brief, number, shade, table


@pytest.mark.parametrize(
    "x, text",
    [
        (0.03125, "0.0313"),  # a tie goes up, as in JavaScript
        (-0.03125, "−0.0313"),
        (0.00099996, "1.0e-3"),
        (0.25e-3, "2.5e-4"),
        (123456.0, "1.2e5"),
        (99999.99999, "100000.0000"),
        (math.inf, "∞"),
        (math.nan, "NaN"),
        (-0.0, "0"),
        (5e-324, "4.9e-324"),
    ],
)
def test_four_places(x, text):
    assert number(x) == text


def test_whole_numbers_have_no_places_where_all_are_whole():
    assert brief(3.0) == "3"
    assert "<td class=p5>3<td>0" in table("key", np.array([[3.0, 0.0]]))
    assert "<td class=p5>3.0000<td class=p1>0.5000" in table("key", np.array([[3.0, 0.5]]))


def test_masked_pairs_are_hatched_and_rows_are_named():
    scores, visible = np.array([[0.5, -np.inf]]), np.array([[True, False]])
    html = table("masked", scores, pairs=(1, 2), visible=visible)
    assert html.endswith("<tr><th>q\\k<th>k1<th>k2<tr><th>q1<td class=p5>0.5000<td class=h>−∞</table>")
    assert "class=h" not in table("query", scores, pairs=(1, 2), visible=visible)


@pytest.mark.parametrize(
    "name, shape, header",
    [
        ("value", (2, 2), "k1"),
        ("d_x", (2, 2), "t1"),
        ("out", (2, 2), "q1"),
        ("lse", (2,), "q1"),
        ("lse", (3, 2), "h1"),
    ],
)
def test_rows_say_what_they_belong_to(name, shape, header):
    assert f"<tr><th>{header}<td" in table(name, np.ones(shape), pairs=(2, 3))


def test_parameters_have_no_headers_and_names_are_escaped():
    assert "<th>" not in table("W_Q", np.ones((2, 2)), pairs=(2, 2))
    assert 'data-name="Σ_l &lt;x&gt;"' in table("Σ_l <x>", np.ones(1))


def test_shades():
    assert [shade(x, 1.0) for x in (1.0, 0.01, -0.5, 0.0, -math.inf)] == ["p5", "p1", "n3", "", ""]
