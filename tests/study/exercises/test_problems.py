import numpy as np

from numpy_attention import attention_forward
from numpy_attention.study.exercises.problems import LEAD, arguments_of, drawn, far_out, problem_of, problems


def weights_of(problem):
    return attention_forward(*problem.arguments, **problem.keywords)[1]


def test_problems_are_peaked_hidden_unequal_tiny():
    known = dict(problems())
    for name in known:
        if name.startswith("one score far ahead"):
            assert weights_of(known[name]).weights.max(axis=-1).min() > 1 - 1e-12
            scores = np.sort(weights_of(known[name]).scores, axis=-1)
            assert (scores[:, -1] - scores[:, -2] > LEAD / 2).any()
    assert any(problem.query.shape[0] != problem.key.shape[0] for problem in known.values())
    assert np.abs(known["tiny gradients"].d_out).max() < 1e-18
    hidden = known["hidden keys, fewer queries than keys"]
    assert not hidden.visible[:, -1].any()
    assert all(problem.visible.any(axis=-1).all() for problem in known.values())


def test_scores_far_out_leave_the_range_of_an_exponential():
    small, high, low = (weights_of(problem).scores for _, problem in far_out())
    assert small.tolist() == [[2000, 1000]]
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(high.max()))
        assert (np.exp(low.max(axis=-1)) == 0).any()


def test_arguments_are_those_of_the_problem():
    problem = drawn(2, 3, 2, 1, causal=True)
    arguments = arguments_of(problem)
    assert [*arguments] == ["query", "key", "value", "visible"]
    again = problem_of(**arguments, d_out=problem.d_out)
    assert (again.visible == problem.visible).all()
    assert again.d_out is problem.d_out
