"""The package as it is installed: its version, what it ships, what it imports, what it names."""

import importlib
import inspect
import subprocess
import sys
import typing
from importlib import metadata, resources
from pathlib import Path

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.pairs import rules

ROOT = Path(__file__).parent.parent

INNER = [("functional.tiled.online_softmax", "OnlineSoftmax")]
"""Types of arguments that other public names stand for."""

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


def public_types(hint):
    """The classes of this package in a type hint."""
    if isinstance(hint, type) and hint.__module__.startswith(na.__name__):
        yield hint
    for part in typing.get_args(hint):
        yield from public_types(part)


def test_what_public_functions_take_and_return_is_public():
    functions = [inspect.unwrap(getattr(na, name)) for name in na.__all__]
    hints = [typing.get_type_hints(f) for f in functions if inspect.isfunction(f)]
    types = {t for hint in hints for each in hint.values() for t in public_types(each)}
    types -= {importlib.import_module(f"numpy_attention.{where}").__dict__[t] for where, t in INNER}
    assert len(types) > 40
    assert [t for t in types if getattr(na, t.__name__, None) is not t] == []


def test_what_pairs_return_is_public():
    for rule in rules.RULES:
        if getattr(na, f"{rule.name}_forward", None) is rule.forward:
            example = rule.examples[0]
            out, saved = rule.forward(*example.args, **example.kwargs)
            d_out = np.ones(np.shape(out))
            for value in (saved, rule.backward(d_out, saved)):
                name = type(value).__name__
                assert isinstance(value, np.ndarray | np.generic) or getattr(na, name) is type(value)


def test_masks_and_biases_hold_their_builders():
    assert {na.masks.causal, na.masks.window, na.masks.visible} == {na.causal, na.window, na.visible}
    assert (na.biases.alibi, na.biases.relative) == (na.alibi, na.relative)
    assert {"masks", "biases"} < set(dir(na))
    assert na.check_laws is na.laws


def test_every_public_name_exists_once():
    assert len(set(na.__all__)) == len(na.__all__)
    assert [name for name in na.__all__ if not hasattr(na, name)] == []
