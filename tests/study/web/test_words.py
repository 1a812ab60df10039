"""The page of `explain --text`: no script, every number, symbols escaped."""

import re

from numpy_attention.study.web.tables import number
from numpy_attention.study.web.words import words_explanation
from tests.study.test_words_page import SYMBOLS, page_and_blame


def test_the_page_holds_every_number_and_runs_nothing():
    found = page_and_blame()[1]
    html = words_explanation(found, SYMBOLS).html
    assert "<script" not in html
    assert re.search(r"content=\"default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'", html)
    tables = re.findall(r"<table>.*?</table>", html, re.DOTALL)
    assert len(tables) == 9
    for table, x in zip(
        tables, (found.weights, found.d_scores.sum(axis=0), *found.maps.values()), strict=False
    ):
        cells = [re.findall(r"<td class=[^h>]+>([^<]*)", row) for row in table.split("<tr>")[2:]]
        assert cells == [[number(value) for value in row[: t + 1]] for t, row in enumerate(x.tolist())]
    assert "<th>4 &lt;" in tables[0]
