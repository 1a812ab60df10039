"""The default limit follows the free memory of the machine and of its container."""

import sys

import pytest

from numpy_attention.check.candidate import memory_limit


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits the memory of a process")
@pytest.mark.parametrize("container, most", [("max\n", 6144), ("4096000\n", 3_072_000 // 1024)])
def test_three_quarters_of_the_free_memory(container, most, tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal: 9999 kB\nMemAvailable:    8192 kB\n")
    (tmp_path / "max").write_text(container)
    monkeypatch.setattr(memory_limit, "MEMINFO", str(tmp_path / "meminfo"))
    monkeypatch.setattr(memory_limit, "CGROUPS", (str(tmp_path / "max"), "/no/such/file"))
    monkeypatch.setattr(memory_limit, "GPU_DRIVERS", ())
    assert memory_limit.default_memory() == most * 1024


def test_no_limit_with_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_limit, "GPU_DRIVERS", (str(tmp_path),))
    assert memory_limit.default_memory() is None
