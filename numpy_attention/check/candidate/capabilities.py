"""Find a candidate's framework and the shapes it accepts, by calling it on small cases."""

from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from ..cases.drawing import draw_case
from ..cases.profiles import Capabilities
from ..cases.specification import Specification
from ..reference.inputs import Shape
from ..rounding.formats import FORMATS
from .candidate import Candidate, CandidateOutput
from .frameworks import Jax, NumPy, get_framework, loaded_frameworks
from .sandbox import SandboxResult, run_sandboxed


class Constraints(NamedTuple):
    """The sizes that a candidate accepts, its framework and its device, as stated by the user."""

    head_dims: tuple[int, ...] = ()
    length_multiple: int = 1
    empty_rows: bool = True
    framework: str | None = None
    device: str | None = None


class ProbeResult(NamedTuple):
    """Framework, capabilities, reasons for what is left out; `failure` if every first call failed."""

    framework: NumPy
    capabilities: Capabilities
    left_out: dict[str, str]
    notes: tuple[str, ...] = ()
    failure: str = ""


def probe(
    candidate: Candidate, constraints: Constraints, dtype: str, seed: int, timeout: float
) -> ProbeResult:
    """Call a candidate on a plain case, then with grouped heads, L != S and D != E."""
    m, width = constraints.length_multiple, (constraints.head_dims or (4,))[0]
    L = 5 if m == 1 else m
    capabilities = Capabilities(
        candidate.options, corner=candidate.convention.causal, empty_rows=constraints.empty_rows,
        head_dims=constraints.head_dims, length_multiple=m, dtype=dtype, seed=seed,
    )  # fmt: skip
    plain = Shape(2, 2, 2, L, L, width, width)
    framework, failure = _find_framework(candidate, constraints, plain, dtype, timeout)
    left_out = dict(candidate.left_out)
    if failure:
        return ProbeResult(framework, capabilities, left_out, failure=failure)
    notes: tuple[str, ...] = ()
    if isinstance(framework, Jax) and framework.dtype(FORMATS[dtype]) != dtype:
        notes = ("jax without x64 turns float64 into float32: judged in float32 (set JAX_ENABLE_X64=1)",)
        capabilities = capabilities._replace(dtype=framework.dtype(FORMATS[dtype]))
    for feature, label, shape in (
        ("groups", "grouped heads", Shape(2, 4, 2, L, L, width, width)),
        ("unequal_lengths", "L != S", Shape(2, 2, 2, L, 2 * L, width, width)),
        ("unequal_widths", "D != E", Shape(2, 2, 2, L, L, width, width - 1)),
    ):
        unsupported: dict[str, Any] = {feature: False}
        if feature == "unequal_widths" and constraints.head_dims:
            capabilities = capabilities._replace(**unsupported)
        elif failure := _try_call(candidate, framework, shape, capabilities.dtype, timeout).failure:
            capabilities = capabilities._replace(**unsupported)
            left_out[label] = failure
    banded = {"causal", "window"} & set(capabilities.options)
    aligned = capabilities.corner is not None or "q_offset" in capabilities.options
    if banded and capabilities.unequal_lengths and not aligned:
        reason = "alignment unknown: set --causal to top_left or bottom_right"
        left_out[" and ".join(sorted(banded)) + " with L != S"] = reason
    return ProbeResult(framework, capabilities, left_out, notes)


def _find_framework(
    candidate: Candidate, constraints: Constraints, shape: Shape, dtype: str, timeout: float
) -> tuple[NumPy, str]:
    """The first framework whose arrays the candidate accepts and returns, and "" or the first failure."""
    names = (constraints.framework,) if constraints.framework else _frameworks_to_try(candidate)
    failures = {}
    for name in names:
        framework = get_framework(name, constraints.device)
        result = _try_call(candidate, framework, shape, dtype, timeout)
        if result.failure:
            failures[name] = result.failure
            if result.hung:
                break
            continue
        output: CandidateOutput = result.value
        returned = output.framework
        if returned != name and returned in loaded_frameworks() and not constraints.framework:
            framework = get_framework(returned, constraints.device)
            if failure := _try_call(candidate, framework, shape, dtype, timeout).failure:
                failures.setdefault(framework.name, failure)
                continue
        return framework, ""
    first = next(iter(failures))
    return get_framework(first, constraints.device), failures[first]


def _frameworks_to_try(candidate: Candidate) -> tuple[str, ...]:
    """The loaded frameworks, with those that the candidate's own module uses first."""
    own = [*getattr(candidate.function, "__globals__", {}).values()]
    own += [cell.cell_contents for cell in getattr(candidate.function, "__closure__", None) or ()]
    used = {x.__name__.partition(".")[0] for x in own if isinstance(x, ModuleType)}
    owner = type(candidate.function).__module__, getattr(candidate.function, "__module__", None)
    used |= {str(name).partition(".")[0] for name in owner}
    others = [name for name in loaded_frameworks() if name != "numpy"]
    first = [name for name in others if name in used]
    return (*first, "numpy", *(name for name in others if name not in first))


def _try_call(
    candidate: Candidate, framework: NumPy, shape: Shape, dtype: str, timeout: float
) -> SandboxResult:
    case = draw_case(Specification("a first call", shape, dtype=dtype))
    return run_sandboxed(partial(candidate.call, case, framework), timeout)
