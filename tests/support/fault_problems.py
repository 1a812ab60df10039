"""The small problems as cases, which the formula takes."""

import numpy as np

from numpy_attention.check.faults.small_problems import PROBLEMS
from tests.support.cases import Case


def case_of(problem):
    """A case; its mask says as an array, too, what it lets see."""
    case = Case(*problem.arrays, problem.d_out, **problem.options, **problem.cotangents)
    if case.mask is None:
        return case
    pairs = case.mask.array(*case.shape[-2:], heads=True)
    return case.but(mask=case.mask, pairs=np.broadcast_to(pairs, case.shape))


CASES = {problem.name: case_of(problem) for problem in PROBLEMS}
CALLS = {problem.name: problem.call for problem in PROBLEMS}
