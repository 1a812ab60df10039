"""The drawings: which steps have one, and what its words say."""

import numpy as np
import pytest

from numpy_attention.study.example import build_example
from numpy_attention.study.walk import walk
from numpy_attention.study.walk_data import stages_by_place
from numpy_attention.study.web.pictures import DRAWN, figure, hull, pictures


def drawn(**options):
    walked = walk(build_example(**options))
    return {
        place: "".join(pictures(walked, place, stage)) for place, stage in stages_by_place(walked).items()
    }


def test_every_step_that_has_a_drawing_has_it():
    figures = drawn(softcap=2.0)
    assert {place for place, html in figures.items() if html} == DRAWN.keys()


def test_the_keys_gradients_close_unless_softcap_breaks_the_law():
    assert "come back to where they began: Σ d_key = 0, law 1" in drawn()["up.score"]
    assert "Here they do not close" in drawn(softcap=2.0)["up.score"]


def test_what_is_not_in_the_plane_is_not_drawn():
    tokens = {"tokens": [[1, 2, 3], [0.5, -1, 0]]}
    walked = walk(build_example(dict.fromkeys(("query", "key", "value"), tokens["tokens"])))
    stages = stages_by_place(walked)
    assert not pictures(walked, "down.score", stages["down.score"])
    assert pictures(walked, "down.softmax", stages["down.softmax"])
    assert not pictures(walked, "down.bias", stages["down.bias"])


def test_the_hull_is_left_where_weights_need_not_sum_to_one():
    assert "cannot leave (law 11)" in drawn()["down.values"]
    assert "with dropout and sinks the weights" in drawn(sinks=0.5, dropout=0.5)["down.values"]


@pytest.mark.parametrize(
    "points, corners", [([[1, 1]], 1), ([[0, 0], [1, 1], [2, 2]], 2), ([[0, 0], [1, 0], [0, 1]], 3)]
)
def test_hulls_of_few_points(points, corners):
    assert len(hull(np.array(points, dtype=float))) == corners


def test_a_figure_has_its_caption():
    assert figure("<svg></svg>", "words") == "<figure><svg></svg><figcaption>words</figcaption></figure>"
