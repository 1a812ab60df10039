"""Tell a refusal from a fault: an exception by which a candidate declines a call that it does not support.

NotImplementedError always declines. ValueError, TypeError, RuntimeError and AssertionError decline a
combination of options, sizes, layouts or gradients, if no result came before and the exception does not
depend on the numbers, on chance, or on other calls.
"""

from ..cases.cases import Case
from ..cases.drawing import draw_case
from ..cases.specification import Specification
from .candidate import Candidate
from .frameworks import NumPy
from .sandbox import CandidateError, SandboxResult, message_of

REFUSALS = (ValueError, TypeError, RuntimeError, AssertionError)
"""The exceptions by which kernels refuse arguments."""

CALLS = ("called before", "in threads")
"""Modes that no candidate may refuse: they only add other calls."""


def refusal(candidate: Candidate, case: Case, result: SandboxResult, framework: NumPy, timeout: float) -> str:
    """The reason if a candidate has declined a case; "" for a fault, or a success."""
    error = result.error
    if isinstance(error, NotImplementedError):
        return message_of(error) or "NotImplementedError"
    if result.hung or not may_refuse(error):
        return ""
    spec = case.specification
    usual = _usual(spec)
    if candidate.run(draw_case(usual), framework, timeout).error is None:
        return ""  # it depends on the numbers, on other calls, or on chance
    return result.failure


def may_refuse(error: BaseException | None) -> bool:
    """True for an exception that refuses arguments, raised before any result."""
    if isinstance(error, CandidateError) or getattr(error, "after_result", False):
        return False
    return isinstance(error, REFUSALS)


def _usual(spec: Specification) -> Specification:
    """The same call with ordinary numbers, and without other calls."""
    mode = "all gradients" if spec.mode in CALLS else spec.mode
    return spec._replace(inputs="normal", cotangent="normal", mode=mode)
