"""Learners' code is hostile by accident: whatever it does, there is an answer or a sentence."""

import re
import sys

import numpy as np
import pytest

from numpy_attention.study.exercises.submission import Answer, answer_call, answer_calls, answers_of

CALLS = [{"x": np.array([[1.0, 2.0]])}, {"x": np.ones((2, 3))}]
RIGHT = "import numpy as np\ndef double(x):\n    return 2 * x\n"

FAILURES = {
    "exits": ("def double(x):\n    exit(3)\n", "raises SystemExit: 3"),
    "raises": ("def double(x):\n    return x[9]\n", r"raises IndexError: .* \(answer.py, line 2\)"),
    "none": ("def double(x):\n    x * 2\n", "returns None; y is expected"),
    "text": ("def double(x):\n    return 'two'\n",
             "returns an array of dtype <U3 for y; float64 is expected"),
    "complex": ("def double(x):\n    return 2j * x\n",
                "returns an array of dtype complex128 for y; float64 is expected"),
    "ragged": ("def double(x):\n    return [[1], [1, 2]]\n", "returns .* for y; y is expected"),
    "parameters": ("def double(x, y):\n    return x\n",
                   r"defines double\(x, y\), where double\(x\) is called"),
    "syntax": ("def double(x)\n    return x\n", "cannot be imported: SyntaxError"),
    "import": ("import nothing_of_the_kind\ndef double(x):\n    return x\n",
               "cannot be imported: ModuleNotFound"),
    "no function": ("double = 3\n", "double is no function"),
    "repr": ("class A:\n    def __repr__(self):\n        raise KeyError\ndef double(x):\n    return A()\n",
             "returns a A for y"),
}  # fmt: skip


def answered(folder, source, timeout=5.0):
    file = folder / "answer.py"
    file.write_text(source)
    return answers_of(str(file), "double", ["y"], CALLS, timeout)


@pytest.fixture(autouse=True)
def bytecode(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def answered_here(folder, source, timeout=5.0):
    """The answers in this process, where the learner's code ends neither it nor a thread in C."""
    file, sent = folder / "answer.py", []
    file.write_text(source)
    answer_calls(lambda kind, content: sent.append(content), str(file), "double", ("y",), CALLS, timeout)
    return [Answer(*content) for content in sent[1:]]


def test_every_call_is_answered_and_the_first_one_again(tmp_path):
    answers, end = answered(tmp_path, RIGHT)
    assert end == ""
    assert [answer.results["y"].numbers.tolist() for answer in answers] == [
        [[2, 4]],
        [[2.0] * 3] * 2,
        [[2, 4]],
    ]
    assert [answer.failure for answer in answers] == ["", "", ""]
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize("how", FAILURES)
def test_a_failure_is_a_sentence(how, tmp_path):
    source, sentence = FAILURES[how]
    answer = answered_here(tmp_path, source)[0]
    assert re.match(sentence, answer.failure), answer.failure


@pytest.mark.parametrize(
    "source, end",
    [("import os\nos._exit(7)\n", "ends the process with status 7"),
     ("def double(x):\n    import os\n    os.kill(os.getpid(), 9)\n", "ends the process by SIGKILL")],
)  # fmt: skip
def test_an_ended_process_is_a_sentence(source, end, tmp_path):
    assert answered(tmp_path, source).end.startswith(end)


@pytest.mark.parametrize("source", ["def double(x):\n    while True: pass\n", "while True: pass\n"])
def test_a_loop_ends_at_the_time_limit(source, tmp_path):
    answers = answered_here(tmp_path, source, timeout=0.3)
    assert [answer.failure.removesuffix(" to be imported") for answer in answers] == ["takes more than 0.3 s"]


def test_changes_of_inputs_and_of_the_process_are_problems(tmp_path):
    source = "import os\ndef double(x):\n    x *= 2\n    os.chdir('/')\n    return x\n"
    answers = answered_here(tmp_path, source)
    assert answers[0].problems == ("changes its argument x", "changes the working folder")


def test_prints_and_files_beside_it_are_no_matter(tmp_path):
    (tmp_path / "random.py").write_text("raise SystemExit")
    (tmp_path / "helper.py").write_text("two = 2")
    source = (
        "from helper import two\nprint('hello' * 10**6)\ndef double(x):\n    print(x)\n    return two * x\n"
    )
    answers, end = answered(tmp_path, source)
    assert (answers[0].failure, answers[0].problems, end) == ("", (), "")


def test_an_unwritten_function_ends_the_calls(tmp_path):
    answers = answered_here(tmp_path, "def double(x):\n    raise NotImplementedError\n")
    assert [answer.unwritten for answer in answers] == [True]


def test_results_come_as_tuple_list_dict_or_named_tuple():
    x, y = np.ones(2), np.zeros((1, 3))
    for returned in ((x, y), [x, y], {"b": y, "a": x}):
        found, changed, warned = answer_call(lambda returned=returned: returned, "f", {}, ("a", "b"))
        assert (found["a"].numbers.tolist(), found["b"].numbers.shape, changed) == ([1, 1], (1, 3), ())
        assert warned == ""


def test_answers_are_sent_one_by_one(tmp_path):
    file, sent = tmp_path / "answer.py", []
    file.write_text(RIGHT)
    answer_calls(lambda kind, content: sent.append(kind), str(file), "double", ("y",), CALLS, 5.0)
    assert sent == ["begin", "answer", "answer"]


def test_the_line_that_makes_nan_is_kept(tmp_path):
    (answer,) = answered_here(tmp_path, "def double(x):\n    return x * 0 / 0\n")[:1]
    assert answer.warned == "line 2: invalid value encountered in divide"


def test_a_warning_from_inside_of_numpy_names_no_line_of_the_file():
    assert answer_call(lambda: np.mean([]), "f", {}, ("y",))[2] == ""
    assert answer_call(lambda: np.zeros(2) / 0, "f", {}, ("y",))[2].endswith(
        "invalid value encountered in divide"
    )
