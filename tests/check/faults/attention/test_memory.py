"""Mistakes with memory: what happens to the arrays, and that a run of the referee detects it."""

import numpy as np
import pytest

from numpy_attention.check.candidate.frameworks import emulating
from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.check.referee.referee import check_candidate
from tests.support.fault_problems import TWO_KEYS

MEMORY = [fault for fault in FAULTS if fault.family == "memory"]
MESSAGES = {
    "cotangent-changed-in-place": "changes its input d_out",
    "gradient-over-its-argument": "changes its input query",
    "gradients-in-one-workspace": "overwrites the d_query that an earlier call returned",
    "gradients-accumulated": None,
}


def called_twice(name):
    """The arrays of a call after it, and the gradients of two backward calls."""
    query, key, value, d_out = (x.copy() for x in TWO_KEYS)
    forward, backward = fault(name).pair
    _, saved = forward(query, key, value)
    first = backward(d_out, saved)
    return query, d_out, first, backward(d_out, saved)


def test_the_cotangent_is_halved():
    assert called_twice("cotangent-changed-in-place")[1] == 0.25


def test_d_query_is_the_query():
    query, _, first, _ = called_twice("gradient-over-its-argument")
    assert first.d_query is query


def test_two_calls_return_one_array():
    _, _, first, second = called_twice("gradients-in-one-workspace")
    assert first.d_key is second.d_key


def test_a_second_call_returns_the_sum_of_both():
    _, _, first, second = called_twice("gradients-accumulated")
    np.testing.assert_allclose(second.d_key, 2 * first.d_key)


@pytest.mark.parametrize(
    "dtype", ["float32", *(pytest.param(dtype, marks=pytest.mark.slow) for dtype in ("float64", "bfloat16"))]
)
@pytest.mark.parametrize("fault", MEMORY, ids=[fault.name for fault in MEMORY])
def test_the_referee_detects_it(fault, dtype):
    report = check_candidate(
        tuple(fault.pair), dtype=dtype, faults=(), profile="simple", framework=emulating(dtype)
    )
    assert report.outcome == "FAIL"
    message = MESSAGES[fault.name]
    assert message is None or message in {problem.what for problem in report.problems}
