"""The docstrings of the library: read and never imported, split by module, without the names of packages."""

import sys
from collections import Counter

import pytest

from numpy_attention.tasks.words.library import (
    PACKAGES,
    Document,
    parts_of_modules,
    read_library,
    read_package,
    split_documents,
    words_of,
)


@pytest.fixture
def library(tmp_path):
    """A library of eight packages, each with a module of two docstrings and one of one."""
    for package in PACKAGES[:8]:
        folder = tmp_path / package
        (folder / "test").mkdir(parents=True)
        (folder / "one.py").write_text(
            f'"""Uses {package} well."""\ndef f():\n    """Return {package[:2]} f."""\n'
        )
        (folder / "two.py").write_text('class A:\n    """A class of 3."""\n1 / 0\n')
        (folder / "bare.py").write_text(f'"""{package}!"""\ndef f(): pass\n')
        (folder / "test" / "three.py").write_text('"""A test."""')
    return tmp_path


def test_docstrings_are_read_without_importing(library):
    before = set(sys.modules)
    assert read_package(library, "asyncio") == [
        Document(("uses", "well"), "asyncio", "asyncio/one.py"),
        Document(("return", "as", "f"), "asyncio", "asyncio/one.py"),
        Document(("a", "class", "of"), "asyncio", "asyncio/two.py"),
    ]
    assert len(read_library(library)) == 24
    assert set(sys.modules) == before


def test_no_word_names_a_package():
    assert words_of("urllib.request uses HTTPS_PORT and my_xmlrpc, an EMail") == (
        "request",
        "uses",
        "and",
        "an",
    )


def test_a_library_that_is_not_there_is_refused(library):
    for file in (library / "email").glob("*.py"):
        file.unlink()
    with pytest.raises(
        ValueError, match=r"holds the sources of 7 of the packages asyncio, email.* at least 8"
    ):
        read_library(library)


def test_a_file_that_is_not_python_is_named(library):
    (library / "http" / "two.py").write_text("def")
    with pytest.raises(ValueError, match=r"http.two\.py is not Python: invalid syntax, line 1"):
        read_library(library)


def test_every_module_is_in_one_part_and_every_part_has_its_share():
    parts = parts_of_modules({f"m{size}": size for size in range(1, 40)})
    sizes = Counter()
    for module, part in parts.items():
        sizes[part] += int(module[1:])
    assert [sizes[part] / 780 for part in range(3)] == pytest.approx([0.6, 0.15, 0.25], abs=0.01)


def test_equal_docstrings_are_kept_once_and_modules_are_not_split():
    rows = [Document((str(number),), "p", f"m{number % 7}") for number in range(60)]
    again = [Document(("0",), "q", f"n{number}") for number in range(5)]
    parts = split_documents(rows + again)
    assert sorted(int(one.words[0]) for part in parts for one in part) == [*range(60)]
    modules = [{one.module for one in part} for part in parts]
    assert all(modules)
    assert len(set.union(*modules)) == sum(map(len, modules))
