"""Names of any length in a line."""

from numpy_attention.training.names import cut, some_names


def test_long_names_are_cut_and_short_ones_whole():
    assert cut("x" * 60) == "x" * 60
    assert cut("x" * 60_000) == "x" * 59 + "…"
    assert some_names(["a" * 61, "b"]) == "a" * 59 + "…, b"
    assert some_names("abcdefghijklm") == "a, b, c, d, e, f, g, h, i, j, k, l, …"
