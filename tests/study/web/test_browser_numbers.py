"""The numbers of the page in Chromium: Python's, bit for bit; its own arithmetic against references."""

import math

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.study.example import build_example
from numpy_attention.study.walk_data import array_of, same_bits, stage_arrays, stages_by_place
from numpy_attention.study.web.explanation import page_of, variants
from numpy_attention.study.web.scenes import build_scenes
from numpy_attention.study.web.tables import number
from tests.support import browser as support

support.require_browser()
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def scenes():
    return build_scenes(variants(build_example()))


def scene_of(page, name):
    page.select_option("#scene", name)
    return page.evaluate("numpyAttention.state.scene")


def test_the_numbers_in_the_browser_are_the_walks_bit_for_bit(open_page, scenes):
    page = open_page()
    for scene in scenes:
        shown = scene_of(page, scene.name)
        for place, stage in stages_by_place(scene.walk).items():
            for name, x in stage_arrays(stage).items():
                assert same_bits(array_of(shown["arrays"][shown["stages"][place]["arrays"][name]]), x)


def test_numbers_are_written_alike_in_python_and_javascript(open_page):
    rng = np.random.default_rng(0)
    xs = np.concatenate([
        rng.standard_normal(300) * 10.0 ** rng.integers(-20, 20, 300), np.arange(-50, 50) / 32,
        [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e-3, 99999.99996, 0.00099995, 0.00099994, 1e5],
    ]).tolist()  # fmt: skip
    written = open_page().evaluate("xs => xs.map(x => numpyAttention.format(x))", xs)
    assert written == [number(x) for x in xs]


def test_every_cell_is_drawn_alike_with_and_without_the_script(open_page):
    def cells(page):
        return page.locator("table[data-name] td").evaluate_all(
            "all => all.map(td => [td.textContent, td.className])"
        )

    assert cells(open_page()) == cells(open_page(java_script_enabled=False))


def test_each_faults_marks_are_those_of_its_walk(open_page, scenes):
    page = open_page()
    for scene in scenes:
        page.click("button[data-mode=break]")
        scene_of(page, scene.name)
        page.evaluate("numpyAttention.plant('')")
        before = html_of(page, scene)
        for faulty in (planted.walk for planted in scene.faults):
            page.evaluate("name => numpyAttention.plant(name)", faulty.fault.name)
            marks = page.evaluate(MARKS)
            laws = [
                [place, r.law.statement]
                for place, s in stages_by_place(faulty.walk).items()
                for r in s.laws
                if not r.ok
            ]
            assert sorted(marks["laws"]) == sorted(laws), faulty.fault.name
            assert sorted({name for _, name in marks["gradients"]}) == sorted(
                set(faulty.wrong_gradients) & set(marks["known"])
            )
            changed = {place: sorted(faulty.changed(s)) for place, s in stages_by_place(faulty.walk).items()}
            shown = {place: sorted(set(names)) for place, names in marks["tables"].items()}
            assert shown == {place: names for place, names in drawn(changed, scene).items() if names}, (
                faulty.fault.name
            )
        page.evaluate("numpyAttention.plant('')")
        assert html_of(page, scene) == before


def html_of(page, scene):
    return page.inner_html(f".scene[data-scene={scene.name}]").replace(' class=""', "")


def drawn(changed, scene):
    """The changed arrays that the right walk shows as tables: numbers, of a step that is not skipped."""
    stages = stages_by_place(scene.walk)
    return {
        place: [
            n
            for n in names
            if n in stage_arrays(stages[place]) and stage_arrays(stages[place])[n].dtype.kind == "f"
        ]
        for place, names in changed.items()
    }


MARKS = """() => {
    const root = document.querySelector(`.scene[data-scene="${numpyAttention.state.scene.name}"]`);
    const place = (node) => node.closest("[data-place]").dataset.place;
    const all = (s) => [...root.querySelectorAll(s)];
    const tables = {};
    for (const t of all("table.differs")) {
        if (!t.querySelector("td.changed")) continue;
        (tables[place(t)] ??= []).push(t.dataset.name);
    }
    return {
        tables,
        laws: [...all("li[data-law].bad").map((li) => [place(li), li.dataset.law]),
               ...all("p.extra[data-law]").map((p) => [place(p), p.dataset.law])],
        gradients: all("li[data-gradient].bad").map((li) => [place(li), li.dataset.gradient]),
        known: all("li[data-gradient]").map((li) => li.dataset.gradient),
    };
}"""


