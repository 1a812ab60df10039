"""The places of wrong numbers in a tensor."""

import numpy as np
import pytest

from numpy_attention.check.referee.diagnosis.places import first_wrong, place_of
from tests.support.diagnosed import observed


def at(index):
    def wrong(name, x, case):
        if name == "out":
            x = x.copy()
            x[index] += 1
        return x

    return wrong


@pytest.mark.parametrize(
    "index, words",
    [
        (np.s_[1:], "only for batch entries above 0"),
        (np.s_[:, :1], "only for the first of the heads"),
        (np.s_[:, :, 1::2], "only for odd rows"),
        (np.s_[:, :, -1:], "only for the last of the rows"),
        (np.s_[..., 1:], "only for columns above 0"),
    ],
)
def test_a_place_has_words(index, words):
    assert place_of(observed(at(index)).failing, "out") == words


def test_errors_everywhere_have_no_place():
    assert place_of(observed(at(np.s_[:])).failing, "out") == ""


def test_rows_in_which_something_is_masked():
    def wrong(name, x, case):
        hidden = ~np.broadcast_to(case.visible, case.shape).all(axis=-1)
        return x + hidden[..., None] if name == "out" else x

    assert (
        place_of(observed(wrong, options=("mask",)).failing, "out")
        == "only in rows where something is masked"
    )


def test_the_first_wrong_intermediate_result():
    def wrong(name, x, case):
        return 2 * x if name in ("weights", "out") else x

    assert first_wrong(observed(wrong, returned=("out", "lse", "weights")).failing[0]) == "weights"
    assert first_wrong(observed(wrong).failing[0]) == ""
