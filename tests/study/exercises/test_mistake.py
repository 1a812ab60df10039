from numpy_attention.study.exercises.mistake import Mistake, as_sentence

from .inprocess import drawn


def test_sentences_begin_with_a_capital_letter_or_a_name():
    assert as_sentence("the sign is wrong") == "The sign is wrong."
    assert as_sentence("d_out is ignored") == "d_out is ignored."
    assert as_sentence("weights is squared") == "weights is squared."
    assert as_sentence("the scores is left out; and the angles has a sign") == (
        "The scores are left out; and the angles have a sign."
    )


def test_results_are_computed_once_and_right_where_they_cannot_be():
    case, calls = drawn("softmax-back")[0], []

    def solve(case):
        calls.append(case)
        return {"d_scores": case.call.arguments["weights"]}

    mistake = Mistake("a kind", "weights is returned", solve)
    assert mistake.results(case) is mistake.results(case)
    assert (len(calls), mistake.sentence, mistake.changes) == (1, "weights is returned.", {})
    failing = Mistake("a kind", "nothing", lambda case: {}["d_scores"])
    assert failing.results(case) is case.expected.values
