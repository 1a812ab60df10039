"""train --workers: a run in the parts of its batches, and what is refused before any work."""

import pytest

from numpy_attention.cli import main
from numpy_attention.cli.workers import in_parts
from numpy_attention.files import read_json, read_npz
from tests.support.runs import settings_of

QUICK = ["train", "--epochs", "1", "--hidden-dim", "3", "--batch-size", "500"]


def refused(capsys, *words):
    assert main(list(words)) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    return error


def test_a_run_by_workers_is_that_of_one_process_in_parts(tmp_path, capsys, client):
    address = client.scheduler.address
    assert main([*QUICK, "--scheduler", address, "--out", str(tmp_path / "many")]) == 0
    assert capsys.readouterr().out.startswith("2 workers of dask, with one part of a batch at a time\n")
    assert read_json(tmp_path / "many" / "settings.json")["accumulate"] == 2
    assert main([*QUICK, "--accumulate", "2", "--out", str(tmp_path / "one")]) == 0
    many, one = (read_npz(tmp_path / name / "run.npz") for name in ("many", "one"))
    assert many.keys() == one.keys()
    assert all((many[name] == one[name]).all() for name in many)


def test_what_is_refused(tmp_path, capsys, peer):
    peer("distributed")
    assert refused(capsys, *QUICK, "--scheduler", "tcp://host:1", "--workers", "2").endswith(
        "--workers is 2 and --scheduler tcp://host:1; one of them is expected\n"
    )
    assert refused(capsys, *QUICK, "--scheduler", "here").endswith(
        "scheduler is 'here'; an address such as tcp://host:8786 is expected\n"
    )
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert refused(capsys, "train", "--resume", str(tmp_path), "--workers", "2").endswith(
        "have one part each, which workers cannot share; a run that was started with --workers, --scheduler "
        "or --accumulate is expected\n"
    )


@pytest.mark.parametrize("count", ["0", "1001", "many"])
def test_a_number_of_workers(count, capsys):
    assert "a whole number, at least 1 and at most 1000, is expected" in refused(
        capsys, *QUICK, "--workers", count
    )


def test_a_batch_has_as_many_parts_as_workers_unless_it_says_how_many():
    plain, three = settings_of(accumulate=None), settings_of(accumulate=3)
    assert [in_parts(plain, 2).accumulate, in_parts(three, 2).accumulate] == [2, 3]
    assert in_parts(plain, None) == plain
