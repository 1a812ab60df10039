"""The report as text."""

import numpy as np
import pytest

from numpy_attention.study.look.integrated import Integrated
from numpy_attention.study.look.lines import (
    MOST_KEYS,
    MOST_QUERIES,
    WIDTH,
    head_line,
    map_lines,
    number_lines,
    part_text,
    report_lines,
    shown,
    token_lines,
    value_text,
)
from numpy_attention.study.look.looked import Chain, look
from tests.study.look.test_verdicts import GOOD, looked, place
from tests.support.looked import KINDS, small_run


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_has_every_map_number_and_token_within_its_width(kind):
    found = look(*small_run(kind, spread=2.0), 2, steps=8, judged=3)
    lines = report_lines(found)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= WIDTH
    assert lines[0] == f"{found.task}, example 2 of {found.examples}: {found.answer}"
    assert lines[1] == f"Explained is {found.explained}: {value_text(found.value)}"
    assert f"of 3 held-out examples: {found.figure:.4f}" in lines[2]
    for one in found.places:
        assert f"\n{one.label}: " in text
    assert text.count("head 1 ") >= 2 * len(found.places) - 1
    assert not any(line != line.rstrip() for line in lines)


def test_a_map_is_drawn_row_by_row_heads_side_by_side():
    weights = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.25, 0.75], [0.0, 0.0]]])
    one = place(GOOD, GOOD)._replace(
        weights=weights, visible=weights >= 0, queries=("left", "r"), keys=("b", "c")
    )
    assert map_lines(one) == [
        'layer 1: 2 queries, 2 keys; "@" is the largest weight of its head',
        "       head 1    head 2",
        "       bc        bc",
        "left   @         -@",
        "   r   ==",
    ]


def test_long_maps_are_cut_causal_ones_at_their_beginning():
    T = 40
    weights = np.tri(T)[None] / np.arange(1, T + 1)[:, None]
    names = tuple(map(str, range(1, T + 1)))
    causal = place(GOOD)._replace(weights=weights, visible=weights > 0, queries=names, keys=names)
    first, _, *rows = map_lines(causal)
    assert first.startswith("layer 1: queries 25 to 40 of 40, keys 9 to 40 of 40; ")
    assert len(rows) == MOST_QUERIES
    assert rows[0].startswith("25 ")
    assert len(rows[-1]) == len("40   ") + MOST_KEYS
    assert map_lines(causal._replace(visible=weights >= 0))[0].startswith(
        "layer 1: queries 1 to 16 of 40, keys 1"
    )

    letters = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN")
    assert map_lines(causal._replace(keys=letters))[2].split() == ["".join(letters[8:])]


def test_heads_that_do_not_fit_side_by_side_follow_below():
    weights = np.ones((23, 1, 2))
    one = place(GOOD)._replace(weights=weights, visible=weights > 0, keys=("b", "c"))
    lines = map_lines(one)
    assert max(map(len, lines)) <= WIDTH
    assert [line.count("head ") for line in lines] == [0, 11, 0, 0, 11, 0, 0, 1, 0, 0]
    assert lines[-3].split() == ["head", "23"]


def test_parts_are_named():
    assert shown(9, 16, last=True) == shown(9, 16, last=False) == slice(0, 9)
    assert part_text(slice(0, 1), 1, "queries") == "1 query"
    assert part_text(slice(0, 3), 3, "keys") == "3 keys"


def test_a_row_has_a_dash_for_a_number_that_does_not_exist():
    none = head_line("head 1", GOOD._replace(entropy=float("nan"), agreement=float("nan"), distance=0.125))
    changed = ["+0.3000", "+0.2000", "+0.4000"]
    assert none.split() == ["head", "1", "-", "2.0", "0.1000", *changed, *changed, "0.125", "-"]
    assert head_line("head 1", GOOD).split()[-2:] == ["none", "0.90"]
    (_, _, *rows) = number_lines(place(GOOD, GOOD), looked())
    assert [row.split()[0] for row in rows] == ["head", "head", "together"]
    assert len(number_lines(place(GOOD), looked())) == 3


def test_tokens_come_by_the_size_of_what_is_attributed_to_them():
    chain = Chain("all layers", 0, {"rollout": np.array([0.25, 0.5, 0.25])})
    lines = token_lines(looked(chains=(chain,)))
    assert lines[1:3] == [
        "Integrated gradients from zeros, 32 steps: they add up to 4.0000, the answer",
        "rises by 4.0000: an error of 2.5e-04 of that",
    ]
    assert [line.split() for line in lines[4:]] == [
        ["token", "integrated", "rollout"],
        ["1", "x", "+3.0000", "0.2500"],
        ["3", "z", "+2.0000", "0.2500"],
        ["2", "y", "-1.0000", "0.5000"],
    ]
    assert token_lines(looked(integrated=None)) == []


def test_the_largest_tokens_are_shown_whatever_their_sign_and_the_others_are_counted():
    own = looked(integrated=Integrated((np.arange(-9.0, 4),), 4.0, 0.0, 32))
    *_, first, _, _, _, _, _, _, _, _, last, others = token_lines(
        own._replace(names=(tuple("abcdefghijklm"),))
    )
    assert (first.split(), last.split()) == (["1", "a", "-9.0000"], ["12", "l", "+2.0000"])
    assert others == "… and 3 tokens more"
