"""docs/found.md: every block reproduces what it says, in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAPER = (Path(__file__).parents[2] / "docs" / "found.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^<!-- found: (.*?) -->\n```python\n(.*?)^```", PAPER, re.MULTILINE | re.DOTALL)


def test_every_block_is_marked_and_asserts():
    assert len(BLOCKS) == PAPER.count("```python") >= 10
    assert all("assert" in code for _, code in BLOCKS)


@pytest.mark.parametrize("place", range(len(BLOCKS)), ids=lambda place: f"{place} {BLOCKS[place][0]}")
def test_a_finding_is_reproduced(place, peer, tmp_path):
    packages, code = BLOCKS[place]
    for package in packages.split():
        peer(package)
    backends = ["jax", "torch"] if "sys.argv" in code else ["jax"]
    for backend in backends:
        command = [sys.executable, "-c", code, backend]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
