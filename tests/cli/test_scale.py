"""numpy-attention scale: its table and files, and what is refused before any work."""

from contextlib import nullcontext

from numpy_attention.cli import main, scale
from tests.distributed.test_scaling import ROW

SMALL = ["scale", "--length", "70", "--chunk", "30", "--heads", "2", "--causal"]


def test_a_scheduler_of_ones_own(tmp_path, capsys, client, peer):
    peer("matplotlib")
    words = [*SMALL, "--scheduler", client.scheduler.address, "--out", str(tmp_path / "scale")]
    assert main(words) == 0
    head, _, row, *_, last = capsys.readouterr().out.splitlines()
    assert head.startswith("| scaling | workers |")
    assert row.split("|")[1:5] == ["  strong ", "       2 ", " 70 ", "     2 "]
    assert last.startswith("Wrote scale.csv, scale.md, scale.png, scale.svg to ")
    assert (tmp_path / "scale" / "scale.md").read_text().splitlines()[0] == head


def test_what_is_refused(capsys, peer):
    peer("distributed")
    assert main([*SMALL, "--workers", "2", "--scheduler", "tcp://h:1"]) == 2
    assert main([*SMALL, "--scheduler", "h"]) == 2
    assert main([*SMALL, "--chunk", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 3


def test_strong_and_weak_scaling_double_the_workers(tmp_path, capsys, monkeypatch, peer):
    peer("distributed")
    peer("matplotlib")
    seen = []
    monkeypatch.setattr(scale, "cluster", nullcontext)
    monkeypatch.setattr(scale, "measure", lambda n, work, *weak: seen.append((n, work.heads, *weak)) or ROW)
    monkeypatch.setattr(scale, "write", lambda folder, rows: None)
    words = [*SMALL, "--workers", "3", "--out"]
    assert main([*words, str(tmp_path / "scale")]) == 0
    assert seen == [(1, 2), (1, 2, "weak"), (2, 2), (2, 4, "weak"), (3, 2), (3, 6, "weak")]
    (tmp_path / "file").touch()
    capsys.readouterr()
    assert main([*words, str(tmp_path / "file")]) == 2
    assert len(seen) == 6
