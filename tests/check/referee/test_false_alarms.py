"""Right attentions pass, whatever they look like: a slice of benchmarks/false_alarms.py."""

import numpy as np

from benchmarks.false_alarms import numpy_programs, tried
from benchmarks.frameworks import HALVES, torch_formula, torch_library


def assert_no_alarm(found):
    for one in found:
        assert one.outcome != "FAIL", one.report
        assert one.ratio < 1, one
    assert np.median([one.ratio for one in found]) > 0.02, "a bound that is far too wide is a defect as well"


def test_numpy_programs_tile_by_tile():
    assert_no_alarm(list(numpy_programs(0, 8)))


def test_torch_in_every_dtype(peer):
    torch = peer("torch")
    found, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)  # small ones take longer with more
    for dtype in ("float64", "float32", "bfloat16", "float16"):
        rounding = {"arithmetic": dtype} if dtype in HALVES else {}
        asked = dict(mask="visible", causal="bottom_right", framework="torch")
        found.append(tried("the formula", torch_formula(torch), dtype, **asked, **rounding))
        found.append(tried("the library", torch_library(torch), dtype, causal="top_left", framework="torch"))
    torch.set_num_threads(threads)
    assert_no_alarm(found)
