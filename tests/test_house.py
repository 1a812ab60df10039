"""The structure that CONTRIBUTING.md describes: rings, folders, mirrored tests, closures and line budgets."""

import ast
from pathlib import Path

import pytest

import numpy_attention as na

from .support import house
from .support.public_stub import STUB, stub

ROOT = Path(__file__).parents[1]
MODULES = house.read_package(ROOT)
GRAPH = house.graph_of(MODULES)

RINGS = ("core", "functional", "optim nn", "check training", "tasks distributed", "study", "cli")
"""A module imports from its own ring and the earlier ones. `files` is for everyone."""

FLOORS = {
    "functional": "base layers losses masks attention scores tiled fast",
    "check": "rounding reference pairs laws faults cases candidate referee outside",
}
"""Folders of a ring, bottom-up."""

BUDGETS = {
    "functional": 10_600,
    "check": 18_450,
    "optim": 1_150,
    "nn": 9_250,
    "training tasks": 13_450,
    "distributed": 1_400,
    "study": 12_400,
    "cli": 1_850,
}
"""Lines of Python in each folder. Raised only with a reason in CHANGELOG.md, in the same commit."""

LONGEST_FILE = 350
CLOSURES = {
    "functional.attention.attention": (10, 2_000),
    "optim.adam": (3, 450),
}
"""Files and lines of a module and all it imports, not counting __init__ files that only hold a docstring."""


def test_no_import_circle():
    assert house.circle(GRAPH) == []


def test_no_ring_imports_a_later_one():
    rings = {name: place for place, names in enumerate(RINGS) for name in names.split()}
    assert list(house.upward_imports(GRAPH, rings)) == []
    assert [name for name, others in GRAPH.items() if house.PACKAGE in others and "cli" not in name] == []


@pytest.mark.parametrize("ring", FLOORS)
def test_no_folder_imports_a_later_one(ring):
    floors = {f"{ring}.{folder}": place for place, folder in enumerate(FLOORS[ring].split())}
    assert list(house.upward_imports(GRAPH, floors)) == []
    folders = {name.split(".")[2] for name in MODULES if name.startswith(f"numpy_attention.{ring}.")}
    assert folders == set(FLOORS[ring].split())


def test_imports_inside_the_package_are_relative():
    absolute = [
        (name, ast.unparse(node))
        for name, module in MODULES.items()
        for node in ast.walk(module.tree)
        if (
            isinstance(node, ast.ImportFrom)
            and not node.level
            and (node.module or "").startswith(house.PACKAGE)
        )
        or (isinstance(node, ast.Import) and any(x.name.startswith(house.PACKAGE) for x in node.names))
    ]
    assert absolute == []


def test_every_folder_explains_itself():
    bare = {
        name: len((ast.get_docstring(module.tree) or "").splitlines())
        for name, module in MODULES.items()
        if module.is_package
    }
    assert {name: lines for name, lines in bare.items() if not 3 <= lines <= 10} == {}


def test_every_module_with_public_names_has_its_test_file():
    missing = [
        house.mirrored_test(name)
        for name, module in MODULES.items()
        if module.public_names and not module.is_package and not (ROOT / house.mirrored_test(name)).is_file()
    ]
    assert missing == []


def test_every_test_folder_mirrors_a_package_folder():
    own = {"benchmarks", "contract", "peers", "properties", "support", "support/mistakes", "support/peers"}
    folders = {str(file.parent.relative_to(ROOT / "tests")) for file in (ROOT / "tests").rglob("*.py")} - {
        "."
    }
    assert [f for f in sorted(folders - own) if not (ROOT / house.PACKAGE / f).is_dir()] == []


def test_one_name_for_one_public_class():
    places: dict[str, list[str]] = {}
    for name, module in MODULES.items():
        for each in module.public_classes:
            places.setdefault(each, []).append(name)
    assert {each: where for each, where in places.items() if len(where) > 1} == {
        "Dropout": ["numpy_attention.functional.attention.dropout", "numpy_attention.nn.dropout"]
    }  # a value of attention, and the layer that every framework calls so


