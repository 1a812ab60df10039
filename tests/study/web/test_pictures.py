"""The drawings as HTML: one for each head, or one sentence why there is none."""

import re

import pytest

from numpy_attention.study.example import ALL_OPTIONS, build_example
from numpy_attention.study.walk import walk
from numpy_attention.study.walk_data import stages_by_place
from numpy_attention.study.web.drawings import DRAWN, Drawing
from numpy_attention.study.web.pictures import figure, pictures


def drawn(arrays=None, **options):
    walked = walk(build_example(arrays, **options))
    return {place: pictures(walked, place, stage) for place, stage in stages_by_place(walked).items()}


def test_every_step_that_has_a_drawing_has_it():
    figures = drawn(softcap=2.0)
    assert {place for place, html in figures.items() if html} == DRAWN.keys()


def test_each_head_has_drawings_of_its_own_and_they_share_a_caption():
    figures = drawn(**ALL_OPTIONS)
    for place in DRAWN:
        groups = 2 if place == "up.score" else 4
        assert re.findall(r'data-head="(\d)"', figures[place]) == [str(n) for n in range(groups)], place
        assert len(set(re.findall("<svg.*?</svg>", figures[place]))) == groups, place
        assert figures[place].count('class="caption"') == 1, place
    assert "Key head 2." in figures["up.score"]
    assert "Head 4. q" in figures["down.score"]


def test_a_head_is_drawn_as_the_same_numbers_without_an_axis_of_heads():
    walked = walk(build_example(heads=4, kv_heads=2, softcap=1.0, sinks=0.5, lse=True))
    for head in (0, 3):
        example = walked.example
        alone = example._replace(
            query=example.query[head], key=example.key[head // 2], value=example.value[head // 2],
            d_out=example.d_out[head], d_lse=example.d_lse[head], projection=None,
            options=example.options | {"sinks": example.options["sinks"][head]},
        )  # fmt: skip
        single = walk(alone)
        for place in set(DRAWN) - {"up.score"}:  # a key head's gradient sums over two heads
            html = pictures(walked, place, stages_by_place(walked)[place])
            own = pictures(single, place, stages_by_place(single)[place])
            assert re.findall("<svg.*?</svg>", html)[head] == re.search("<svg.*?</svg>", own)[0], place


@pytest.mark.parametrize("score", ["additive", "concat", "location"])
def test_a_score_without_a_plane_says_so_once(score):
    for options in ({}, {"heads": 2}):
        assert drawn(score=score, **options)["down.score"].startswith('<p class="caption">Not drawn: ')


def test_a_head_whose_keys_have_no_gradient_says_so():
    figures = drawn({"query": [[1, 2]], "key": [[3, 4]], "value": [[5, 6]]})
    assert figures["up.score"] == '<p class="caption">Not drawn: the gradient of every key is 0.</p>'


def test_a_figure_has_its_caption():
    one = figure(Drawing("<svg></svg>", "words", "1 < 2"))
    assert one == "<figure><svg></svg><figcaption>words 1 &lt; 2</figcaption></figure>"
    of_head = figure(Drawing("<svg></svg>", "words", "here"), "head 2", ' data-head="1"')
    assert "<figure data-head=" in of_head
    assert "<figcaption>Head 2. here</figcaption>" in of_head
