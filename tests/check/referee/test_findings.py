"""What follows from the fields of a report: the worst verdict, the wrong cases, the broken laws."""

from numpy_attention.check.cases.compare import Verdict
from numpy_attention.check.referee.findings import Findings

RIGHT, WRONG = Verdict("one", "out", "PASS", 0.9), Verdict("two", "out", "FAIL", 1.1)
VAGUE = Verdict("three", "out", "INCONCLUSIVE", 0.99)
OTHER = Verdict("two", "d_key", "FAIL", 3.0)
FOUND = Findings("mine", {}, "FAIL", "", verdicts=(RIGHT, VAGUE, WRONG, OTHER))


def test_a_failure_is_worst_and_inconclusive_counts_least():
    assert FOUND.worst == {"out": WRONG, "d_key": OTHER}
    assert FOUND._replace(verdicts=(VAGUE, RIGHT)).worst == {"out": RIGHT}


def test_a_case_with_two_wrong_tensors_is_one_wrong_case():
    assert FOUND.wrong == (1, 3)


def test_broken_laws_are_in_order_of_their_numbers():
    found = FOUND._replace(laws={"one": ("law 12, b", "law 2, a"), "two": ("law 2, a",)})
    assert found.broken == ("law 2, a", "law 12, b")
