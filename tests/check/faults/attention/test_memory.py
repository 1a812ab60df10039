"""What a fault does to memory that is not its own, a run of the referee sees, in every dtype."""

import pytest

from numpy_attention.check.faults import FAULTS
from numpy_attention.check.referee.referee import check_candidate

MEMORY = [fault for fault in FAULTS if fault.family == "memory"]
SAID = {
    "cotangent-changed-in-place": "changes its input d_out",
    "gradient-over-its-argument": "changes its input query",
    "gradients-in-one-workspace": "overwrites the d_query that an earlier call returned",
    "gradients-accumulated": None,
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("fault", MEMORY, ids=[fault.name for fault in MEMORY])
def test_the_referee_says_what_it_does(fault, dtype):
    report = check_candidate(tuple(fault.pair), dtype=dtype, faults=())
    assert report.outcome == "FAIL"
    said = SAID[fault.name]
    assert said is None or said in {problem.what for problem in report.problems}
