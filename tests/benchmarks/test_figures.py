"""The figures of the documents: drawn again they have the same bytes, and they can be read."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks.figures.__main__ import FIGURES
from benchmarks.figures.canvas import THEMES
from tests.support.transcripts import same_line

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "figures"
TRAINED = ("zero",)
"""Drawn from a training, whose last digits differ from machine to machine."""

FILES = [f"{name}-{theme}.svg" for name in FIGURES for theme in THEMES]
SVG = "{http://www.w3.org/2000/svg}"
WIDEST = 0.62
"""Width of a letter of a fixed-width font over its size, in the widest of those asked for."""


def test_no_other_figure_lies_there():
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in TRAINED])
def test_drawn_again_a_figure_has_the_same_bytes(name):
    figure = FIGURES[name]()
    for theme in THEMES:
        assert (FOLDER / f"{name}-{theme}.svg").read_bytes() == figure.text(theme).encode()


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_trained_again_a_figure_differs_in_last_digits_at_most(name):
    figure = FIGURES[name]()
    for theme in THEMES:
        shown = (FOLDER / f"{name}-{theme}.svg").read_text(encoding="utf-8")
        for old, new in zip(shown.splitlines(), figure.text(theme).splitlines(), strict=True):
            assert same_line(old, new)


@pytest.mark.parametrize("file", FILES)
def test_a_figure_is_small_says_what_it_shows_and_loads_nothing(file):
    text = (FOLDER / file).read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    labels = [root.find(f"{SVG}title"), root.find(f"{SVG}desc")]
    assert root.get("aria-labelledby") == " ".join(node.get("id") for node in labels)
    assert all(len(node.text) > 30 for node in labels)
    assert len(text.encode()) < 24_000
    assert not re.search(r"var\(|href=\"[^#]|url\([^#]|<script", text)


@pytest.mark.parametrize("file", FILES)
def test_equations_and_numbers_stay_inside(file):
    root = ElementTree.fromstring((FOLDER / file).read_text(encoding="utf-8"))
    width, height = float(root.get("width")), float(root.get("height"))
    for node in root.iter(f"{SVG}text"):
        x, kinds = float(node.get("x")), node.get("class", "").split()
        reach = 11.5 * WIDEST * len(node.text) * ("code" in kinds or "cell" in kinds)
        right = x + reach / 2 if "cell" in kinds else x + reach
        assert x >= 0
        assert right <= width, node.text
        assert 10 <= float(node.get("y")) <= height - 4, node.text


def test_documents_show_every_figure_in_both_themes():
    papers = {
        paper: paper.read_text(encoding="utf-8") for paper in (ROOT / "README.md", *ROOT.glob("docs/*.md"))
    }
    for name in FIGURES:
        (paper,) = (paper for paper, text in papers.items() if f"{name}-light.svg" in text)
        place = "figures" if paper.parent.name == "docs" else "docs/figures"
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{place}/{name}-dark.svg">'
        light = rf'<img src="{place}/{name}-light.svg" alt="[^"]+">'
        assert re.search(f"<picture>\n  {re.escape(dark)}\n  {light}\n</picture>", papers[paper])
