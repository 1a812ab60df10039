"""The package as it is installed: its version, what it ships, what it imports, what it names."""

import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import numpy_attention as na

ROOT = Path(__file__).parent.parent

ONE = "import numpy_attention"
ALL = """
import importlib, pkgutil, numpy_attention
for module in pkgutil.walk_packages(numpy_attention.__path__, "numpy_attention."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def test_one_version_everywhere():
    assert metadata.version("numpy_attention") == na.__version__
    assert f"\nversion: {na.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_numpy_is_all_it_requires():
    requires = metadata.requires("numpy_attention") or []
    assert [each for each in requires if "extra ==" not in each] == ["numpy>=2.0"]


def test_the_command_is_installed():
    (command,) = metadata.entry_points(group="console_scripts", name="numpy-attention")
    assert callable(command.load())


def test_the_types_are_shipped():
    assert (resources.files("numpy_attention") / "py.typed").is_file()


@pytest.mark.parametrize("imports", [ONE, ALL], ids=["the package", "all its modules"])
def test_importing_needs_numpy_and_the_standard_library_only(imports):
    new = f"""
import sys, numpy.random
before = set(sys.modules)
{imports}
print(*{{name.partition(".")[0] for name in set(sys.modules) - before}})
"""
    run = subprocess.run([sys.executable, "-W", "error", "-c", new], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    imported = set(run.stdout.split())
    assert "numpy_attention" in imported
    assert imported - sys.stdlib_module_names <= {"numpy", "numpy_attention"}


def test_every_public_name_exists_once():
    assert len(set(na.__all__)) == len(na.__all__)
    assert [name for name in na.__all__ if not hasattr(na, name)] == []
