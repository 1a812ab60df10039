"""na.explain: one file, small, whole without a script; and what it refuses."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS
from numpy_attention.study.example import ALL_OPTIONS, build_example
from numpy_attention.study.web import explanation
from numpy_attention.study.web.explanation import MOST_BYTES, Explanation, page_of, variants
from numpy_attention.study.web.scenes import build_scenes, plant_faults


@pytest.fixture(scope="module")
def page():
    return na.explain()


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.attributes, self.ids, self.tags = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]
        self.ids += [value for name, value in attributes if name == "id"]


def test_the_file_is_small_and_loads_nothing(page):
    assert len(page.html.encode()) <= MOST_BYTES
    scenes = build_scenes(variants(build_example()))
    for name in (planted.name for scene in scenes for planted in scene.faults):
        assert f'"name":"{name}"' in page.html
    tags = Tags(page.html)
    assert not {"src", "srcset", "style"} & set(tags.attributes)
    assert not [name for name in tags.attributes if name.startswith("on")]
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(tags.tags)
    assert not re.search(r"url\(|@import|https?:", page.html)
    assert len(tags.ids) == len(set(tags.ids))


def test_a_notebook_shows_it_in_a_frame_of_its_own(page):
    shown = page._repr_html_()
    assert shown.startswith("<iframe sandbox=")
    assert "<script" not in shown
    assert "save(path) writes it" in repr(page)


def test_it_is_written_whole_or_not_at_all(page, tmp_path):
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html
    with pytest.raises(OSError, match="nothing is written"):
        page.save(tmp_path / "missing" / "page.html")


def test_each_other_mask_is_an_example_of_its_own():
    assert list(variants(build_example())) == ["causal", "window", "none"]
    assert list(variants(build_example(causal=False))) == ["none", "causal", "window"]


def test_every_score_has_a_page():
    for score in ("general", "additive", "concat", "cosine", "location"):
        assert isinstance(page_of(variants(build_example(score=score)), faults=()), Explanation)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [dict(heads=8), dict(arrays=np.eye(8)), ALL_OPTIONS], ids=["heads", "tokens", "all"]
)
def test_a_large_example_leaves_out_what_does_not_fit(options):
    page = na.explain(**options)
    assert MOST_BYTES / 2 < len(page.html.encode()) <= MOST_BYTES


def test_a_page_without_room_for_drawings_says_so(monkeypatch):
    example = {"none": ("No mask", build_example(heads=2, causal=False))}
    full = page_of(example, faults=()).html
    monkeypatch.setattr(explanation, "MOST_BYTES", len(full.encode()) - 1)
    bare = page_of(example, faults=()).html
    assert ("Without drawings" in full, "Without drawings" in bare) == (False, True)
    assert full.count("<figure") > bare.count("<figure") == 0


def test_a_page_has_no_more_faults_than_fit(monkeypatch):
    example = {"none": ("No mask", build_example(causal=False))}
    one, two = (len(page_of(example, faults=FAULTS[:n]).html.encode()) for n in (1, 2))
    monkeypatch.setattr(explanation, "MOST_BYTES", (one + two) // 2)
    page = page_of(example, faults=FAULTS[:2]).html
    assert len(page.encode()) <= explanation.MOST_BYTES
    assert page.count('<dt id="none-') == 1
    monkeypatch.setattr(
        explanation, "plant_faults", lambda scenes, faults, room: plant_faults(scenes, faults)
    )
    assert page_of(example, faults=FAULTS[:2]).html == page


def test_an_example_that_is_too_large_alone_is_refused(monkeypatch):
    monkeypatch.setattr(explanation, "MOST_BYTES", 100_000)
    with pytest.raises(ValueError, match=r"the page would have 1.*; take fewer tokens, or fewer heads"):
        page_of(variants(build_example(heads=4)), faults=())


@pytest.mark.parametrize(
    "arrays, options, error, message",
    [
        (np.zeros((9, 2)), {}, ValueError, r"tokens has shape \(9, 2\); from 1 to 8"),
        ([[1, np.nan]], {}, ValueError, "tokens holds nan; finite numbers"),
        (
            {"query": [[1]], "key": [[-1e160]], "value": [[1]]},
            {},
            ValueError,
            "key holds -1e.160; finite numbers",
        ),
        ([["a"]], {}, TypeError, "tokens"),
        ({"tokens": [[1j]]}, {}, TypeError, "tokens is of complex128; real numbers"),
        ({"other": [[1.0]]}, {}, ValueError, "'other' is unknown"),
        (None, {"score": "dott"}, ValueError, "score is 'dott'"),
        (None, {"scor": "dot"}, TypeError, "scor"),
        (None, {"run": "/nowhere"}, ValueError, "/nowhere is not there"),
        (None, {"run": 5}, TypeError, "run is 5; the path of a run folder"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(arrays, options, error, message):
    with pytest.raises(error, match=message):
        na.explain(arrays, **options)
