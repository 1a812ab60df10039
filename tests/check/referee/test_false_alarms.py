"""The referee passes correct attentions of many forms: a small part of benchmarks/false_alarms.py."""

import numpy as np
import pytest

from benchmarks.false_alarms import judge, numpy_programs
from benchmarks.frameworks import HALVES, torch_formula, torch_library


def assert_no_alarm(judged):
    for each in judged:
        assert each.outcome != "FAIL", each.report
        assert each.ratio < 1, each
    assert np.median([each.ratio for each in judged]) > 0.02, "the tolerance is far too wide"


def test_numpy_programs_tile_by_tile():
    assert_no_alarm(list(numpy_programs(0, 5, "simple")))


@pytest.mark.slow
def test_numpy_programs_under_every_condition():
    assert_no_alarm(list(numpy_programs(0, 6)))


def test_torch_in_every_dtype(peer):
    torch = peer("torch")
    judged, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)  # faster for small problems
    library = dict(causal="top_left", framework="torch", profile="simple")
    for dtype in ("float64", "float32", "bfloat16", "float16"):
        rounding = {"arithmetic": dtype} if dtype in HALVES else {}
        options = dict(mask="visible", causal="bottom_right", framework="torch", profile="simple")
        judged.append(judge("the formula", torch_formula(torch), dtype, **options, **rounding))
        judged.append(judge("the library", torch_library(torch), dtype, **library))
    torch.set_num_threads(threads)
    assert_no_alarm(judged)
