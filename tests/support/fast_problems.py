"""Workloads of `fast_attention`, for tests of its modules."""

from numpy_attention.functional.fast.plan import FastSettings, workload_of
from numpy_attention.functional.fast.stack import RowBlock
from numpy_attention.functional.tiled.tiling import admit_tiled


def problem_of(query, key, value, **options):
    names = ("mask", "bias", "scale", "softcap", "sinks", "dropout")
    return admit_tiled(query, key, value, *(options.get(name) for name in names))


def workload(query, key, value, block=None, **options):
    return workload_of(problem_of(query, key, value, **options), FastSettings(block, None))


def row_block(work, rows=None):
    """All groups and members, with these rows or all."""
    N, n, L, _ = work.stack.query.shape
    return RowBlock(slice(0, N), slice(0, n), slice(0, L) if rows is None else rows)
