"""The condition that failing cases meet and passing ones do not."""

from numpy_attention.check.referee.diagnosis.separating import separating
from tests.support.diagnosed import observed

TABLE = [
    ("S = 7", lambda spec: spec.shape.S == 7),
    ("S > 7", lambda spec: spec.shape.S > 7),
    ("B > 1", lambda spec: spec.shape.B > 1),
    ("D > 4", lambda spec: spec.shape.D > 4),
]


def evidence(fails):
    return observed(lambda name, x, case: 2 * x if fails(case.specification.shape) else x)


def test_conditions_of_all_failing_and_no_passing_case():
    failing, passing = evidence(lambda n: n.S > 7)
    assert separating(TABLE, failing, passing) == ("S > 7", "D > 4")


def test_two_conditions_together_if_none_does_alone():
    failing, passing = evidence(lambda n: n.S == 11)
    table = [TABLE[1], ("B = 2", lambda spec: spec.shape.B == 2)]
    assert separating(table, failing, passing) == ("S > 7 and B = 2",)


def test_nothing_separates_without_a_passing_case():
    failing, passing = evidence(lambda n: True)
    assert separating(TABLE, failing, passing) == ()
