"""The docstrings of the standard library's packages, read from its files: nothing is imported.

A module goes to one part as a whole: what is held out shares a package with what is trained on, and no file.
A word that names one of the packages is left out.
"""

import ast
import re
import sysconfig
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

PACKAGES = (
    "asyncio", "email", "http", "importlib", "logging", "multiprocessing", "tkinter", "unittest", "urllib",
    "xml",
)  # fmt: skip
LEAST_PACKAGES = 8
"""Some systems leave a package out, such as tkinter."""
SKIPPED = {"test", "tests", "__pycache__"}
SHARES = (0.60, 0.15, 0.25)
"""Of a package's docstrings: to train on, for validation, held out."""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
WORD = re.compile(r"[A-Za-z_]+")
PART_OF_A_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Document(NamedTuple):
    """A docstring."""

    words: tuple[str, ...]
    package: str
    module: str
    """Path of its file below the library: asyncio/events.py"""


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in small letters, names split at capitals and underscores; no names of packages.

    Examples
    --------
    >>> words_of("An HTTPServer's get_nowait raises asyncio.QueueEmpty")
    ('an', 's', 'get', 'nowait', 'raises', 'queue', 'empty')
    """
    kept = [word for word in WORD.findall(text) if not any(name in word.lower() for name in PACKAGES)]
    return tuple(part.lower() for word in kept for part in PART_OF_A_WORD.findall(word))


def read_package(library: Path, package: str) -> list[Document]:
    """Every docstring with a word, file by file, tests left out; none if the files are not there.

    Raises
    ------
    ValueError
        If a file is not Python.
    """
    documents = []
    for file in sorted((library / package).rglob("*.py")):
        module = file.relative_to(library)
        if not SKIPPED.isdisjoint(module.parts):
            continue
        try:
            tree = ast.parse(file.read_bytes())
        except SyntaxError as error:
            raise ValueError(f"{file} is not Python: {error.msg}, line {error.lineno}") from None
        texts = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
        rows = [words_of(text or "") for text in texts]
        documents += [Document(words, package, module.as_posix()) for words in rows if words]
    return documents


def read_library(library: Path | None = None) -> list[Document]:
    """The docstrings of all packages that are there as files.

    Raises
    ------
    ValueError
        If fewer than `LEAST_PACKAGES` are.
    """
    folder = Path(sysconfig.get_path("stdlib")) if library is None else library
    packages = [read_package(folder, package) for package in PACKAGES]
    found = [documents for documents in packages if documents]
    if len(found) < LEAST_PACKAGES:
        raise ValueError(
            f"{folder} holds the sources of {len(found)} of the packages {', '.join(PACKAGES)}; at least "
            f"{LEAST_PACKAGES} are expected: take a Python whose standard library is files"
        )
    return [document for documents in found for document in documents]


def parts_of_modules(sizes: Mapping[str, int], shares: Sequence[float] = SHARES) -> dict[str, int]:
    """Which part each module of a package goes to, by their sizes alone, in every run the same.

    From the largest on, each goes to the part that lacks most docstrings of its share.

    Examples
    --------
    >>> parts_of_modules({"events": 50, "tasks": 26, "locks": 14, "log": 10})
    {'events': 0, 'tasks': 2, 'locks': 1, 'log': 0}
    """
    lacking, parts = np.array(shares) * sum(sizes.values()), {}
    for module in sorted(sizes, key=lambda module: (-sizes[module], module)):
        parts[module] = int(lacking.argmax())
        lacking[parts[module]] -= sizes[module]
    return parts


def split_documents(documents: Sequence[Document]) -> tuple[list[Document], ...]:
    """Training part, validation part and held-out part; of equal docstrings the first is kept."""
    places: dict[str, int] = {}
    for package in dict.fromkeys(one.package for one in documents):
        places |= parts_of_modules(Counter(one.module for one in documents if one.package == package))
    ordered = sorted(documents, key=lambda one: places[one.module])  # stable: the training part comes first
    first = {one.words: one for one in reversed(ordered)}
    kept = [one for one in ordered if first[one.words] is one]
    return tuple([one for one in kept if places[one.module] == part] for part in range(len(SHARES)))
