"""Limit the memory that this process may allocate, so that a candidate without end gets a MemoryError.

Only on Linux, and not where a CUDA or ROCm driver is loaded: it reserves far more than it uses.
"""

import os
import re
import sys
from pathlib import Path

GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd")
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
MEMINFO = "/proc/meminfo"
SHARE = 0.75


def default_memory() -> int | None:
    """Three quarters of the free memory of this machine, or of its container; in bytes, None for no limit.

    Examples
    --------
    >>> memory = default_memory()
    >>> memory is None or memory > 0
    True
    """
    if not sys.platform.startswith("linux") or any(map(os.path.exists, GPU_DRIVERS)):
        return None
    sizes = [1024 * n for n in _numbers(MEMINFO, r"MemAvailable: *(\d+) kB")]
    sizes += [n for file in CGROUPS for n in _numbers(file, r"^(\d+)$")]  # "max" is no limit
    return int(SHARE * min(sizes)) if sizes else None


def _numbers(file: str, pattern: str) -> list[int]:
    try:
        return [int(number) for number in re.findall(pattern, Path(file).read_text(encoding="ascii"))]
    except OSError:
        return []


def limit_memory(memory: int | None) -> None:
    """Let this process allocate at most this many bytes; None for no limit."""
    if memory is None or not sys.platform.startswith("linux"):
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
