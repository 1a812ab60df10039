"""The task python-docs: a text of its own, and what belongs to text alone."""

import pytest

from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.words.python_docs import PYTHON_DOCS
from numpy_attention.tasks.words.text import TEXT
from numpy_attention.training.task import validated


def test_the_docs_of_python_are_a_text_of_their_own():
    these = with_defaults({"task": "python-docs", "code": "characters"})
    data = load(these)
    assert sum(map(len, data.raw)) > 300_000
    assert PYTHON_DOCS.question(these, data) != TEXT.question(these, data)


def test_a_file_of_text_belongs_to_the_task_text():
    settings = with_defaults({"task": "python-docs", "text_file": "a.txt"})
    with pytest.raises(ValueError, match=r"^text_file belongs to the task text; the task is python-docs"):
        validated(settings, {"text": TEXT, "python-docs": PYTHON_DOCS})
