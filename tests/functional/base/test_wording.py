"""Words of messages."""

from numpy_attention.functional.base.wording import brief, did_you_mean, not_one_of


def test_long_values_are_cut_in_the_middle():
    assert brief("abc") == "'abc'"
    assert brief("a" * 60_000, most=10) == "'aaaa…aaaa'"
    assert brief(10**5000) == "a int too long to print"


def test_the_nearest_known_name_is_offered_if_one_is_near():
    assert did_you_mean("digts", ("digits", "csv")) == " (did you mean 'digits'?)"
    assert did_you_mean("x", ("digits", "csv")) == ""
    assert not_one_of("task", 3, ("a", "b")) == "task is 3; one of 'a', 'b' is expected"
