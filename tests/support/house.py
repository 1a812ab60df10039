"""The package's structure, read from its source without running it: modules, imports, public names."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PACKAGE = "numpy_attention"


class Module(NamedTuple):
    """One source file: its text, its tree, and whether it is a package's __init__."""

    text: str
    tree: ast.Module
    is_package: bool

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def only_docstring(self) -> bool:
        return self.is_package and all(isinstance(node, ast.Expr) for node in self.tree.body)

    @property
    def public_names(self) -> list[str]:
        """Functions and classes defined at the top level, without a leading underscore."""
        kinds = ast.FunctionDef | ast.ClassDef
        return [n.name for n in self.tree.body if isinstance(n, kinds) and not n.name.startswith("_")]

    @property
    def public_classes(self) -> list[str]:
        classes = {n.name for n in self.tree.body if isinstance(n, ast.ClassDef)}
        return [name for name in self.public_names if name in classes]


def parsed(text: str, is_package: bool = False) -> Module:
    return Module(text, ast.parse(text), is_package)


def read_package(root: Path) -> dict[str, Module]:
    """Every module of the package in `root`, by its dotted name."""
    modules = {}
    for file in sorted((root / PACKAGE).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = parsed(file.read_text(encoding="utf-8"), is_package)
    return modules


def imported_modules(name: str, modules: Mapping[str, Module]) -> set[str]:
    """The package's modules that a module imports, in functions and TYPE_CHECKING blocks too."""
    module = modules[name]
    folder = name.split(".") if module.is_package else name.split(".")[:-1]
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in modules else base)
    return {each for each in found if each in modules and each != name}


def graph_of(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    return {name: imported_modules(name, modules) for name in modules}


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One import circle, as the modules along it; [] if there is none."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if found := visit(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def closure(name: str, graph: Mapping[str, set[str]]) -> set[str]:
    """The module and all that it imports, directly or not."""
    found, left = {name}, [name]
    while left:
        new = graph[left.pop()] - found
        found |= new
        left += new
    return found


def upward_imports(graph: Mapping[str, set[str]], floors: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """(module, imported module) wherever a module imports from a higher floor.

    floors: the floor of each folder or module, by dotted name below the package; the longest match counts.
    """
    for name, others in graph.items():
        for other in others:
            mine, theirs = floor_of(name, floors), floor_of(other, floors)
            if mine is not None and theirs is not None and theirs > mine:
                yield name, other


def floor_of(name: str, floors: Mapping[str, int]) -> int | None:
    parts = name.split(".")[1:]
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in floors:
            return floors[".".join(parts[:length])]
    return None


def mirrored_test(name: str) -> str:
    """Path of a module's test file: numpy_attention.check.laws.slope -> tests/check/laws/test_slope.py."""
    *folders, last = name.split(".")[1:]
    return "/".join(["tests", *folders, f"test_{last}.py"])
