"""What a user states of a candidate is in every case: always causal, L = S, masks of keys, layouts."""

import numpy as np
import pytest

from tests.support.candidates import check, plain, simple


def judged(candidate, **options):
    return check(candidate, repeat=1, **options)


def test_equal_lengths_and_ungrouped_heads_alone():
    shapes = []

    def attention(query, key, value, *, d_out):
        shapes.append((query.shape[-2] == key.shape[-2], query.shape[1] == key.shape[1]))
        return simple(query, key, value, d_out=d_out)

    report = judged(attention, square=True, groups=False)
    assert report.ok, report
    assert set(shapes) == {(True, True)}
    assert report.left_out["L != S"] == report.left_out["grouped heads"] == "stated not to be supported"


@pytest.mark.parametrize(
    "words, message",
    [
        ({"always": "sometimes"}, "always is 'sometimes'; causal or window.LEFT,RIGHT. is expected"),
        ({"always": "window(3)"}, "always is 'window.3.'"),
        ({"square": 1}, "square is 1; True or False is expected"),
        ({"always": "causal"}, "always is causal, but the candidate has an option of that name"),
        ({"supports": ["sinks"]}, "has no parameter 'sinks' for sinks; it has .* add --map NAME=sinks"),
        ({"names": {"nothing": "scale"}}, "has no parameter 'nothing' for scale"),
    ],
)
def test_statements_that_do_not_fit_are_refused(words, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check(plain, **words)


@pytest.mark.parametrize(
    "candidate, message",
    [
        (lambda x: x, "the candidate takes x; query, key and value are expected"),
        (lambda *, a, b, c: a, "the candidate takes a, b, c; query, key and value are expected"),
        (np.ndarray, "the candidate is the class ndarray; a function is expected: make an instance"),
    ],
)
def test_what_cannot_be_called_is_refused_with_what_to_do(candidate, message):
    with pytest.raises(TypeError, match=message):
        check(candidate)


def test_query_key_and_value_go_by_their_names_in_any_order():
    def other_order(values, keys, queries, *, d_out):
        return simple(queries, keys, values, d_out=d_out)

    def by_name(*, d_out, v, k, q):
        return simple(q, k, v, d_out=d_out)

    for candidate in (other_order, by_name):
        report = judged(candidate)
        assert report.ok, report
        assert set(report.worst) == {"out", "d_query", "d_key", "d_value"}
