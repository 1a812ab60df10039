"""What foreign code changes in the process is named and put back."""

import os
import random
import warnings

import numpy as np
import pytest

from numpy_attention.check.candidate.process_state import random_states_kept
from numpy_attention.check.candidate.sandbox import PRINTED_CHARACTERS, message_of, run_sandboxed
from tests.support.candidates import check, simple

CHANGES = {
    "changes the working folder": lambda: os.chdir(os.sep),
    "changes the environment (A_NEW_VARIABLE)": lambda: os.environ.update(A_NEW_VARIABLE="1"),
    "replaces numpy.exp": lambda: setattr(np, "exp", np.log),
    "replaces numpy.linalg.norm": lambda: setattr(np.linalg, "norm", None),
    "changes the filters of warnings": lambda: warnings.simplefilter("error"),
    "changes numpy's errstate": lambda: np.seterr(all="raise"),
}


def state():
    return os.getcwd(), dict(os.environ), np.exp, np.linalg.norm, list(warnings.filters), np.geterr()


@pytest.mark.parametrize("phrase", CHANGES)
def test_changes_are_named_and_put_back(phrase):
    before = state()
    assert run_sandboxed(CHANGES[phrase], timeout=10).changed == (phrase,)
    assert state() == before
    assert run_sandboxed(lambda: 3, timeout=10).changed == ()


def test_random_states_are_put_back_at_the_end_alone():
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    right = np.random.random(), random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    with random_states_kept() as states:
        assert states.changed() == ()
        drawn = [run_sandboxed(np.random.random, timeout=10).value for _ in range(2)]
        random.seed(3)
        assert drawn[0] != drawn[1]
        assert states.changed() == ("changes the state of numpy.random", "changes the state of random")
    assert (np.random.random(), random.random()) == right  # noqa: NPY002


def test_a_check_notes_what_the_candidate_changes_and_leaves_the_process_clean():
    def attention(query, key, value, *, d_out):
        out, gradients = simple(query, key, value, d_out=d_out)
        np.random.seed(0)  # noqa: NPY002
        for change in CHANGES.values():
            change()
        return out, gradients

    before = state()
    report = check(attention)
    assert state() == before
    assert set(CHANGES) | {"changes the state of numpy.random"} <= set(report.notes)
    assert all(verdict.ok for verdict in report.verdicts)


def test_printed_output_is_bounded():
    def talks():
        for _ in range(1000):
            print("x" * 1000)
        import sys

        sys.stdout.buffer.write(b"bytes")

    printed = run_sandboxed(talks, timeout=60).printed
    assert len(printed) < PRINTED_CHARACTERS + 40
    assert printed.endswith("… (1,001,005 characters)")


def test_an_exception_whose_message_raises_is_reported():
    class Unreadable(Exception):
        def __str__(self):
            raise KeyError

    def raises():
        raise Unreadable

    assert message_of(Unreadable()) == "a message that cannot be read (KeyError)"
    assert run_sandboxed(raises, timeout=10).failure.startswith("raises Unreadable: a message that cannot")
