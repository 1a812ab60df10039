"""Lines, equations and arrays of a run: as they stand in the file, those that ran, the mathematics alone."""

from pathlib import Path

import numpy as np
import pytest

import numpy_attention
from numpy_attention import STEPS
from numpy_attention.functional.attention.steps import SoftmaxStepGradients
from numpy_attention.functional.base.admission import admit
from numpy_attention.functional.base.arrays import keep_visible
from numpy_attention.study.example import SCORES, example
from numpy_attention.study.line_trace import watched
from numpy_attention.study.source import between, equation, mathematics, read
from numpy_attention.study.walk import walk

EVERYTHING = {"causal": True, "softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5}


def run_of(function, *args):
    runs = []
    watched(function, runs.append)(*args)
    return runs[0]


def texts(function, *args):
    return [line.text for line in mathematics(run_of(function, *args)).lines]


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "every option"])
@pytest.mark.parametrize("score", SCORES)
def test_every_line_stands_in_its_file_under_its_number(score, options):
    walked = walk(example(score=score, **options))
    stages = [stage for stage in (*walked.down, *walked.up) if not stage.skipped]
    assert len(stages) == (14 if options else 6 if SCORES[score].on_tokens else 8)
    for stage in stages:
        file = Path(numpy_attention.__file__).parent / stage.source.file
        lines = file.read_text(encoding="utf-8").splitlines()
        assert stage.source.lines
        for line in stage.source.lines:
            assert lines[line.number - 1].strip().startswith(line.text.strip().removesuffix(", …"))
        assert stage.equation


def test_the_lines_are_those_that_ran():
    quiet = walk(example()).down[4].source
    with_sinks = walk(example(sinks=0.5)).down[4].source
    assert "sink" not in str(quiet)
    assert "sink_exponentials = np.exp(sinks_column - shift)" in str(with_sinks)
    assert {line.number for line in quiet.lines} < {line.number for line in with_sinks.lines}


def test_admission_packing_and_names_handed_on_are_left_out():
    def works(x, saved):
        """Anything."""
        x = admit("x", x)
        weights, flag = saved
        length = len(x)
        y = x * weights * (length > 0)
        print("", end="")
        return y, SoftmaxStepGradients(y, None)

    run = run_of(works, np.ones(2), (np.full(2, 3.0), True))
    assert [line.text for line in mathematics(run).lines] == ["y = x * weights * (length > 0)"]
    assert mathematics(run).helpers == {}
    assert list(between(run)) == ["y"]
    assert list(read(run)) == ["x", "weights"]


def test_a_return_is_cut_before_what_only_packs():
    def cut(x):
        return 2 * x, SoftmaxStepGradients(x, None)

    def uncut(x):
        return 2 * x, 3 * x

    def gradients(x):
        return SoftmaxStepGradients(
            2 * x,
            None,
        )

    assert texts(cut, np.ones(2)) == ["return 2 * x, …"]
    assert texts(uncut, np.ones(2)) == ["return 2 * x, 3 * x"]
    assert texts(gradients, np.ones(2)) == [
        "return SoftmaxStepGradients(",
        "    2 * x,",
        "    None,",
        ")",
    ]


def test_where_nothing_is_mathematics_everything_is_shown():
    def hands_on(d, saved):
        return d

    assert texts(hands_on, np.ones(2), None) == ["return d"]


def test_loops_and_letters_that_take_two_bytes():
    def looped(x):
        for _ in range(2):
            δ = x * 2
            if x.sum() < 0:
                x = -x
        return δ + x, SoftmaxStepGradients(x, None)

    assert texts(looped, np.ones(2)) == ["δ = x * 2", "return δ + x, …"]


def test_a_lambda_shows_the_lines_it_stands_on():
    run = run_of(lambda x: x * 2, np.ones(2))
    assert "lambda x: x * 2" in str(mathematics(run))
    assert between(run) == {}


def test_a_lambda_in_the_middle_of_an_expression():
    doubles = {
        "first": lambda x: x * 2,
    }
    assert texts(doubles["first"], np.ones(2)) == ['"first": lambda x: x * 2,']


def test_what_has_no_source():
    typed = {}
    exec("def typed(x):\n    y = x * 2\n    return y", typed)
    for function in (np.square, typed["typed"]):
        run = run_of(function, np.ones(2))
        assert mathematics(run).lines == ()
        assert between(run) == read(run) == {}
    assert equation(typed["typed"]) == ""


def test_what_is_read_from_saved_by_name():
    def doubles(d, saved):
        return 2 * d * saved.weights

    _, saved = STEPS.softmax.forward(np.zeros((1, 2)))
    run = run_of(doubles, np.ones((1, 2)), saved)
    assert list(read(run)) == ["d", "weights"]


def test_helpers_say_what_they_do():
    def shows(x):
        return keep_visible(2 * x, None)

    assert list(mathematics(run_of(shows, np.ones(2))).helpers) == ["keep_visible"]


@pytest.mark.parametrize(
    "told, shown",
    [
        ("a = b.", "a = b"),
        ("a = b: for this. And more.\n\nNot this.", "a = b: for this"),
        ("From a = b:\n\nd_b = d_a.\n\nNot this.", "From a = b:\nd_b = d_a"),
        (
            "From a = b: d_b = d_a\n\nFrom c = a:\n\nd_a = d_c\n\nWords.",
            "From a = b: d_b = d_a\nFrom c = a:\nd_a = d_c",
        ),
    ],
)
def test_the_equation_is_what_a_docstring_says_first(told, shown):
    def function():
        pass

    function.__doc__ = told
    assert equation(function) == shown


def test_an_equation_that_stands_elsewhere_is_fetched():
    assert "act(weight" in equation(numpy_attention.concat_scores_forward)
