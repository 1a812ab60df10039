"""All numbers as JSON."""

import json

import numpy as np

from numpy_attention.study.look.counter_tests import Changed
from numpy_attention.study.look.looked import look
from numpy_attention.study.look.numbers import number, numbers
from numpy_attention.study.look.verdicts import verdicts
from tests.study.look.test_verdicts import GOOD, looked, place
from tests.support.looked import small_run


def test_every_number_is_there_in_the_form_of_json():
    found = look(*small_run("translation", spread=2.0), 2, steps=4, judged=3)
    read = json.loads(json.dumps(numbers(found), allow_nan=False))
    assert (read["example"], read["value"], read["figure"]) == (2, found.value, found.figure)
    assert read["tokens"] == [[*names] for names in found.names]
    assert read["verdicts"] == verdicts(found)
    for ours, theirs in zip(found.places, read["places"], strict=True):
        np.testing.assert_array_equal(theirs["weights"], ours.weights)
        np.testing.assert_array_equal(theirs["gradients"], ours.gradients)
        assert (theirs["queries"], theirs["keys"]) == ([*ours.queries], [*ours.keys])
        assert theirs["together"] == dict(
            zip(("answer", "figure"), (x._asdict() for x in ours.together), strict=True)
        )
        for head, fields in zip(ours.heads, theirs["heads"], strict=True):
            assert fields["answer"] == head.answer._asdict()
            assert (fields["distance"], fields["keys"]) == (head.distance, head.keys)
    np.testing.assert_array_equal(
        read["integrated_gradients"]["attributions"][1], found.integrated.attributions[1]
    )
    np.testing.assert_array_equal(read["chains"][0]["shares"]["rollout"], found.chains[0].shares["rollout"])


def test_what_does_not_exist_is_null():
    nan = float("nan")
    head = GOOD._replace(agreement=nan, figure=Changed(nan, 0.5, nan))
    read = numbers(looked(place(head), integrated=None, figure=nan))
    (fields,) = read["places"][0]["heads"]
    assert fields["agreement"] is read["figure"] is None
    assert fields["figure"] == {"permuted": None, "uniform": 0.5, "removed": None}
    assert read["integrated_gradients"] is None
    assert (number(float("inf")), number(0.5)) == (None, 0.5)
