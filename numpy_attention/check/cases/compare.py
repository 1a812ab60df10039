"""The comparison of one tensor with the reference: PASS, FAIL or INCONCLUSIVE, with its numbers."""

from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..pairs.calls import over
from ..reference.error_bounds import BLOCK, bounds
from ..reference.evaluation import results
from ..reference.inputs import Inputs
from ..reference.oracle import Results
from ..rounding.error_analysis import FLOAT64, Bounded, stored_error
from ..rounding.formats import FORMATS, Format, Roundoff

PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"

RESOLUTION = 2.0
"""A tensor is resolved if a number in it exceeds this multiple of its bound; else 0 would nearly pass."""


class ExpectedResults(NamedTuple):
    """The reference values of a case, and their error bounds before rounding to storage."""

    values: Results
    bounded: Results
    roundoff: Roundoff
    blocks: tuple[int, int] = (BLOCK, BLOCK)

    def allowed(self, tensor: str, kept: Format | None = None) -> Array:
        """The error bound of each element, once stored in the format `kept` (default: the run's)."""
        numbers: Bounded = getattr(self.bounded, tensor)
        kept = kept or self.roundoff.storage
        storage = max(kept.flushed, self.roundoff.storage.flushed) if tensor not in OWN else kept.flushed
        bound = np.asarray(stored_error(numbers, storage, self.roundoff.arithmetic.precision))
        return np.where(np.isfinite(numbers.value), bound, 0.0)


OWN = ("lse", "weights")
"""Tensors that may have another dtype than the inputs; they are judged in their own."""


def expected_results(
    inputs: Inputs, roundoff: Roundoff, blocks: tuple[int, int] = (BLOCK, BLOCK)
) -> ExpectedResults:
    """The reference values of a call, with the error bounds of a right candidate.

    In float64, the reference's own error bound is added.
    """
    values = results(inputs)
    bounded = bounds(inputs, roundoff.arithmetic, storage=roundoff.kept, blocks=blocks)
    if roundoff.arithmetic.u <= FLOAT64.u:
        own = bounds(inputs, FLOAT64, pinned=True)
        bounded = Results(*(None if x is None else Bounded(x.value, x.error + y.error)
                         for x, y in zip(bounded, own, strict=True)))  # fmt: skip
    return ExpectedResults(values, bounded, roundoff, blocks)


class Verdict(NamedTuple):
    """One tensor of one case.

    Parameters
    ----------
    ratio : the largest error, as a multiple of its bound.
    absolute, relative : the largest absolute error; the largest relative one, of elements above their bound.
    ulps : the median error in units in the last place.
    bias : Σ error away from 0, over Σ |error|: 1 if every magnitude is too large, -1 if too small.
    place, got, right, bound : the index of the largest error of those beyond their bound, or else of the
        largest ratio, with both values and the bound there.
    reason : why there are no numbers, or why they are inconclusive; "" otherwise.
    """

    case: str
    tensor: str
    verdict: str
    ratio: float = 0.0
    absolute: float = 0.0
    relative: float = 0.0
    ulps: float = 0.0
    bias: float = 0.0
    place: tuple[int, ...] = ()
    got: float = 0.0
    right: float = 0.0
    bound: float = 0.0
    reason: str = ""

    @property
    def ok(self) -> bool:
        """True unless it fails."""
        return self.verdict != FAIL

    @property
    def badness(self) -> tuple[bool, bool, float]:
        """The sort key of verdicts, worst last."""
        return self.verdict == FAIL, self.ratio != self.ratio or bool(self.reason), self.ratio


def compare_tensor(
    case: str, tensor: str, got: Any, right: Array, bound: Array, kept: Format, skip: Array | None = None
) -> Verdict:
    """Compare a tensor with the reference.

    Parameters
    ----------
    got, right, bound : the candidate's numbers, the reference's, and the bound on their difference.
    kept : the format in which the candidate stored its numbers.
    skip : True where nothing is compared.
    """
    got, right = np.asarray(got, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if got.shape != right.shape:
        return wrong_shape(case, tensor, got.shape, right.shape)
    if not got.size:
        return Verdict(case, tensor, PASS)
    with np.errstate(all="ignore"):
        return _compare_numbers(case, tensor, got, right, bound, kept, skip)


def wrong_shape(case: str, tensor: str, got: tuple[int, ...], right: tuple[int, ...]) -> Verdict:
    """The verdict on a tensor of another shape than the reference's."""
    return Verdict(case, tensor, FAIL, np.inf, reason=f"has shape {got}; {right} is expected")


def _compare_numbers(
    case: str, tensor: str, got: Array, right: Array, bound: Array, kept: Format, skip: Array | None
) -> Verdict:
    same = (got == right) | (np.isnan(got) & np.isnan(right))
    beyond = np.abs(right) + bound > kept.largest  # may round to infinity
    same |= beyond & np.isinf(got) & (np.sign(got) == np.sign(right))
    if skip is not None:
        same |= skip
    error = np.where(same, 0.0, got - right)
    ratios = np.where(same, 0.0, over(np.abs(error), bound))
    ratios = np.where(np.isnan(ratios), np.inf, ratios)  # NaN, or infinite, on one side only
    size = np.abs(error)
    ratio = float(ratios.max())
    wrong = np.where(ratios > 1, np.nan_to_num(size, nan=np.inf), -1.0)  # largest, hence readable
    place = np.unravel_index(np.argmax(ratios if ratio <= 1 else wrong), ratios.shape)
    finite = np.isfinite(error)
    total = float(size[finite].sum())
    toward = float((error * np.sign(right))[finite].sum())
    relative = np.where(same | (np.abs(right) <= bound), 0.0, size / np.abs(right))
    resolved = not right.any() or bool((np.abs(right) > RESOLUTION * bound).any())
    return Verdict(
        case,
        tensor,
        FAIL if not ratio <= 1 else PASS if resolved else INCONCLUSIVE,
        ratio,
        float(np.where(np.isfinite(size), size, np.inf).max()),
        float(np.nan_to_num(relative, nan=np.inf).max()),
        float(np.median(np.nan_to_num(size, nan=np.inf) / kept.spacing(right))),
        toward / total if total else 0.0,
        tuple(int(n) for n in place),
        float(got[place]),
        float(right[place]),
        float(np.broadcast_to(bound, got.shape)[place]),
        "" if resolved else "the error bound is as large as the numbers themselves",
    )


def format_of(dtype: str, otherwise: Format) -> Format:
    """The format with the name of a dtype, or `otherwise`."""
    return FORMATS.get(dtype, otherwise)