def test_the_slope_of_every_slider_is_that_of_the_complex_step(open_page, scenes):
    page = open_page()
    page.click("button[data-mode=move]")
    for scene in scenes:
        scene_of(page, scene.name)
        exact = {d: each.exact for stage in scene.walk.up for d, each in stage.derivatives.items()}
        for name in ("query", "key", "value", "scale"):
            for i, x in enumerate(np.ravel(exact[f"d_{name}"])):
                page.locator(f".scene:visible table[data-name={name}]").first.locator("td").nth(i).focus()
                slope, measured = page.evaluate("""() => {
                    const { slopeHere, movedBy } = numpyAttention, h = 1e-4;
                    return [slopeHere(), (movedBy(h).loss - movedBy(-h).loss) / (2 * h)];
                }""")
                assert slope == pytest.approx(x, abs=1e-12)
                assert measured == pytest.approx(x, abs=1e-6)
                assert number(slope) in page.inner_text("#moved")


def test_the_error_of_the_tangent_is_a_parabola(open_page):
    page = open_page()
    page.click("button[data-mode=move]")
    page.locator("table[data-name=key] td").first.focus()
    errors = page.evaluate("""() => [0.02, 0.01].map((t) =>
        numpyAttention.movedBy(t).loss - numpyAttention.movedBy(0).loss - numpyAttention.slopeHere() * t)""")
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)


MORE = (
    dict(softcap=2.0, bias=True, sinks=0.5, dropout=0.5),
    *({"score": score} for score in ("general", "additive", "concat", "cosine", "location")),
    dict(score="concat", activation="sigmoid"),
)


@pytest.mark.parametrize("options", MORE, ids=str)
def test_every_score_and_option_has_a_slider(open_page, tmp_path, options):
    page_of(variants(build_example(**options)), faults=()).save(tmp_path / "own.html")
    page = open_page(tmp_path / "own.html")
    assert page.evaluate("numpyAttention.DATA.scenes.map(numpyAttention.disagreement)") == pytest.approx(
        [0] * 3, abs=1e-12
    )


def test_cases_pass_through_the_pages_own_arithmetic(open_page):
    page = open_page()
    cases = [
        case for case in na.cases("smoke", dtype="float64") if case.query.size
    ]  # nested lists have no L = 0
    outcomes = {case.name: na.compare(computed(page, case), case).outcome for case in cases}
    assert [name for name, outcome in outcomes.items() if outcome == "FAIL"] == []
    assert list(outcomes.values()).count("PASS") > 0.9 * len(cases)  # the others are too insensitive to judge


def computed(page, case):
    """The results of a case by attention() of the page, batch by batch."""
    B, H, L, _ = case.query.shape
    S = case.key.shape[-2]
    shape = (B, H, L, S)

    def wide(x, to=shape):
        return None if x is None else np.broadcast_to(np.asarray(x, dtype=float), to)

    scale = wide(1 / math.sqrt(case.query.shape[-1]) if case.scale is None else case.scale)
    sinks, d_lse = wide(case.sinks, (B, H)), wide(case.d_lse, (B, H, L))
    visible = np.broadcast_to(True if case.visible is None else case.visible, shape)
    each = {name: getattr(case, name) for name in ("query", "key", "value", "d_out")}
    each |= dict(scale=scale, visible=visible, added=wide(case.bias), multipliers=wide(case.dropout))
    each |= dict(d_weights=wide(case.d_weights), d_lse=d_lse, sink=sinks)
    rows = []
    for b in range(B):
        p = {name: np.asarray(x)[b].tolist() for name, x in each.items() if x is not None}
        rows.append(page.evaluate("p => { const { seen, ...x } = numpyAttention.attention(p); return x; }",
                                  p | {"softcap": case.softcap}))  # fmt: skip
    results = {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}
    shapes = {"out": case.d_out.shape, "lse": shape[:-1], "weights": shape}
    shapes |= {f"d_{name}": getattr(case, name).shape for name in ("query", "key", "value")}
    found = {name: results[name].reshape(own) for name, own in shapes.items()}
    for name, ours, given in (
        ("d_bias", "d_bias", case.bias),
        ("d_scale", "d_scale", case.scale),
        ("d_sinks", "d_sink", case.sinks),
    ):
        if given is not None and isinstance(given, np.ndarray):
            found[name] = summed_to(results[ours], given.shape)
    return found


def summed_to(x, shape):
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return (
        x.sum(axis=tuple(n for n, length in enumerate(shape) if length == 1), keepdims=True) if shape else x
    )
