"""The table of tasks: made of results that are there, and trained only where one is missing."""

import json

from benchmarks import tasks

RESULT = {
    "task": "digits", "seed": 0, "metric": "accuracy", "ours": 0.9, "baselines": {"majority class": 0.1},
    "seconds": 7.0, "processor_seconds": 2.0, "parameters": 1234,
}  # fmt: skip


def test_the_table_is_made_of_the_results_that_are_there(tmp_path, capsys):
    for seed, ours in enumerate((0.9, 0.8, 0.95, 0.9, 0.95)):
        (tmp_path / f"digits-{seed}").mkdir()
        (tmp_path / f"digits-{seed}" / "result.json").write_text(json.dumps(RESULT | {"ours": ours}))
    tasks.main(["digits", "--runs", str(tmp_path), "--out", str(tmp_path / "table.md")])
    text = (tmp_path / "table.md").read_text()
    expected = "| digits | accuracy | 0.9000 | 0.8000–0.9500 | 5 | majority class 0.1000 | 1,234 | 2 |"
    assert expected in text
    assert capsys.readouterr().out.strip() == text.strip()


def test_a_table_of_what_is_there_trains_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks.subprocess, "run", None)
    (tmp_path / "digits-3").mkdir()
    (tmp_path / "digits-3" / "result.json").write_text(json.dumps(RESULT))
    tasks.main(["digits", "copy", "--made", "--runs", str(tmp_path), "--out", str(tmp_path / "table.md")])
    (row,) = (tmp_path / "table.md").read_text().splitlines()[9:]
    assert row == "| digits | accuracy | 0.9000 | 0.9000–0.9000 | 1 | majority class 0.1000 | 1,234 | 2 |"


def test_a_missing_result_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "seeds", lambda task: range(1))
    asked = []

    def train(command, **_):
        asked.append(command[3:])
        (tmp_path / "digits-0").mkdir(exist_ok=True)
        (tmp_path / "digits-0" / "result.json").write_text(json.dumps(RESULT))

    monkeypatch.setattr(tasks.subprocess, "run", train)
    for _ in range(2):
        tasks.main(["digits", "--runs", str(tmp_path), "--out", str(tmp_path / "table.md")])
    folder = str(tmp_path / "digits-0")
    assert asked == [["train", "--task", "digits", "--seed", "0", "--out", folder]]
