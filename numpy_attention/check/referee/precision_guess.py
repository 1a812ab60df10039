"""Guess a candidate's arithmetic: the finest whose error bound holds the errors of its results."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ..candidate.frameworks import CandidateArray, NumPy
from ..cases.compare import ExpectedResults, compare_tensor, format_of
from ..cases.sensitivity import ReferenceCase
from ..reference.error_bounds import bounds
from ..rounding.error_analysis import BFLOAT16, FLOAT32, Arithmetic, Precision
from ..rounding.formats import ARITHMETICS, Roundoff
from .control import Control, Planted
from .judging import CaseJudgement, judge_tensor


class PrecisionGuess(NamedTuple):
    """An arithmetic, its name in the report, and the precision of intermediate results between products."""

    label: str
    arithmetic: Arithmetic
    kept: Precision | None = None


def precision_guesses(roundoff: Roundoff) -> tuple[PrecisionGuess, ...]:
    """From fine to coarse; intermediate results may be as coarse as the storage format."""
    storage = roundoff.storage
    kept = storage.precision if storage.precision.u > FLOAT32.u else None
    float64, float32 = ARITHMETICS["float64"], ARITHMETICS["float32"]
    label = "float64" if storage.name == "float64" else "float64, rounded once"
    guesses = [PrecisionGuess(label, float64), PrecisionGuess("float32", float32)]
    if kept is not None:
        guesses.append(PrecisionGuess(f"float32, weights kept in {storage.name}", float32, kept))
    guesses.append(PrecisionGuess("products like TF32, sums like float32", ARITHMETICS["tf32"], kept))
    if storage.name == "float16":
        guesses.append(PrecisionGuess("float16 after every operation", ARITHMETICS["float16"], kept))
    products = Arithmetic(float32.precision, operands=BFLOAT16)
    guesses.append(PrecisionGuess("products like bfloat16, sums like float32", products, kept))
    guesses.append(PrecisionGuess("bfloat16 after every operation", ARITHMETICS["bfloat16"], BFLOAT16))
    return tuple(guesses)


def finest_guesses(
    runs: Iterable[tuple[ReferenceCase, Mapping[str, CandidateArray]]], roundoff: Roundoff
) -> dict[str, int]:
    """For each tensor, the finest of `precision_guesses` that explains its errors in every case.

    Parameters
    ----------
    runs : cases, each with a candidate's results by name.
    roundoff : that of the run.

    Returns
    -------
    Indices into `precision_guesses`; its length if none explains the tensor.
    """
    guesses = precision_guesses(roundoff)
    reached: dict[str, int] = {}
    for reference, tensors in runs:
        allowed: dict[int, ExpectedResults] = {}
        for name, array in tensors.items():
            right = getattr(reference.expected.values, name)
            if right is None or right.shape != array.numbers.shape:
                continue
            kept = format_of(array.dtype, roundoff.storage)
            step = reached.get(name, 0)
            while step < len(guesses):
                if step not in allowed:
                    allowed[step] = _expected(reference, guesses[step], roundoff)
                bound = allowed[step].allowed(name, kept)
                if compare_tensor(reference.case.name, name, array.numbers, right, bound, kept).ok:
                    break
                step += 1
            reached[name] = step
    return reached


def _expected(reference: ReferenceCase, guess: PrecisionGuess, roundoff: Roundoff) -> ExpectedResults:
    """The expected results with the error bounds of a guess."""
    return under(reference, roundoff._replace(arithmetic=guess.arithmetic), guess.kept).expected


def under(reference: ReferenceCase, roundoff: Roundoff, kept: Precision | None = None) -> ReferenceCase:
    """A case with the error bounds of another arithmetic; `kept` as in `PrecisionGuess`."""
    right = reference.expected
    near = bounds(reference.case, roundoff.arithmetic, storage=kept, blocks=right.blocks)
    return reference._replace(expected=right._replace(bounded=near, roundoff=roundoff))


def describe_guesses(steps: Mapping[str, int], roundoff: Roundoff) -> str:
    """The coarsest guess that any tensor needs, and the tensors that none explains."""
    guesses = precision_guesses(roundoff)
    explained = {name: step for name, step in steps.items() if step < len(guesses)}
    parts = [guesses[max(explained.values())].label] if explained else []
    if wrong := [name for name in steps if name not in explained]:
        parts.append(f"{', '.join(wrong)} not explained by rounding")
    return "; ".join(parts)


# ---------------------------------------------------------------------------- right, but only as coarser

FINE_TO_COARSE = ("float64", "float32", "tf32", "float16", "bfloat16")

IN_WORDS = {
    "float64": "float64",
    "float32": "float32 accumulation",
    "tf32": "products like TF32, sums like float32",
    "float16": "float16 after every operation",
    "bfloat16": "bfloat16 after every operation",
}
"""What an arithmetic is called in a verdict."""

MOST_BIAS = 0.7
"""Largest mean bias of wrong tensors that rounding may explain; a wrong factor gives 1."""

ENOUGH = 64
"""Elements from which on the bias of rounding errors is small."""


def coarser_arithmetics(roundoff: Roundoff) -> tuple[str, ...]:
    """The arithmetics that a right candidate may have besides the run's: all coarser ones, fine to coarse.

    Examples
    --------
    >>> from numpy_attention.check.rounding.formats import roundoff
    >>> coarser_arithmetics(roundoff("float32")), coarser_arithmetics(roundoff("float16"))
    (('tf32', 'bfloat16'), ('tf32', 'float16', 'bfloat16'))
    """
    if roundoff.name not in FINE_TO_COARSE:
        return ()
    coarser = FINE_TO_COARSE[FINE_TO_COARSE.index(roundoff.name) + 1 :]
    return tuple(name for name in coarser if name != "float16" or roundoff.storage.name == "float16")


def with_arithmetic(roundoff: Roundoff, name: str) -> Roundoff:
    """The same storage format with another arithmetic."""
    return roundoff._replace(arithmetic=ARITHMETICS[name], name=name)


def explaining_arithmetic(
    judged: Sequence[tuple[ReferenceCase, CaseJudgement]],
    roundoff: Roundoff,
    framework: NumPy,
    plant: Callable[[list[Planted], Roundoff], Control],
) -> str:
    """The finest coarser arithmetic under which every tensor of every case is right; "" if there is none.

    So that no mistake passes for rounding: the errors must have both signs; where the storage format is as
    fine as the run's arithmetic, every tensor must be too coarse for the latter, as a mistake in one gradient
    leaves the output exact; and the faults that `plant` plants in the same cases must be caught under the
    coarser bounds.
    """
    if not _looks_like_rounding(judged, roundoff):
        return ""
    with_results = [(reference, judgement) for reference, judgement in judged if judgement.tensors]
    worst_first = sorted(with_results, key=lambda each: -max(v.ratio for v in each[1].verdicts))
    for name in coarser_arithmetics(roundoff):
        coarser = with_arithmetic(roundoff, name)
        if any(judgement.problems_as(name) for _, judgement in judged):
            continue
        planted: list[Planted] = []
        for reference, judgement in worst_first:
            other = under(reference, coarser, coarser.kept)
            verdicts = [judge_tensor(other, n, x, framework, coarser) for n, x in judgement.tensors.items()]
            if any(verdict is not None and not verdict.ok for verdict in verdicts):
                break
            planted.append((other, [verdict.tensor for verdict in verdicts if verdict is not None]))
        else:
            if plant(planted, coarser).ok:
                return name
    return ""


def _looks_like_rounding(judged: Sequence[tuple[ReferenceCase, CaseJudgement]], roundoff: Roundoff) -> bool:
    """True if wrong numbers are as often too large as too small, and no judged tensor is exact alone."""
    biases: dict[str, list[float]] = {}
    seen = set()
    for _, judgement in judged:
        for verdict in judgement.verdicts if judgement.tensors else ():
            if not verdict.ok and verdict.reason:  # another shape
                return False
            if judgement.tensors[verdict.tensor].numbers.size < ENOUGH:
                continue
            seen.add(verdict.tensor)
            if not verdict.ok:
                biases.setdefault(verdict.tensor, []).append(verdict.bias)
    if not biases or any(abs(sum(each)) / len(each) > MOST_BIAS for each in biases.values()):
        return False
    return set(biases) == seen or roundoff.kept is not None
