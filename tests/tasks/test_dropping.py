"""What --drop names, and what to write there."""

import shlex

import numpy as np

from numpy_attention.tasks.dropping import LONGEST_OPTION, drop_hint, dropped_names, index_notes


def test_what_is_suggested_names_the_columns_again():
    for names in (["a b", "c"], ["x, y", 'say "a"'], ["it's"], ["-x", "$HOME"]):
        option = shlex.split(drop_hint(names, "old"))[:2]
        assert dropped_names(option[1]) == ["old", *names]


def test_long_suggestions_are_added_to_what_is_dropped_or_said_shortly():
    long = "n" * LONGEST_OPTION
    assert drop_hint(["a"], long) == "one more --drop a leaves it out"
    assert drop_hint([long], None) == "--drop leaves columns out"
    assert drop_hint([long], None, of_text=True) == "--drop-text leaves out every column of text"


def test_columns_that_count_the_rows_or_have_no_name_are_noted():
    rows = np.arange(5.0)
    values = np.stack([rows, rows + 1, rows + 2, rows[::-1], np.full(5, np.nan)], axis=1)
    names = ("a", "b", "c", "d", "Unnamed: 4")
    assert index_notes(values, names, None) == (
        "the column 'a' counts the rows; --drop 'a,b,Unnamed: 4' leaves them out",
    )
    assert index_notes(values[:, 2:4], names[2:4], None) == ()
