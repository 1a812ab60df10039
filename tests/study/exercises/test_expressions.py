"""Lines of a textbook solution as sums of products."""

from numpy_attention.study.exercises.catalogue import exercise
from numpy_attention.study.exercises.expressions import Power, Term, expanded, product


def test_lines_expand_to_signed_products():
    program = exercise("softmax-back").solution
    terms = expanded(program, "d_scores", lambda name: name, 9)
    assert [(each.negative, [f.words for f in each.product]) for each in terms] == [
        (False, ["d_weights", "weights"]), (True, ["average", "weights"])]  # fmt: skip
    assert expanded(program, "d_scores", lambda name: name, 0) == [Term((Power("d_scores"),))]
    assert product([Power("x"), Power("y"), Power("x", -1)]) == (Power("y"),)
