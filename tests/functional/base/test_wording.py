"""Words of messages."""

import numpy as np

from numpy_attention.functional.base.wording import brief, counted, cut, did_you_mean, not_one_of, some_names


def test_long_values_are_cut_in_the_middle():
    assert brief("abc") == "'abc'"
    assert brief("a" * 60_000, most=10) == "'aaaa…aaa'"
    assert brief(np.ones((2, 3))) == "an array (2, 3)"
    assert brief([np.ones((2, 2))]) == "[array([[1., 1.], [1., 1.]])]"
    assert brief(10**5000) == "a int too long to print"


def test_long_names_are_cut_and_short_ones_whole():
    assert cut("x" * 60) == "x" * 60
    assert cut("a" + "x" * 60_000 + "b") == "a" + "x" * 29 + "…" + "x" * 28 + "b"
    assert some_names(["a" * 61, "b"]) == "a" * 30 + "…" + "a" * 29 + ", b"
    assert some_names("abcdefghijklm") == "a, b, c, d, e, f, g, h, i, j, k, l, …"


def test_the_nearest_known_name_is_offered_if_one_is_near():
    assert did_you_mean("digts", ("digits", "csv")) == " (did you mean 'digits'?)"
    assert did_you_mean("x", ("digits", "csv")) == ""
    assert not_one_of("task", 3, ("a", "b")) == "task is 3; one of 'a', 'b' is expected"


def test_a_count_has_its_noun_in_the_right_number():
    assert [counted(n, "token") for n in (0, 1, 2)] == ["0 tokens", "1 token", "2 tokens"]
