"""What ran is counted, what was declined is named by its options, what never ran alone is named."""

from numpy_attention.check.referee.coverage import coverage_of
from numpy_attention.check.referee.judging import CaseJudgement
from tests.support.candidates import plain_case


def judged(*ran, declined=()):
    """Cases with these options, by their first letters, that ran; and those that were declined."""
    names = {"b": "bias", "s": "scale", "c": "softcap", "k": "sinks"}
    return [
        (plain_case(options=tuple(names[x] for x in letters)), CaseJudgement({}, declined=reason))
        for some, reason in ((ran, ""), (declined, "no"))
        for letters in some
    ]


def test_all_cases_ran():
    coverage = coverage_of(judged("", "b", "s", "bs"))
    assert (coverage.drawn, coverage.ran, coverage.cases) == (4, 4, "4 cases")
    assert (coverage.options, coverage.widths) == (("bias", "scale"), (4,))
    assert (coverage.refusal, coverage.never_alone) == ("", "")


def test_declined_cases_are_counted_and_named_by_the_fewest_options():
    coverage = coverage_of(judged("", "b", "s", declined=("bs", "bsc", "c", "ck")))
    assert coverage.options == ("bias", "scale")
    assert coverage.combinations == (("softcap",), ("bias", "scale"))
    assert coverage.refusal == "3 of 7 cases ran: it declined 4 (softcap, bias with scale)"
    assert coverage.declined == {"no": ("small",) * 4}


def test_options_that_nothing_tells_apart_are_named_together():
    assert (
        coverage_of(judged("", declined=("bs",))).refusal
        == "1 of 2 cases ran: it declined 1 (bias with scale)"
    )
    refusal = coverage_of(judged("", declined=("bsck", "bsck"))).refusal
    assert refusal == "1 of 3 cases ran: it declined 2 (bias with 3 other options)"


def test_where_no_case_ran_no_option_is_blamed():
    coverage = coverage_of(judged(declined=("", "b")))
    assert coverage.refusal == "0 of 2 cases ran: it declined 2"


def test_an_option_in_declined_cases_only_is_not_judged():
    assert coverage_of(judged("", declined=("b",))).options == ()


def test_options_that_never_ran_alone_are_named_with_those_beside_them():
    assert coverage_of(judged("", "c", "cs")).never_alone == "scale only beside softcap"
    assert coverage_of(judged("", "bs")).never_alone == "bias, scale only together"
    assert coverage_of(judged("", "bs", "bc", "s", "c")).never_alone == "bias never alone"
    assert coverage_of(judged("", "bsck")).never_alone == "bias, scale, softcap, sinks never alone"


def test_an_option_that_is_always_in_use_counts_as_nothing():
    assert coverage_of(judged("b", "bs", "bc")).never_alone == ""
