"""A candidate is loaded by its address; errors say what is wrong with the address or the file."""

import pytest

from numpy_attention.check.candidate.loading import CandidateImportError, load


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="kernel_under_test.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def test_functions_pairs_and_methods_are_loaded_from_a_file(kernel):
    path = kernel(
        "import helper_of_the_kernel\n"
        "def attention(q, k, v): return 1\n"
        "def f_forward(): return 2\n"
        "def f_backward(): return 3\n"
        "class A:\n    apply = staticmethod(lambda: 4)\n"
    )
    kernel("", "helper_of_the_kernel.py")
    assert load(f"{path}:attention")(0, 0, 0) == 1
    assert [f() for f in load(f"{path}:f")] == [2, 3]
    assert [f() for f in load(f"{path}:f_forward")] == [2, 3]
    assert [f() for f in load(f"{path}:f_forward,f_backward")] == [2, 3]
    assert load(f"{path}:A.apply")() == 4


def test_a_pair_is_loaded_from_a_module():
    forward, _ = load("numpy_attention:attention")
    assert forward.__module__ == "numpy_attention.functional.attention.attention"


@pytest.mark.parametrize(
    "address, message",
    [
        ("attention", "FILE.py:NAME or MODULE:NAME is expected"),
        ("kernel.py:", "is expected"),
        ("numpy_attention:atention", "has no atention; did you mean attention?"),
        ("no_such_module_at_all:attention", "there is no module"),
        ("a b:attention", "neither a .py file nor the name of a module"),
        ("numpy_attention:a,b,c", "has no a"),
    ],
)
def test_a_wrong_address_is_refused(address, message):
    with pytest.raises(ValueError, match=message):
        load(address)


def test_a_missing_file_is_refused():
    with pytest.raises(FileNotFoundError):
        load("no_such_file.py:attention")


@pytest.mark.parametrize(
    "text, message",
    [
        ("x = 1\nimport no_such_module_at_all", r"ModuleNotFoundError: .* \(line 2\)"),
        ("def broken(:\n    pass", r"SyntaxError: .* \(line 1\)"),
        ("import sys\nsys.exit('no GPU')", r"SystemExit: no GPU \(line 2\)"),
    ],
)
def test_an_import_error_names_error_and_line(kernel, text, message):
    with pytest.raises(CandidateImportError, match=message):
        load(f"{kernel(text)}:attention")


def test_printing_on_import_is_discarded(kernel, capsys):
    load(f"{kernel('print(1)')}:__name__")
    assert capsys.readouterr().out == ""
