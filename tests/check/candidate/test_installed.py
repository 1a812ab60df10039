"""The names of what is installed: known ones load, others are answered with the list."""

import pytest

from numpy_attention.check.candidate.installed import INSTALLED, Installed, find_installed
from numpy_attention.check.candidate.loading import CandidateImportError
from numpy_attention.check.referee.referee import check_candidate


def test_names_are_unique_and_have_no_colon():
    names = [row.name for row in INSTALLED]
    assert len(set(names)) == len(names)
    assert not any(":" in name or name.endswith(".py") for name in names)
    assert find_installed("kernel.py:attention") is None


def test_an_unknown_name_is_answered_with_the_list():
    with pytest.raises(ValueError, match=r"did you mean 'torch.sdpa'\?\); FILE.py:NAME, .*jax.dot"):
        find_installed("torch.spda")


def test_what_is_not_installed_is_said():
    row = Installed("a.b", ("numpy", "no_such_package"), {}, lambda: max)
    assert row.versions == "no_such_package not installed"
    with pytest.raises(ValueError, match="needs numpy and no_such_package; no_such_package not installed"):
        row.load()
    assert row._replace(packages=("numpy",)).load() is max


def test_an_adapter_that_fails_is_an_import_error():
    row = Installed("a.b", ("numpy",), {}, lambda: max())
    with pytest.raises(CandidateImportError, match="cannot be imported: TypeError"):
        row.load()


@pytest.mark.parametrize("row", INSTALLED, ids=lambda row: row.name)
def test_an_installed_attention_passes(row, peer):
    for package in row.packages:
        peer(package)
    # docs/found.md: four of them do not give 0 where nothing may be attended to
    report = check_candidate(row.name, profile="simple", repeat=1, empty_rows=False)
    assert report.outcome == "PASS", report