@pytest.mark.parametrize("folders", BUDGETS)
def test_folder_keeps_its_budget_of_lines(folders):
    inside = tuple(f"{house.PACKAGE}.{folder}" for folder in folders.split())
    own = [
        m.lines
        for name, m in MODULES.items()
        if name in inside or name.startswith(tuple(f"{x}." for x in inside))
    ]
    assert sum(own) <= BUDGETS[folders]


def test_contributing_names_the_same_budgets():
    text = (
        (ROOT / "CONTRIBUTING.md")
        .read_text(encoding="utf-8")
        .partition("### Line budgets")[2]
        .partition("## ")[0]
    )
    cells = [
        cell.strip()
        for row in text.splitlines()
        if row.startswith("| `")
        for cell in row.split("|")
        if cell.strip()
    ]
    named = {name: int(lines.replace(",", "")) for name, lines in zip(cells[::2], cells[1::2], strict=True)}
    ours = {" and ".join(f"`{x}/`" for x in folders.split()): lines for folders, lines in BUDGETS.items()}
    assert named == ours | {"`core.py`": 150}


@pytest.mark.parametrize("module", CLOSURES)
def test_reading_a_module_opens_few_files(module):
    opened = house.closure(f"{house.PACKAGE}.{module}", GRAPH)
    files = {name: MODULES[name].lines for name in opened if not MODULES[name].only_docstring}
    most, lines = CLOSURES[module]
    assert len(files) <= most, files
    assert sum(files.values()) <= lines, files


def test_no_file_is_long():
    files = [*(ROOT / house.PACKAGE).rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8").count("\n") for file in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_core_fits_on_a_page():
    assert MODULES["numpy_attention.core"].lines <= 150


def test_tests_are_no_longer_than_the_package():
    tests = sum(file.read_text(encoding="utf-8").count("\n") for file in (ROOT / "tests").rglob("*.py"))
    assert tests <= sum(module.lines for module in MODULES.values())


def test_every_public_name_stands_once_in_the_table():
    names = [name for listed in na.PUBLIC.values() for name in listed.split()]
    assert len(set(names)) == len(names)
    for module, listed in na.PUBLIC.items():
        assert f"numpy_attention.{module}" in MODULES
        for name in listed.split():
            assert getattr(na, name) is not None


def test_the_stub_for_type_checkers_is_the_table():
    assert STUB.read_text(encoding="utf-8") == stub(), "run python -m tests.support.public_stub"


# ---------------------------------------------------------------------------- each check can fail

SMALL = {
    "numpy_attention": house.parsed('"""All."""', is_package=True),
    "numpy_attention.low": house.parsed(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .high import High\n"
    ),
    "numpy_attention.high": house.parsed("from . import low\nclass High: ...\nclass _Own: ...\ndef f(): ..."),
}


def test_a_circle_through_type_checking_is_found():
    graph = house.graph_of(SMALL)
    assert graph["numpy_attention.low"] == {"numpy_attention.high"}
    assert house.circle(graph) == ["numpy_attention.high", "numpy_attention.low", "numpy_attention.high"]


def test_an_import_from_above_is_found():
    graph = house.graph_of(SMALL)
    upward = list(house.upward_imports(graph, {"low": 0, "high": 1}))
    assert upward == [("numpy_attention.low", "numpy_attention.high")]


def test_public_names_and_their_test_file():
    assert SMALL["numpy_attention.high"].public_names == ["High", "f"]
    assert SMALL["numpy_attention.high"].public_classes == ["High"]
    assert house.mirrored_test("numpy_attention.check.laws.slope") == "tests/check/laws/test_slope.py"


def test_a_closure_holds_what_is_imported_indirectly():
    graph = {"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a"}}
    assert house.closure("a", graph) == {"a", "b", "c"}
