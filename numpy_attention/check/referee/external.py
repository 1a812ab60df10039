"""Numbers from anywhere: the cases are given out, computed by whatever it may be, and brought back."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from ..candidate.capabilities import Explored
from ..candidate.frameworks import NumPy, taken
from ..cases.cases import OPTIONS, Case
from ..cases.compare import expected_results
from ..cases.profiles import Capabilities, profile
from ..cases.sensitivity import ReferenceCase, reference_case, sensitivities
from ..reference.oracle import Results
from ..rounding.formats import roundoff
from .conclusion import concluded
from .control import control
from .judging import Judged, judge_tensor
from .report import NOT_JUDGED, CandidateReport


def cases(
    name: str = "smoke",
    *,
    dtype: str = "float32",
    supports: Iterable[str] = OPTIONS,
    causal: str | None = None,
    seed: int = 0,
    **limits: Any,
) -> tuple[Case, ...]:
    """The cases of a profile, to be computed elsewhere and judged by `compare`.

    Parameters
    ----------
    name : "smoke" or "full".
    dtype, supports, causal, seed : as in `check_candidate`.
    limits : groups, unequal_lengths, unequal_widths, empty_rows (booleans), head_dims, length_multiple.

    Returns
    -------
    tuple of Case
        `case.arrays` holds everything by name, exact in dtype: query, key, value, d_out, and the options.

    Examples
    --------
    >>> [case.name for case in cases(supports=["causal"])][:2]
    ['plain', 'everything']
    """
    reach = Capabilities(tuple(supports), corner=causal, dtype=dtype, seed=seed, **limits)
    return tuple(reference_case(spec, roundoff(dtype)).case for spec in profile(name, reach))


def compare(arrays: Mapping[str, Any], case: Case, *, arithmetic: str | None = None) -> CandidateReport:
    """Judge arrays that came from anywhere against a case.

    Parameters
    ----------
    arrays : out, lse, weights, d_query, d_key, d_value, d_bias, d_scale, d_sinks, as far as they are there.
    case : one of `cases`, whose arrays were computed with.
    arithmetic : what was computed in; as in `check_candidate`.

    Returns
    -------
    CandidateReport
        Of this case alone; what it cannot show is in `report.left_out`.

    Raises
    ------
    TypeError, ValueError
        For a case that is none, and names that are not known.

    Examples
    --------
    >>> from numpy_attention import attention
    >>> case = cases(supports=[])[0]
    >>> compare({"out": attention(case.query, case.key, case.value)}, case).outcome
    'PASS'
    """
    if not isinstance(case, Case):
        raise TypeError(f"case is {type(case).__name__}; one of numpy_attention.cases() is expected")
    if strange := [name for name in arrays if name not in Results._fields]:
        raise ValueError(f"{strange[0]!r} is no result of attention; there are {', '.join(Results._fields)}")
    rounds = roundoff(case.specification.dtype, arithmetic)
    right = expected_results(case.inputs, rounds)
    proof = ReferenceCase(case, right, sensitivities(case, right))
    numpy = NumPy()
    tensors = {name: taken(x) for name, x in arrays.items()}
    verdicts = [judge_tensor(proof, name, x, numpy, rounds) for name, x in tensors.items()]
    judged = Judged(tensors, tuple(verdict for verdict in verdicts if verdict is not None))
    planted = import_module("..faults", __package__).FAULTS
    setting = dict(dtype=rounds.storage.name, arithmetic=rounds.name, options=list(case.features))
    controlled = control([proof], tuple(tensors), rounds, planted)
    unshown = dict.fromkeys(controlled.missed, "a mistake that this case alone does not show")
    report = CandidateReport(case.name, setting, NOT_JUDGED, "", control=controlled._replace(missed=()))
    explored = Explored(numpy, Capabilities(), unshown)
    return concluded(report, [proof], [judged], explored, rounds)
