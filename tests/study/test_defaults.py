"""Default numbers of an example."""

from numpy_attention.study.defaults import KEY, PATTERN, TOKENS, VALUE, filled


def test_filled_rows_do_not_repeat():
    assert len(set(PATTERN)) == 7
    for shape in ((3, 2), (3, 3), (4, 5), (8, 8)):
        array = filled(shape, 3)
        assert len({row.tobytes() for row in array}) == min(7, len(array))


def test_cross_attention_has_more_keys_than_tokens():
    assert len(KEY) == len(VALUE) > len(TOKENS)
    assert not set(KEY) & {*TOKENS, *VALUE}
