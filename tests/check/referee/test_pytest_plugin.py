"""The fixture in a test suite elsewhere: three lines, and a failure that is the report."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLUGIN = "numpy_attention.check.referee.pytest_plugin"

TESTS = """
import numpy_attention as na

def test_right(attention_referee):
    pair = na.attention_forward, na.attention_backward
    assert attention_referee(pair, profile="simple", supports=()).ok

def test_wrong(attention_referee):
    attention_referee(lambda query, key, value: 2 * na.attention(query, key, value), profile="simple")
"""


def in_another_folder(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_failure_is_the_report(tmp_path):
    (tmp_path / "test_mine.py").write_text(TESTS, encoding="utf-8")
    run = in_another_folder(tmp_path, "-m", "pytest", "-q", "-W", "error", "-p", PLUGIN)
    assert "1 failed, 1 passed" in run.stdout, run.stdout + run.stderr
    assert "\nFAIL: out is wrong in " in run.stdout
    assert "Traceback" not in run.stdout


def test_it_costs_pytest_no_import(tmp_path):
    code = f"import sys, {PLUGIN}; assert not {{'numpy', 'pytest'}} & set(sys.modules)"
    assert in_another_folder(tmp_path, "-c", code).returncode == 0


def test_pytest_finds_it_by_its_entry_point():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert config["options.entry_points"]["pytest11"].split(" = ") == ["\nnumpy_attention", PLUGIN]
