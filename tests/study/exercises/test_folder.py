import os

import pytest

from numpy_attention.study.exercises import folder as folders
from numpy_attention.study.exercises.folder import csv_line, grade_file, grade_folder, summary
from numpy_attention.study.exercises.look import start

from .right import SOLUTIONS

RIGHT = "import numpy as np\n" + SOLUTIONS["softmax-back"][0]


@pytest.mark.slow
def test_a_folder_is_graded_whatever_lies_in_it(tmp_path):
    files = {
        "anna/softmax_back.py": RIGHT,
        "ben/softmax_back.py": RIGHT.replace("axis=1", "axis=0"),
        "carla/softmax_back.py": "import os\nos._exit(0)\ndef softmax_back(d, w): ...",
        "dora/softmax_back.py": "def softmax_back(d, w):\n    while True: pass\n",
        "emil/hunt.json": start("hunt", "emil"),
        "notes.txt": "foreign",
        "tool.py": "print('no exercise')",
        "broken.json": "{",
        ".hidden.py": RIGHT,
        "__pycache__/x.py": RIGHT,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    os.mkfifo(tmp_path / "pipe.py")
    rows = {row.file: row.grade for row in grade_folder(tmp_path, timeout=0.5)}
    outcomes = {name: (grade.exercise, grade.outcome) for name, grade in rows.items()}
    assert outcomes == {
        "anna/softmax_back.py": ("softmax-back", "PASS"),
        "ben/softmax_back.py": ("softmax-back", "FAIL"),
        "carla/softmax_back.py": ("softmax-back", "FAIL"),
        "dora/softmax_back.py": ("softmax-back", "FAIL"),
        "emil/hunt.json": ("hunt", "FAIL"),
        "notes.txt": ("", "NOT GRADED"),
        "tool.py": ("", "NOT GRADED"),
        "broken.json": ("", "NOT GRADED"),
    }
    assert "down the columns" in rows["ben/softmax_back.py"].mistake
    assert rows["carla/softmax_back.py"].reason.startswith("it ends the process with status 0")
    assert rows["dora/softmax_back.py"].reason == "it takes more than 0.5 s"
    assert "is not a whole JSON file" in rows["broken.json"].reason


def test_an_error_of_the_grader_itself_is_a_row(tmp_path, monkeypatch):
    (tmp_path / "softmax_back.py").write_text(RIGHT)

    def broken(path, timeout):
        raise KeyError("ours")

    monkeypatch.setattr(folders, "grade_file", broken)
    (row,) = grade_folder(tmp_path)
    assert row.cells[:4] == (
        "softmax_back.py",
        "softmax-back",
        "NOT GRADED",
        "the grading failed: KeyError: 'ours'",
    )
    assert summary([row]) == "1 NOT GRADED"


def test_a_missing_folder_and_a_file_are_refused(tmp_path):
    with pytest.raises(NotADirectoryError, match="a folder of submissions is expected"):
        next(grade_folder(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError):
        grade_file(tmp_path / "nowhere.py")


def test_cells_are_quoted_and_none_is_a_formula():
    assert csv_line(("a,b", 'say "x"', "=1+1", "-2", "plain")) == '"a,b","say ""x""",\'=1+1,\'-2,plain'
    assert summary([]) == "no submission"
