"""numpy-attention list."""

from numpy_attention.cli import main
from numpy_attention.tasks import TASKS
from tests.support.commands import out_of


def test_list_names_every_task(capsys):
    lines = out_of(capsys, "list").splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(TASKS)
    assert "is there a zero among them?" in lines[0]


def test_own_defaults_stand_below_their_task(capsys):
    lines = out_of(capsys, "list").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("breast-cancer"))
    assert lines[at + 1].split() == ["epochs", "100"]
    assert lines[at + 1].startswith(" " * len("breast-cancer  "))


def test_list_takes_no_arguments(capsys):
    assert main(["list", "digits"]) == 2
    assert "digits is not expected here" in capsys.readouterr().err
