"""Timing in `benchmarks.speed`: turns, compared results, and the printed row."""

import numpy as np
import pytest

from benchmarks.speed import turns
from benchmarks.speed.attention import one_row
from benchmarks.speed.peers import SpeedCase, naive, ours
from benchmarks.speed.report import page
from benchmarks.speed.turns import SpeedComparison, difference, in_turn, left_out, time_comparison


def test_sides_take_turns():
    calls = []
    long = turns.SHORT * 1.1

    def side(name):
        return lambda: (calls.append(name), turns.time.sleep(long))

    assert len(list(in_turn(side("A"), side("B"), (3, 3), 0.0))) == 3
    assert "".join(calls) == "AB" + 3 * "AB"  # the first two measure the length of a call


def test_a_ratio_is_that_of_a_pair():
    row = time_comparison(SpeedComparison("row", "peer", lambda: 1.0, lambda: 1.0, 0.0), quick=True)
    assert row["ratios"] == [a / b for a, b in zip(row["ours"], row["theirs"], strict=True)]
    assert row["ratio"]["least"] <= row["ratio"]["median"] <= row["ratio"]["largest"]


@pytest.mark.parametrize("theirs, differs", [(1.0, False), (1.0 + 1e-6, False), (1.1, True), (np.nan, True)])
def test_results_that_differ_are_not_timed(theirs, differs):
    row = time_comparison(
        SpeedComparison("row", "peer", lambda: [2.0, 1.0], lambda: [2.0, theirs], 1e-5), quick=True
    )
    assert ("differ" in row) is differs
    assert ("ratio" in row) is not differs


def test_a_peer_left_out_is_named_with_the_reason():
    row = time_comparison(left_out("row", "peer", "not installed"), quick=True)
    assert row == {"row": "row", "peer": "peer", "left_out": "not installed"}


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize(
    "case",
    [
        SpeedCase(4, 13, 7),
        SpeedCase(2, 11, 5, see="causal"),
        SpeedCase(2, 300, 3, see="window"),
        SpeedCase(6, 5, 3, groups=2, S=17),
    ],
)
def test_the_two_numpy_sides_agree_on_every_kind_of_case(case, backward):
    arrays = case.arrays("float64")
    assert difference(ours(case, arrays, backward)(), naive(case, arrays, backward)()) < 1e-12


@pytest.mark.parametrize("see, count", [("all", 3 * 300 * 300), ("causal", 3 * 45150), ("window", 3 * 44160)])
def test_visible_pairs_are_counted(see, count):
    case = SpeedCase(3, 300, 2, see=see)
    assert case.visible() == count
    assert see == "all" or count == 3 * case.mask().sum()


def test_the_page_shows_the_ratio_of_every_peer(monkeypatch):
    monkeypatch.setattr("benchmarks.speed.attention.SQUARE", 32)
    comparisons = one_row("forward, float32, (2, 512, 3)", SpeedCase(2, 5, 3), "float32", False)
    rows = [
        time_comparison(each, quick=True)
        for each in comparisons
        if each.peer in ("matrix product", "naive NumPy")
    ]
    about = {"machine": "a machine", "blas": "a BLAS", "threads": 2}
    section = {"when": "now", "seconds": 1.0, "others": None, "rows": rows}
    text = page({"about": about, "sections": {"plain": section}})
    for row in rows:
        assert f"{row['ratio']['median']:.2f} ({row['ratio']['least']:.2f}" in text
