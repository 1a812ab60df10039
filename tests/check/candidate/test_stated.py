"""What a user states of a candidate is in every case: always causal, L = S, masks of keys, layouts."""

import numpy as np
import pytest

import numpy_attention as na
from tests.support.candidates import check, plain, simple


def judged(candidate, **options):
    return check(candidate, profile="simple", repeat=1, **options)


def always_causal(query, key, value, *, d_out):
    return plain(query, key, value, causal=True, d_out=d_out)


def test_an_always_causal_candidate_is_judged_as_causal():
    right = judged(always_causal, always="causal")
    assert right.ok, right
    assert not judged(always_causal).ok
    large = check(always_causal, always="causal", shape=(1, 2, 2, 65, 97, 8))
    assert large.ok, large
    assert not judged(always_causal, always="causal", causal="top_left").ok
    alone = judged(always_causal, always="causal", causal=None)
    assert alone.ok, alone
    assert alone.left_out["L != S"] == "alignment unknown: set --causal"


def test_a_candidate_with_a_window_of_its_own_is_judged_with_it():
    def attention(query, key, value, *, d_out):
        out, saved = na.attention_forward(query, key, value, mask=na.window(3, 1))
        return out, na.attention_backward(d_out, saved)[:3]

    assert judged(attention, always="window(3,1)", causal="top_left").ok
    assert not judged(attention, always="window(3,2)", causal="top_left").ok


def test_equal_lengths_and_ungrouped_heads_alone():
    shapes = []

    def attention(query, key, value, *, d_out):
        shapes.append((query.shape[-2] == key.shape[-2], query.shape[1] == key.shape[1]))
        return simple(query, key, value, d_out=d_out)

    report = judged(attention, square=True, groups=False)
    assert report.ok, report
    assert set(shapes) == {(True, True)}
    assert report.left_out["L != S"] == report.left_out["grouped heads"] == "stated not to be supported"


def merged_heads(query, key, value, key_padding_mask=None, num_heads=1, *, d_out):
    def four(x):
        return x.reshape(*x.shape[:2], num_heads, -1).swapaxes(1, 2)

    def three(x):
        return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)

    mask = None if key_padding_mask is None else na.hidden(key_padding_mask[:, None, None])
    out, saved = na.attention_forward(four(query), four(key), four(value), mask=mask)
    return three(out), tuple(map(three, na.attention_backward(four(d_out), saved)[:3]))


def test_merged_heads_and_masks_of_keys():
    right = judged(merged_heads, layout="BLC", mask="padding", groups=False)
    assert right.ok, right
    assert "mask" in right.setting["options"]
    assert not judged(merged_heads, layout="BLC", mask="real_keys", groups=False).ok
    assert (
        judged(merged_heads, layout="BLC", groups=False)
        .left_out["mask"]
        .startswith("meaning of its booleans")
    )


def test_one_batch_entry_without_its_axis():
    def attention(query, key, value, *, d_out):
        assert query.ndim == 3
        out, grads = simple(*(x[None] for x in (query, key, value)), d_out=d_out[None])
        return out[0], tuple(x[0] for x in grads)

    report = judged(attention, layout="HLD")
    assert report.ok, report


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
