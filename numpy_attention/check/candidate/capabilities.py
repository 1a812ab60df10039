"""What a candidate can be asked, found out by calling it: its framework, and which shapes it takes."""

from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from ..cases.cases import Shape, Specification, draw_case
from ..cases.profiles import Capabilities
from ..rounding.formats import FORMATS
from .candidate import Candidate, Outcome
from .frameworks import Jax, NumPy, framework, present
from .sandbox import Ran, run


class Limits(NamedTuple):
    """What a user says of the sizes that a candidate takes, and where it runs."""

    head_dims: tuple[int, ...] = ()
    length_multiple: int = 1
    empty_rows: bool = True
    framework: str | None = None
    device: str | None = None


class Explored(NamedTuple):
    """A candidate's framework and reach, what is left out and why; or what went wrong at the first call."""

    framework: NumPy
    reach: Capabilities
    left_out: dict[str, str]
    notes: tuple[str, ...] = ()
    failure: str = ""


SHAPES = {
    "groups": "grouped heads",
    "unequal_lengths": "L != S",
    "unequal_widths": "D != E",
}


def explore(candidate: Candidate, limits: Limits, dtype: str, seed: int, timeout: float) -> Explored:
    """Call a candidate on small cases, to learn what can be asked of it."""
    m, width = limits.length_multiple, (limits.head_dims or (4,))[0]
    L = 5 if m == 1 else m
    reach = Capabilities(
        candidate.options, corner=candidate.said.causal, empty_rows=limits.empty_rows,
        head_dims=limits.head_dims, length_multiple=m, dtype=dtype, seed=seed,
    )  # fmt: skip
    own, failure = _framework(candidate, limits, Shape(2, 2, 2, L, L, width, width), dtype, timeout)
    left_out = dict(candidate.left_out)
    if failure:
        return Explored(own, reach, left_out, failure=failure)
    notes: tuple[str, ...] = ()
    if isinstance(own, Jax) and own.dtype(FORMATS[dtype]) != dtype:
        notes = ("jax runs without x64, and makes float32 of float64: judged in float32 (JAX_ENABLE_X64=1)",)
        reach = reach._replace(dtype=own.dtype(FORMATS[dtype]))
    shapes = {
        "groups": Shape(2, 4, 2, L, L, width, width),
        "unequal_lengths": Shape(2, 2, 2, L, 2 * L, width, width),
        "unequal_widths": Shape(2, 2, 2, L, L, width, width - 1),
    }
    for feature, shape in shapes.items():
        if feature == "unequal_widths" and limits.head_dims:
            reach = reach._replace(unequal_widths=False)
            continue
        ran = _tried(candidate, own, shape, reach.dtype, timeout)
        if ran.told:
            less: dict[str, Any] = {feature: False}
            reach = reach._replace(**less)
            left_out[SHAPES[feature]] = ran.told
    diagonal = {"causal", "window"} & set(reach.options)
    if diagonal and reach.corner is None and reach.unequal_lengths and "q_offset" not in reach.options:
        told = "where the diagonal lies was not said: --causal top_left or bottom_right"
        left_out[" and ".join(sorted(diagonal)) + " with L != S"] = told
    return Explored(own, reach, left_out, notes)


def _framework(
    candidate: Candidate, limits: Limits, shape: Shape, dtype: str, timeout: float
) -> tuple[NumPy, str]:
    """The framework whose arrays it takes and returns, and why there is none if there is none."""
    names = (limits.framework,) if limits.framework else _likely(candidate)
    failures = {}
    for name in names:
        own = framework(name, limits.device)
        ran = _tried(candidate, own, shape, dtype, timeout)
        if ran.told:
            failures[name] = ran.told
            if ran.hung:
                break
            continue
        outcome: Outcome = ran.value
        if outcome.framework != name and outcome.framework in present() and not limits.framework:
            own = framework(outcome.framework, limits.device)
            if told := _tried(candidate, own, shape, dtype, timeout).told:
                failures.setdefault(own.name, told)
                continue
        return own, ""
    first = next(iter(failures))
    return framework(first, limits.device), failures[first]


def _likely(candidate: Candidate) -> tuple[str, ...]:
    """The frameworks to try: those first that the candidate's own file has imported."""
    own = [*getattr(candidate.function, "__globals__", {}).values()]
    own += [cell.cell_contents for cell in getattr(candidate.function, "__closure__", None) or ()]
    used = {x.__name__.partition(".")[0] for x in own if isinstance(x, ModuleType)}
    owner = type(candidate.function).__module__, getattr(candidate.function, "__module__", None)
    used |= {str(name).partition(".")[0] for name in owner}
    others = [name for name in present() if name != "numpy"]
    first = [name for name in others if name in used]
    return (*first, "numpy", *(name for name in others if name not in first))


def _tried(candidate: Candidate, own: NumPy, shape: Shape, dtype: str, timeout: float) -> Ran:
    case = draw_case(Specification("a first call", shape, dtype=dtype))
    return run(partial(candidate.call, case, own), timeout)
