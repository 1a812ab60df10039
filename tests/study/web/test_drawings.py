"""The drawing of each step, for one head: what is drawn, and what its words say."""

import re

import numpy as np
import pytest

from numpy_attention.study.example import build_example
from numpy_attention.study.walk import walk
from numpy_attention.study.walk_data import stages_by_place
from numpy_attention.study.web.drawings import DRAWN
from numpy_attention.study.web.tables import brief

WIDE = {
    "query": [[1, 0, 2, 1], [0, 1, -1, 1], [1, 1, 0, -2]],
    "key": [[1, 2, 0, 1], [0, 1, 1, -1], [2, 0, 1, 0]],
    "value": [[1, 0, 2], [0, 1, -1], [2, 2, 0]],
}


def drawing(place, arrays=None, **options):
    walked = walk(build_example(arrays, **options))
    return DRAWN[place](walked, stages_by_place(walked)[place])


def test_the_keys_gradients_close_where_law_1_holds():
    for arrays in (None, WIDE):
        assert "come back to where they began: Σ d_key = 0, law 1" in drawing("up.score", arrays).caption
    shapes = drawing("up.score", WIDE, causal=False).svg
    lines = re.findall(r'class="k head" d="M[-\d. ]+L([-\d. ]+)L', shapes)
    first = re.search(r'class="k" d="M([-\d. ]+)L', shapes)[1]
    assert lines[-1] == first


def test_the_keys_gradients_that_need_not_close_say_why():
    for options, why in (
        ({"softcap": 2.0}, "law 1 does not apply with softcap"),
        ({"lse": True}, "a loss that depends on lse"),
        ({"score": "additive"}, "law 1 is one of scores that are linear in the key"),
    ):
        assert why in drawing("up.score", **options).caption
    assert "Σ d_key = 0. Moving" in drawing("up.score", score="location").caption


def test_vectors_of_another_width_say_which_plane_is_drawn():
    assert "Of their 4 numbers each" in drawing("down.score", WIDE).here
    assert "Of their 3 numbers each" in drawing("down.values", WIDE).here
    narrow = {name: np.array([[1.0], [2.0]]) for name in ("query", "key", "value")}
    for place in ("down.score", "down.values", "up.score", "up.values"):
        assert "One number each" in drawing(place, narrow, causal=False).here


def test_general_scores_are_drawn_as_dot_products():
    example = build_example(score="general")
    scores = example.query @ example.parameters["weight"] @ example.key.T
    largest = scores.flat[np.argmax(np.abs(scores))]
    assert re.search(rf"· Wk\d = .* = {brief(largest)}: the key", drawing("down.score", score="general").here)


def test_the_hull_is_left_where_weights_need_not_sum_to_one():
    assert "cannot leave (law 11)" in drawing("down.values").caption
    assert "with dropout and sinks the weights" in drawing("down.values", sinks=0.5, dropout=0.5).caption


def test_a_query_without_keys_is_drawn_at_0():
    arrays = {"query": WIDE["query"], "key": WIDE["key"][:2], "value": WIDE["value"][:2]}
    found = drawing("down.values", arrays, causal=True, align="bottom_right")
    assert "A query that sees no key has out = 0." in found.caption
    assert drawing("up.softmax", arrays, causal=True, align="bottom_right").svg.count('class="mean"') == 2


def test_the_sink_has_a_bar_and_every_bar_its_letter():
    found = drawing("down.softmax", sinks=0.5)
    assert re.findall(r'class="m s"[^>]*>(\w+)<', found.svg) == ["123s", "123s"]
    assert found.caption.endswith("s is the sink: it takes its share, and has no value.")
    assert re.search(r'class="share" d="([^"]*)"', found.svg)[1].count("M") == 7  # one key is hidden


def test_the_average_is_drawn_minus_d_lse_where_the_loss_depends_on_lse():
    plain, with_lse = drawing("up.softmax"), drawing("up.softmax", lse=True)
    assert "each row’s average, dashed" in plain.caption
    assert "each row’s average minus its d_lse, dashed" in with_lse.caption
    assert re.findall('class="mean" d="[^"]*"', plain.svg) != re.findall(
        'class="mean" d="[^"]*"', with_lse.svg
    )


@pytest.mark.parametrize("lse", [False, True])
def test_a_part_above_the_average_and_its_gradient_both_point_up(lse):
    svg = drawing("up.softmax", WIDE, causal=False, lse=lse).svg
    for kind, sign in (("up", "-"), ("down", "")):
        part, gradient = re.findall(f'class="{kind}" d="([^"]*)"', svg)
        assert {*re.findall(r"v(-?)[\d.]+h", part + gradient)} == {sign}


def test_many_rows_of_bars_stand_beneath_each_other():
    tokens = np.arange(16.0).reshape(8, 2) % 5
    svg = drawing("down.softmax", {"tokens": tokens}, causal=False).svg
    assert int(re.search(r'width="(\d+)"', svg)[1]) < 500


@pytest.mark.parametrize("cap", [1e-50, 1e150])
def test_any_softcap_has_a_curve(cap):
    assert "nan" not in drawing("down.softcap", softcap=cap).svg
