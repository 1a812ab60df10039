"""Filters of probabilities: hand examples, and what holds for all logits."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import numpy_attention as na
from numpy_attention.nn.sampling import draw, next_token_probabilities, penalise_repetition

P = np.array([0.15, 0.5, 0.05, 0.3])
rows_of_logits = hnp.arrays(
    float, (3, 7), elements=st.floats(-30, 30) | st.just(-np.inf) | st.integers(-2, 2)
)
finite_rows = rows_of_logits.filter(lambda x: np.isfinite(x.max(axis=-1)).all())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, P),
        ({"temperature": 0.5}, P**2 / (P**2).sum()),
        ({"temperature": 0}, [0, 1, 0, 0]),
        ({"temperature": 1e-320}, [0, 1, 0, 0]),
        ({"top_k": 2}, [0, 0.625, 0, 0.375]),
        ({"top_k": 9}, P),
        ({"top_p": 0.5}, [0, 1, 0, 0]),
        ({"top_p": 0.6, "temperature": 0.5}, [0, 1, 0, 0]),
        ({"top_p": 0.51}, [0, 0.625, 0, 0.375]),
        ({"min_p": 0.2}, [0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95]),
        ({"top_k": 3, "top_p": 0.8, "min_p": 0.7}, [0, 1, 0, 0]),  # of 0.95: 0.53, 0.32; then 0.625, 0.375
    ],
)
def test_filters_by_hand(options, expected):
    p = next_token_probabilities(np.log(P) + 3, **options)
    np.testing.assert_allclose(p, expected, rtol=1e-12)
    np.testing.assert_allclose(
        next_token_probabilities(np.log(P).astype(np.float32), **options), p, rtol=1e-5
    )


@given(finite_rows, st.floats(0.1, 9), st.integers(1, 8) | st.none(), st.floats(0.01, 1), st.floats(0, 1))
def test_probabilities_are_shares_of_what_is_kept(logits, temperature, k, top_p, min_p):
    p = next_token_probabilities(logits, temperature=temperature, top_k=k, top_p=top_p, min_p=min_p)
    full = na.softmax(logits / temperature)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-12)
    assert (p[full == 0] == 0).all()
    kept = np.where(p > 0, full, 0)
    np.testing.assert_allclose(p, kept / kept.sum(axis=-1, keepdims=True), rtol=1e-9, atol=1e-300)
    assert (np.where(p > 0, full, np.inf).min(axis=-1) >= np.where(p > 0, 0, full).max(axis=-1)).all()


@given(finite_rows, st.floats(0.01, 0.999))
def test_top_p_keeps_the_smallest_set_that_reaches_it(logits, top_p):
    full, p = na.softmax(logits), next_token_probabilities(logits, top_p=top_p)
    for own, kept in zip(full, p > 0, strict=True):
        ranked = np.sort(own)[::-1]
        assert own[kept].sum() >= top_p - 1e-12
        assert ranked[: kept.sum() - 1].sum() < top_p + 1e-12


@given(finite_rows)
def test_top_k_1_and_min_p_1_are_greedy(logits):
    greedy = next_token_probabilities(logits, temperature=0)
    np.testing.assert_array_equal(greedy.argmax(axis=-1), logits.argmax(axis=-1))
    np.testing.assert_array_equal(next_token_probabilities(logits, top_k=1), greedy)
    strongest, p = next_token_probabilities(logits, min_p=1) > 0, next_token_probabilities(logits)
    np.testing.assert_array_equal(strongest, p == p.max(axis=-1, keepdims=True))


def test_logits_that_differ_by_less_than_probabilities_can_are_ranked_all_the_same():
    logits = np.array([0.0, 1e-300])
    np.testing.assert_array_equal(next_token_probabilities(logits, top_k=1), [0, 1])
    np.testing.assert_array_equal(next_token_probabilities(logits, temperature=0), [0, 1])
    np.testing.assert_array_equal(next_token_probabilities(logits, min_p=1), [0.5, 0.5])


def test_of_equal_probabilities_the_smaller_id_is_kept():
    np.testing.assert_array_equal(next_token_probabilities(np.zeros(4), top_k=2), [0.5, 0.5, 0, 0])
    np.testing.assert_array_equal(next_token_probabilities(np.zeros(4), top_p=0.5), [0.5, 0.5, 0, 0])


def test_repetition_is_penalised_once():
    logits = np.array([[2.0, -1.0, 3.0, -np.inf], [0.0, 4.0, 1.0, 1.0]])
    out = penalise_repetition(logits, [[1, 0, 1], [3, 3, 0]], 2)
    np.testing.assert_array_equal(out, [[1, -2, 3, -np.inf], [0, 4, 1, 0.5]])
    np.testing.assert_array_equal(penalise_repetition(logits, [[1, 0], [3, 3]], 1), logits)


def test_draws_follow_the_probabilities():
    rng = np.random.default_rng(0)
    counts = np.bincount([draw(np.array([0, 0.25, 0, 0.75, 0]), rng) for _ in range(4000)], minlength=5)
    assert counts[[0, 2, 4]].tolist() == [0, 0, 0]
    assert abs(counts[1] - 1000) < 4 * np.sqrt(4000 * 0.25 * 0.75)
    for number, expected in ((0.0, 1), (0.25, 3), (1 - 2**-53, 3)):
        assert draw(np.array([0, 0.25, 0, 0.75, 0]), SimpleNamespace(random=lambda shape: number)) == expected  # noqa: B023


def test_rows_are_drawn_each_by_its_own_number():
    p = np.array([[[0, 0.5, 0.5], [0.25, 0.75, 0]]])
    for numbers, expected in (([0.0, 0.0], [1, 0]), ([0.5, 0.25], [2, 1]), ([0.75, 1 - 2**-53], [2, 1])):
        ids = draw(p, SimpleNamespace(random=lambda shape: np.reshape(numbers, shape)))  # noqa: B023
        assert ids.tolist() == [expected]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature is -1; a number of at least 0 is expected"),
        ({"temperature": np.nan}, "temperature is nan; a finite number is expected"),
        ({"top_k": 0}, "top_k holds 0"),
        ({"top_p": 0}, "top_p is 0; a number above 0 and at most 1 is expected"),
        ({"min_p": 1.5}, "min_p is 1.5; a number from 0 to 1 is expected"),
        (
            {"temperature": 0, "top_k": 3},
            "top_k is 3, but temperature 0 takes the likeliest id; one of the two is expected",
        ),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(ValueError, match=message):
        next_token_probabilities(np.zeros(3), **options)


def test_refused_arrays():
    for logits in ([np.nan, 0.0], [np.inf, 0.0], [-np.inf, -np.inf]):
        with pytest.raises(ValueError, match="logits has the largest"):
            next_token_probabilities(logits)
    with pytest.raises(ValueError, match=r"real \(..., V\) is expected"):
        next_token_probabilities(np.zeros(3, complex))
    with pytest.raises(ValueError, match="ids holds 3; less than 3"):
        penalise_repetition(np.zeros(3), [3], 2)
    with pytest.raises(ValueError, match="ids has shape"):
        penalise_repetition(np.zeros((2, 3)), [1], 2)
    with pytest.raises(ValueError, match="penalty is 0; a number above 0 is expected"):
        penalise_repetition(np.zeros(3), [1], 0)
