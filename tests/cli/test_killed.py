"""A run ended by kill -9 at any moment: the last complete epoch is there, and going on gives the same bytes.

Three kills of ten epochs; HYPOTHESIS_PROFILE=thorough makes it twenty of 25.
"""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from numpy_attention.cli import main
from numpy_attention.tasks import TASKS
from numpy_attention.training import run_folder

KILLS, EPOCHS = (20, 25) if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else (3, 10)
TRAIN = [
    "train", "--task", "breast-cancer", "--epochs", str(EPOCHS), "--batch-size", "100", "--heads", "2",
    "--hidden-dim", "7", "--optimizer", "adamw", "--schedule", "cosine", "--clip", "1", "--temperature",
    "learned",
]  # fmt: skip


def started(folder, until):
    """A training in a process of its own that has printed a line which begins with these words."""
    command = [sys.executable, "-m", "numpy_attention", *TRAIN, "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not process.stdout.readline().startswith(until):
        assert process.poll() is None
    return process


def contents(folder):
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert json.loads(files.pop("result.json"))["seconds"] > 0
    return files


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_killed_and_resumed_run_equals_an_unbroken_one(tmp_path, capsys):
    begun = time.monotonic()
    assert main([*TRAIN, "--out", str(tmp_path / "unbroken")]) == 0
    lasted = time.monotonic() - begun
    unbroken = contents(tmp_path / "unbroken")
    assert set(unbroken) == {"run.npz", "settings.json", "history.csv"}

    rng = np.random.default_rng()
    left = []
    for number in range(KILLS):
        folder = tmp_path / str(number)
        epoch = rng.integers(EPOCHS - 5)
        with started(folder, f"Epoch [{epoch}/" if epoch else "iterate") as process:
            time.sleep(rng.uniform(0, 2 * lasted / EPOCHS))
            process.kill()
        assert process.returncode == -signal.SIGKILL
        if (folder / "run.npz").exists():
            left.append(run_folder.read_run(folder, TASKS).number)
            assert main(["eval", str(folder)]) == 0
            assert main(["train", "--resume", str(folder)]) == 0
        else:
            left.append(0)
            assert main([*TRAIN, "--out", str(folder)]) == 0
        assert contents(folder) == unbroken, f"after epoch {left[-1]}"
    capsys.readouterr()
    print(f"killed after epochs {left} of {EPOCHS}")
