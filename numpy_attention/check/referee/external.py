"""Judge arrays computed elsewhere: export the cases, then compare the results."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from ...functional.base.admission import explained
from ..candidate.frameworks import Emulated, to_numpy
from ..cases.capabilities import Capabilities
from ..cases.cases import Case
from ..cases.compare import expected_results
from ..cases.profiles import references
from ..cases.sensitivity import ReferenceCase, sensitivities
from ..cases.specification import OPTIONS
from ..reference.oracle import Results
from ..rounding.formats import Roundoff, roundoff
from .conclusion import conclude
from .control import Control, Planted, run_control
from .judging import CaseJudgement, judge_tensor, other_dtypes
from .precision_guess import explaining_arithmetic
from .report import CandidateReport
from .versions import versions


@explained
def cases(
    profile: str = "smoke",
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
    profile, dtype, supports, causal, seed : as in `check_candidate`.
    limits : groups, unequal_lengths, unequal_widths, empty_rows (booleans), head_dims, length_multiple.

    Returns
    -------
    tuple of Case
        `case.arrays` holds all inputs by name, exact in dtype: query, key, value, d_out, and the options.

    Examples
    --------
    >>> [case.name for case in cases("simple", supports=["causal"])][:2]
    ['plain', 'causal alone']
    """
    if unknown := [name for name in limits if name not in Capabilities._fields]:
        raise TypeError(f"cases() has no {unknown[0]}; its limits are {', '.join(Capabilities._fields[1:8])}")
    capabilities = Capabilities(tuple(supports), corner=causal, dtype=dtype, seed=seed, **limits)
    return tuple(reference.case for reference in references(profile, capabilities, roundoff(dtype)))


@explained
def compare(arrays: Mapping[str, Any], case: Case, *, arithmetic: str | None = None) -> CandidateReport:
    """Judge the results of any program on a case.

    Parameters
    ----------
    arrays : any of out, lse, weights, d_query, d_key, d_value, d_bias, d_scale, d_sinks.
    case : the one of `cases` that the arrays were computed from.
    arithmetic : that of the computation, as in `check_candidate`.

    Returns
    -------
    CandidateReport
        For this case alone; faults that it cannot reveal are in `report.left_out`.

    Raises
    ------
    TypeError, ValueError
        If `case` is not a Case, or a name is unknown.

    Examples
    --------
    >>> from numpy_attention import attention
    >>> case = cases("simple", supports=[])[0]
    >>> compare({"out": attention(case.query, case.key, case.value)}, case).outcome
    'PASS'
    """
    if not isinstance(case, Case):
        raise TypeError(f"case is {type(case).__name__}; one of numpy_attention.cases() is expected")
    if unknown := [name for name in arrays if name not in Results._fields]:
        raise ValueError(f"arrays has {unknown[0]!r}; results are called {', '.join(Results._fields)}")
    rounding = roundoff(case.specification.dtype, arithmetic)
    right = expected_results(case, rounding)
    reference = ReferenceCase(case, right, sensitivities(case, right))
    numpy = Emulated()
    tensors = {name: to_numpy(x) for name, x in arrays.items()}
    verdicts = [judge_tensor(reference, name, x, numpy, rounding) for name, x in tensors.items()]
    judgement = CaseJudgement(tensors, tuple(verdict for verdict in verdicts if verdict is not None))
    faults = import_module("..faults", __package__).FAULTS
    setting = dict(
        dtype=rounding.storage.name, arithmetic=rounding.name, arithmetic_asked=arithmetic is not None,
        seed=case.specification.seed, options=list(case.specification.options),
    )  # fmt: skip

    def plant(cases: Sequence[Planted], rounding: Roundoff) -> Control:
        return run_control(cases, rounding, faults)

    control = plant([(reference, [verdict.tensor for verdict in judgement.verdicts])], rounding)
    hidden = dict.fromkeys(control.missed, "a fault that this case alone does not reveal")
    control = control._replace(missed=())
    judged = [(reference, judgement)]
    coarser = explaining_arithmetic(judged, rounding, numpy, plant)
    other = other_dtypes(tensors, case.format, numpy)
    notes = tuple(
        f"{name} came as {dtype}, and is judged as {case.format.name}" for name, dtype in other.items()
    )
    report = conclude(
        case.name, setting, judged, control, rounding, left_out=hidden, notes=notes, coarser=coarser
    )
    return report._replace(versions=versions("numpy"))
