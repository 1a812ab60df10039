"""One writer for a run folder."""

import signal
import subprocess
import sys

import pytest

from numpy_attention.training.folder_lock import LOCK, only_writer

HOLD = """
import sys, time
from pathlib import Path
from numpy_attention.training.folder_lock import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path):
    with only_writer(tmp_path):
        with (
            pytest.raises(ValueError, match=r"^another training.* writes to .*; wait for its end"),
            only_writer(tmp_path),
        ):
            pass
        with only_writer(tmp_path / "other"):
            pass
        assert (tmp_path / LOCK).exists()
    with only_writer(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


def test_the_folders_that_it_creates_are_removed_if_they_are_left_empty(tmp_path):
    with only_writer(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not (tmp_path / "a").exists()
    with only_writer(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "run.npz").touch()
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["run.npz"]
    with only_writer(None):
        assert list((tmp_path / "a" / "b").iterdir())


def test_it_is_free_after_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), only_writer(tmp_path):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_killed_process_holds_nothing(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(ValueError, match=f"another training, process {process.pid}, writes"),
            only_writer(tmp_path),
        ):
            pass
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / LOCK).exists()
    with only_writer(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
