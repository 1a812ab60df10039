"""Files that a command writes."""

import os

import pytest

from numpy_attention.cli.outputs import writable_file


def test_a_file_that_can_be_written_is_given_back_absolute_and_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert writable_file("a.json") == tmp_path.resolve() / "a.json"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", [".", "nothing/a.json", os.devnull])
def test_one_that_cannot_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=f"{name}'$"):
        writable_file(name)
