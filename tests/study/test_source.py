"""Source lines, equations and arrays of a traced call."""

from pathlib import Path

import numpy as np
import pytest

import numpy_attention
from numpy_attention import STEPS
from numpy_attention.functional.attention.steps import SoftmaxStepGradients
from numpy_attention.functional.base.admission import admit
from numpy_attention.functional.base.arrays import keep_visible
from numpy_attention.study.example import SCORES, build_example
from numpy_attention.study.line_trace import traced
from numpy_attention.study.source import arrays_read, equation, intermediate_arrays, math_source
from numpy_attention.study.walk import walk

EVERYTHING = {"causal": True, "softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5}


def trace_of(function, *args):
    traces = []
    traced(function, traces.append)(*args)
    return traces[0]


def texts(function, *args):
    return [line.text for line in math_source(trace_of(function, *args)).lines]


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "every option"])
@pytest.mark.parametrize("score", SCORES)
def test_shown_lines_are_those_of_the_file(score, options):
    walked = walk(build_example(score=score, **options))
    stages = [stage for stage in walked.stages if stage.number and not stage.skipped]
    assert len(stages) == (14 if options else 6 if SCORES[score].on_tokens else 8)
    for stage in stages:
        file = Path(numpy_attention.__file__).parent / stage.source.file
        lines = file.read_text(encoding="utf-8").splitlines()
        assert stage.source.lines
        for line in stage.source.lines:
            assert lines[line.number - 1].strip().startswith(line.text.strip().removesuffix(", …"))
        assert stage.equation


def test_only_executed_lines_are_shown():
    quiet = walk(build_example()).down[4].source
    with_sinks = walk(build_example(sinks=0.5)).down[4].source
    assert "sink" not in str(quiet)
    assert "sink_exponentials = np.exp(sinks_column - shift)" in str(with_sinks)
    assert {line.number for line in quiet.lines} < {line.number for line in with_sinks.lines}


def test_bookkeeping_lines_are_left_out():
    def works(x, saved):
        """Anything."""
        x = admit("x", x)
        weights, flag = saved
        length = len(x)
        y = x * weights * (length > 0)
        print("", end="")
        return y, SoftmaxStepGradients(y, None)

    trace = trace_of(works, np.ones(2), (np.full(2, 3.0), True))
    assert [line.text for line in math_source(trace).lines] == ["y = x * weights * (length > 0)"]
    assert math_source(trace).helpers == {}
    assert list(intermediate_arrays(trace)) == ["y"]
    assert list(arrays_read(trace)) == ["x", "weights"]


def test_a_return_is_cut_before_the_saved_record():
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


def test_a_function_without_mathematics_is_shown_in_full():
    def hands_on(d, saved):
        return d

    assert texts(hands_on, np.ones(2), None) == ["return d"]


def test_loops_and_non_ascii_names():
    def looped(x):
        for _ in range(2):
            δ = x * 2
            if x.sum() < 0:
                x = -x
        return δ + x, SoftmaxStepGradients(x, None)

    assert texts(looped, np.ones(2)) == ["δ = x * 2", "return δ + x, …"]


def test_a_lambda_shows_its_lines():
    trace = trace_of(lambda x: x * 2, np.ones(2))
    assert "lambda x: x * 2" in str(math_source(trace))
    assert intermediate_arrays(trace) == {}


def test_a_lambda_in_the_middle_of_an_expression():
    doubles = {
        "first": lambda x: x * 2,
    }
    assert texts(doubles["first"], np.ones(2)) == ['"first": lambda x: x * 2,']


def test_a_function_without_source_shows_nothing():
    typed = {}
    exec("def typed(x):\n    y = x * 2\n    return y", typed)
    for function in (np.square, typed["typed"]):
        trace = trace_of(function, np.ones(2))
        assert math_source(trace).lines == ()
        assert intermediate_arrays(trace) == arrays_read(trace) == {}
    assert equation(typed["typed"]) == ""


def test_arrays_read_from_saved():
    def doubles(d, saved):
        return 2 * d * saved.weights

    _, saved = STEPS.softmax.forward(np.zeros((1, 2)))
    trace = trace_of(doubles, np.ones((1, 2)), saved)
    assert list(arrays_read(trace)) == ["d", "weights"]


def test_inner_helpers_come_first():
    helpers = walk(build_example()).down[0].source.helpers
    assert list(helpers) == ["transposed", "fold_groups", "unfold_groups"]


def test_helpers_come_with_their_docstrings():
    def shows(x):
        return keep_visible(2 * x, None)

    assert list(math_source(trace_of(shows, np.ones(2))).helpers) == ["keep_visible"]


@pytest.mark.parametrize(
    "doc, shown",
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
def test_equation_opens_the_docstring(doc, shown):
    def function():
        pass

    function.__doc__ = doc
    assert equation(function) == shown


def test_equation_of_a_referenced_docstring():
    assert "act(weight" in equation(numpy_attention.concat_scores_forward)
