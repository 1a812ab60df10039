"""A scene as HTML: every step, number, law and fault is there without a script."""

from html.parser import HTMLParser

import pytest

from numpy_attention.check.faults import fault
from numpy_attention.study.example import build_example
from numpy_attention.study.walk_data import stage_arrays, stages_by_place
from numpy_attention.study.web.render import law_html, scene_html
from numpy_attention.study.web.scenes import build_scenes
from numpy_attention.study.web.tables import is_whole, number

OPTIONS = {"default": {}, "everything": dict(softcap=2.0, bias=True, sinks=0.5, dropout=0.5)}


class Cells(HTMLParser):
    """The cells of each table, by place and name; place is that of the section around it."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.place, self.cells, self.inside = {}, "", [], False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.place = attributes.get("data-place", self.place)
        if tag == "table":
            self.cells = self.tables.setdefault((self.place, attributes["data-name"]), [])
        self.inside = tag == "td"
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_every_number_of_the_walk_is_in_its_table(options):
    (scene,) = build_scenes({"own": ("Own", build_example(**options))}, ())
    tables = Cells(scene_html(scene)).tables
    for place, stage in stages_by_place(scene.walk).items():
        for name, x in stage_arrays(stage).items():
            if x.dtype.kind == "f" and (name != "d_lse" or x.any()):
                whole = is_whole(x)
                assert tables[place, name] == [number(float(entry), whole) for entry in x.flat], (place, name)


def test_every_law_gradient_and_unused_step_is_told():
    (scene,) = build_scenes({"own": ("Own", build_example(sinks=0.5))}, ())
    html = scene_html(scene)
    for stage in (*scene.walk.down, *scene.walk.up):
        for result in stage.laws:
            assert law_html(result) in html
        for name in stage.derivatives:
            assert f'<li data-gradient="{name}">' in html
    assert "rows of d_masked sum to 0<span class=sides>: does not apply with sinks" in html
    assert "not used: <code>capped = scores</code>" in html
    assert "not used: <code>d_scores = d_capped</code>" in html
    assert "✗" not in html


def test_faults_are_listed_with_what_they_change_and_break():
    (scene,) = build_scenes({"own": ("Own", build_example())}, [fault("no-row-sum")])
    html = scene_html(scene)
    assert '<dt id="own-no-row-sum">' in html
    assert "It changes d_masked, d_biased, d_query, d_key, d_scale." in html
    assert "law 1, Σ_s d_key = 0" in html
