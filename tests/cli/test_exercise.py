"""exercise list, start, check, report: what is printed, the exit statuses, and wrong usage."""

import csv

import pytest

from numpy_attention.cli import main
from numpy_attention.study.exercises.catalogue import EXERCISES

RIGHT = "import numpy as np\ndef softmax_back(d, w):\n    return w * (d - (w * d).sum(1, keepdims=True))\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_exercises_are_listed_with_their_minutes(capsys):
    assert main(["exercise", "list"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in [*EXERCISES, "predict", "hunt"])
    assert "  softmax-back        25 min  " in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_stub_is_written_once_and_fails_as_unwritten(capsys, folder):
    assert main(["exercise", "start", "softmax-back"]) == 0
    assert capsys.readouterr().out.startswith("softmax_back.py is written")
    assert main(["exercise", "start", "softmax_back"]) == 2
    assert "exists, and is not overwritten" in capsys.readouterr().err
    assert main(["exercise", "check", "softmax_back.py"]) == 1
    assert capsys.readouterr().out == (
        "softmax-back: FAIL: softmax_back is not written yet: it raises NotImplementedError\n"
    )


def test_hints_come_one_after_another(capsys, folder):
    (folder / "softmax_back.py").write_text(RIGHT.replace("w * (d", "(d"))
    assert main(["exercise", "check", "softmax_back.py"]) == 1
    first = capsys.readouterr().out
    assert first.endswith("`--hint 1` says more\n")
    assert "hint 1\n" not in first
    assert main(["exercise", "check", "softmax_back.py", "--hint", "3"]) == 1
    out = capsys.readouterr().out
    assert all(f"\nhint {n}\n" in out for n in (1, 2, 3))
    assert "is not multiplied by weights, in d_scores" in out
    assert "says more" not in out


def test_a_right_file_passes(capsys, folder):
    (folder / "softmax_back.py").write_text(RIGHT)
    assert main(["exercise", "check", "softmax_back.py", "--hint", "3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("softmax-back: PASS: d_scores in ")
    assert "known mistakes would fail here" in out
    assert out.count("\n") == 1


def test_a_folder_becomes_csv(capsys, folder):
    (folder / "all").mkdir()
    (folder / "all" / "softmax_back.py").write_text(RIGHT)
    (folder / "all" / "notes.txt").write_text("")
    assert main(["exercise", "report", "all"]) == 0
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(out.splitlines()))
    assert [(row["file"], row["outcome"]) for row in rows] == [
        ("notes.txt", "NOT GRADED"),
        ("softmax_back.py", "PASS"),
    ]
    assert err == "1 PASS; 1 other file\n"
    assert main(["exercise", "report", "all", "--out", "grades.csv"]) == 0
    assert (
        (folder / "grades.csv").read_text().startswith("file,exercise,outcome,reason,kind,mistake,seconds\n")
    )


def test_look_needs_a_student_and_others_have_none(capsys, folder):
    assert main(["exercise", "start", "predict", "--student", "anna", "--out", str(folder)]) == 0
    assert main(["exercise", "check", "predict.json"]) == 1
    capsys.readouterr()


WRONG = {
    "": "list|start|check|report",
    "start": "NAME",
    "start nothing": "there is no exercise 'nothing'",
    "start predict": "add --student NAME",
    "start softmax --student anna": "--student is for predict and hunt",
    "start softmax --out nowhere": "nowhere/softmax.py: No such file",
    "check nowhere.py": "nowhere.py: No such file",
    "check .": "directory",
    "check a.txt": "defines no function of an exercise",
    "check a.txt --hint 4": "at most 3",
    "check a.txt --timeout 0": "above 0",
    "check a.txt --hints 2": "did you mean '--hint'",
    "report nowhere": "a folder of submissions is expected",
    "report . --out nowhere/a.csv": "nowhere/a.csv: No such file",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage_is_one_sentence(words, capsys, folder):
    (folder / "a.txt").write_text("text")
    assert main(["exercise", *words.split()]) == 2
    err = capsys.readouterr().err
    assert WRONG[words] in err
    assert err.count("\n") == 1
