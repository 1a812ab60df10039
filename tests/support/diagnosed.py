"""Judged cases of a candidate whose results are the right ones, changed by a function."""

import numpy as np

from numpy_attention.check.candidate.frameworks import CandidateArray, get_framework
from numpy_attention.check.cases.sensitivity import reference_case
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.referee.diagnosis.evidence import evidence_of
from numpy_attention.check.referee.judging import CaseJudgement, judge_tensor
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import roundoff

NUMPY = get_framework("numpy")
RETURNED = ("out", "d_query", "d_key", "d_value")
SHAPES = (Shape(2, 2, 2, 5, 7, 4, 3), Shape(2, 3, 3, 6, 11, 5, 3), Shape(3, 4, 2, 4, 8, 9, 2))


def judged_with(change, returned=RETURNED, options=(), shapes=SHAPES):
    """(reference, judgement) of each shape, a tensor being change(name, right numbers, case)."""
    rounding, judged = roundoff("float32"), []
    for shape in shapes:
        spec = Specification(f"of {shape.S} keys", shape, options, dtype="float32")
        reference = reference_case(spec, rounding)
        tensors = {}
        for name in returned:
            right = np.array(getattr(reference.expected.values, name), dtype=np.float64)
            changed = change(name, right, reference.case)
            tensors[name] = CandidateArray(np.asarray(changed, dtype=np.float32).astype(float), "float32")
        verdicts = tuple(judge_tensor(reference, n, x, NUMPY, rounding) for n, x in tensors.items())
        judged.append((reference, CaseJudgement(tensors, verdicts)))
    return judged


def observed(change, **options):
    """The evidence of such cases."""
    return evidence_of(judged_with(change, **options), roundoff("float32"), NUMPY)
