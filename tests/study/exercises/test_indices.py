"""Products at a wrong index, and arrays that are used before their sum is complete."""

import numpy as np
import pytest

from numpy_attention.study.exercises.catalogue import EXERCISES, exercise
from numpy_attention.study.exercises.indices import wrong_indices
from numpy_attention.study.exercises.variations import Workbook

from .inprocess import drawn, graded
from .loops import SOLUTIONS


def named(name, words):
    (found, *_) = (each for each in Workbook(exercise(name), drawn(name)).indexed() if each.name == words)
    return found


def test_an_index_that_is_too_large_begins_again():
    case = next(case for case in drawn("values-back") if case.case.name == "fewer queries than keys")
    d_out, value = (case.call.arguments[name] for name in ("d_out", "value"))
    rows = d_out[np.arange(len(value)) % len(d_out)]
    right = np.tile((rows * value).sum(axis=1), (len(d_out), 1))
    found = named("values-back", "row s of d_out stands where row l belongs, in d_weights").results(case)
    assert np.allclose(found["d_weights"], right)
    assert found["d_value"].tolist() == case.expected.values["d_value"].tolist()


@pytest.mark.parametrize(
    "name, old, new, words",
    [
        ("score-back", "dk[s] += d_scores[l, s] * query[l]", "dk[s] += d_scores[l, s] * dq[l]",
         "d_query_ld stands where query_ld belongs, in d_key, and is still being summed."),
        ("score-back", "dq[l] += d_scores[l, s] * key[s]", "dq[l] += d_scores[l, s] * dk[s]",
         "d_key_sd stands where key_sd belongs, in d_query, and is still being summed."),
        ("score-back", "dq[l] += d_scores[l, s] * key[s]", "dq[l] += d_scores[l, s] * query[l]",
         "query_ld stands where key_sd belongs, in d_query."),
        ("score-back", "dq[l] +=", "dq[s % L] +=", "The terms of d_query_ld are added to d_query_sd."),
        ("score-back", "* query[l] /", "* query[min(s, L - 1)] /",
         "Row s of query stands where row l belongs, in d_key."),
        ("values-back", "d_out[l, e] * value", "d_out[s, e] * value",
         "Row s of d_out stands where row l belongs, in d_weights."),
    ],
)  # fmt: skip
def test_what_stands_in_the_loop_is_said_by_its_index(name, old, new, words):
    assert old in SOLUTIONS[name]
    assert graded(name, SOLUTIONS[name].replace(old, new)).mistake.startswith(words)


def test_only_products_of_arrays_with_two_axes_are_read_as_loops():
    found = {name for name, each in EXERCISES.items()
             if [*wrong_indices(each, Workbook(each, drawn(name)).used())]}  # fmt: skip
    assert {"scale", "attention", "values-back", "score-back", "attention-back"} <= found
    assert not found & {"heads", "grouped-back", "softmax-back", "adam-step"}
