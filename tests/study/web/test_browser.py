"""The page in Chromium: it asks for nothing, fits, is accessible, and can be used by keyboard alone."""

import numpy as np
import pytest

from numpy_attention.study.example import build_example
from numpy_attention.study.web.explanation import page_of, variants
from tests.support import browser as support

support.require_browser()
pytestmark = pytest.mark.browser

MODES = ("read", "predict", "break", "move", "project")
SCHEMES = ("light", "dark")


def enter(page, mode):
    page.click(f"button[data-mode={mode}]")
    if mode == "break":
        page.select_option("#fault", index=1)
    if mode == "move":
        page.locator("table[data-name=query] td").first.focus()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_asks_for_the_file_alone_and_says_nothing_on_the_console(open_page, page_file, scheme):
    page = open_page(scheme=scheme)
    for mode in MODES:
        enter(page, mode)
    for name in page.locator("#scene option").evaluate_all("all => all.map(o => o.value)"):
        page.select_option("#scene", name)
    assert page.asked == [page_file.as_uri()]
    assert page.messages == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing(open_page, scheme, mode):
    page = open_page(scheme=scheme)
    enter(page, mode)
    page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.evaluate(support.axe().read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 120))]))"
    )
    assert found == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("mode", MODES)
def test_nothing_scrolls_sideways(open_page, width, mode):
    page = open_page(width=width)
    enter(page, mode)
    page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_wide_heads_fit_a_narrow_screen_and_each_is_drawn_by_its_tab(open_page, tmp_path):
    tokens = {"tokens": np.arange(24.0).reshape(3, 8) % 5 / 2}
    page_of(variants(build_example(tokens, heads=4, kv_heads=2)), faults=()).save(tmp_path / "heads.html")
    page = open_page(tmp_path / "heads.html", width=390)
    drawn = page.locator("figure:visible")
    assert set(drawn.evaluate_all("all => all.map(f => f.dataset.head)")) == {"0"}
    page.click("#heads button >> nth=4")
    assert set(drawn.evaluate_all("all => all.map(f => f.dataset.head)")) == {"1", "3"}  # key head 2, head 4
    page.click("#heads button >> nth=0")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.evaluate(support.axe().read_text(encoding="utf-8"))
    assert page.evaluate("axe.run().then(r => r.violations.map(v => v.id))") == []
    assert page.messages == []


def test_the_whole_page_is_toured_by_keyboard(open_page):
    page = open_page()
    stops = []
    for _ in range(600):
        page.keyboard.press("Tab")
        stop = page.evaluate("""() => {
            const e = document.activeElement, at = e.closest("[data-place]");
            const style = getComputedStyle(e);
            return e === document.body ? null
                : [at ? at.dataset.place : "", e.tagName, e.id || e.dataset.mode || "", style.outlineStyle];
        }""")
        if stop is None:
            break
        stops.append(tuple(stop))
    else:
        pytest.fail("Tab never leaves the page")
    used = page.evaluate(
        "Object.entries(numpyAttention.state.scene.stages).filter(([, s]) => !s.skipped).map(([p]) => p)"
    )
    assert {place for place, *_ in stops} >= set(used)
    assert {name for _, _, name, _ in stops} >= {*MODES, "scene", "link"}
    assert all(outline != "none" for *_, outline in stops)


def test_every_mode_works_by_keyboard(open_page):
    page = open_page()
    page.locator("table[data-name=d_key] td").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#told").startswith("d_key[1, 2] = ")
    assert page.locator("td.from:visible").count() > 0
    page.focus("[data-outline=goes]")
    page.keyboard.press("Enter")
    assert "goes into" in page.inner_text("#told")
    page.focus("[data-mode=break]")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.focus("#later")
    page.keyboard.press("Enter")
    assert page.locator("td.changed:visible").count() > 0
    page.focus("[data-mode=move]")
    page.keyboard.press("Enter")
    page.locator("table[data-name=key] td").first.focus()
    page.focus("#by")
    page.keyboard.press("ArrowRight")
    assert "the loss goes from" in page.inner_text("#moved")
    page.focus("[data-mode=project]")
    page.keyboard.press("Space")
    seen = []
    for _ in range(20):
        seen.append(page.inner_text("#screen"))
        page.keyboard.press("PageDown")
    assert len(set(seen)) == int(seen[0].split()[2].rstrip(":"))
    page.keyboard.press("PageUp")
    assert page.inner_text("#screen") != seen[-1]


def test_covered_cells_are_judged_as_they_are_filled(open_page):
    page = open_page()
    page.click("button[data-mode=predict]")
    page.select_option("#covered", "down.softmax")
    inputs = page.locator("table[data-name=weights] td input:visible")
    right = page.evaluate("numpyAttention.state.scene.arrays.weights")
    for n, x in enumerate(x for row in right for x in row):
        inputs.nth(n).fill(f"{x:.2f}" if n else "2")
        inputs.nth(n).press("Tab")
    wrong, good = page.locator("td input[aria-invalid=true]"), page.locator("td.good:visible")
    assert (wrong.count(), good.count()) == (1, inputs.count() - 1)
    assert page.locator("[data-place='up.softmax']:visible").count() == 0
    page.click("#answers")
    assert page.inner_text("#score").split()[0] == page.inner_text("#score").split()[2]


@pytest.mark.parametrize("mode", MODES)
def test_a_link_leads_back_to_its_state(open_page, mode):
    page = open_page()
    enter(page, mode)
    if mode == "project":
        page.keyboard.press("PageDown")
    page.locator("td:visible").nth(3).focus()
    told, link = page.inner_text("#told"), page.get_attribute("#link", "href")
    again = open_page(fragment=link)
    assert again.get_attribute("#link", "href") == link
    assert again.inner_text("#told") == told
    assert again.get_attribute(f"[data-mode={mode}]", "aria-pressed") == "true"


def test_it_reads_whole_without_javascript_and_on_paper(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator("#bar").is_hidden()
    assert page.locator(".scene:visible").count() == 3
    printed = open_page()
    printed.click("button[data-mode=predict]")
    printed.emulate_media(media="print")
    assert printed.locator("#bar").is_hidden()
    assert printed.locator(".scene:visible").count() == 3
    assert printed.locator("[data-place='up.score']:visible").count() == 3
