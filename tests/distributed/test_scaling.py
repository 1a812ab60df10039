"""The benchmark: what it counts, and what it writes."""

import math
import sys

import numpy as np
import pytest

from numpy_attention.distributed.scaling import MIB, Scaled, ScaleProblem, largest_size, measure, table, write

ROW = Scaled("strong", 2, 4096, 4, 1024, 68, 0.01, 1.26, 2.5, 3.5, 12.4, 24.0, 147.0, 2.04, 1.0, 4e-7)


@pytest.fixture(scope="module")
def measured(client):
    return measure(client, ScaleProblem(length=137, chunk=40, heads=2, width=8, causal=True))


def test_tasks_are_those_of_the_tiles_that_are_seen(measured):
    """Four chunks: ten tiles each way, and what joins them, within the bits of float32."""
    rows, tiles = 4, 10
    forward = tiles + rows + 2 * rows  # a chain of four needs no merge
    backward = tiles + rows + 3 * 2 * rows  # each gradient takes its item out, and is finished
    assert measured.tasks == forward + backward
    assert measured.difference < 1e-5


def test_seconds_and_bytes_are_those_of_the_workers(measured):
    assert (measured.workers, measured.scaling) == (2, "strong")
    assert min(measured.forward_seconds, measured.backward_seconds, measured.processor_seconds) > 0
    assert measured.ring_mib == 3 * 2 * 4 * 2 * 137 * 8 / MIB
    assert 0 <= measured.moved_mib < 1
    assert measured.peak_mib > 20


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say how large a process was")
@pytest.mark.slow
def test_the_largest_size_of_a_process_is_its_own():
    before = largest_size()
    held = np.ones(int(before) // 7)  # eight bytes each: larger than all that was
    assert largest_size() > before
    del held


def test_nothing_beside_is_left_out(client):
    row = measure(client, ScaleProblem(length=11, chunk=5, heads=1, width=2), beside=False)
    assert math.isnan(row.fast_seconds)


def test_the_table():
    head, rule, row = table([ROW])
    assert len(head) == len(rule) == len(row)
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "strong", "2", "4,096", "4", "1,024", "68", "0.01", "1.3", "2.5", "3.5", "12", "24", "147", "2.0",
        "1.0", "4e-07",
    ]  # fmt: skip


def test_files(tmp_path, peer):
    peer("matplotlib")
    write(tmp_path / "new", [ROW, ROW._replace(scaling="weak")])
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == [
        "scale.csv", "scale.md", "scale.png", "scale.svg",
    ]  # fmt: skip
    assert (
        (tmp_path / "new" / "scale.csv")
        .read_text()
        .splitlines()[0]
        .startswith("scaling,workers,length,heads")
    )
    assert "<text" in (tmp_path / "new" / "scale.svg").read_text()  # words, as in a run's pictures
