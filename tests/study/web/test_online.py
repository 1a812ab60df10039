"""The online softmax of the page is blockwise attention's own, and wrong rescales show."""

import numpy as np
import pytest

from numpy_attention.study.example import build_example
from numpy_attention.study.walk import walk
from numpy_attention.study.web.online import WRONG, online_html, online_tiles


@pytest.mark.parametrize(
    "options", [{}, dict(causal=False, sinks=0.5, softcap=2.0)], ids=["causal", "options"]
)
def test_the_last_tile_gives_attention(options):
    walked = walk(build_example(**options))
    out, tiles = online_tiles(walked.example)
    np.testing.assert_allclose(out, walked.out, rtol=1e-14)
    for row, query in zip(tiles[-1], walked.out, strict=True):
        np.testing.assert_allclose(row.sums / row.summed, query, rtol=1e-14)


def test_each_wrong_rescale_is_told():
    html = online_html(walk(build_example(causal=False)))
    assert html.count("✗") == len(WRONG) == 3
    assert online_html(walk(build_example(score="concat"))) == ""


def test_a_query_of_several_heads_says_which_head_it_is_of():
    html = online_html(walk(build_example(heads=2)))
    assert "<caption>head 1, query 1</caption>" in html
    assert "head 2" not in html
