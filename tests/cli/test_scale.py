"""numpy-attention scale: its table and files, and what is refused before any work."""

from numpy_attention.cli import main

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
