"""Guess a candidate's arithmetic: the finest whose error bound holds the errors of its results."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..candidate.frameworks import CandidateArray
from ..cases.compare import ExpectedResults, compare_tensor, format_of
from ..cases.sensitivity import ReferenceCase
from ..reference.error_bounds import bounds
from ..rounding.error_analysis import BFLOAT16, FLOAT32, Arithmetic, Precision
from ..rounding.formats import ARITHMETICS, Roundoff


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
    right, arithmetic = reference.expected, guess.arithmetic
    near = bounds(reference.case, arithmetic, storage=guess.kept, blocks=right.blocks)
    return right._replace(bounded=near, roundoff=roundoff._replace(arithmetic=arithmetic))


def describe_guesses(steps: Mapping[str, int], roundoff: Roundoff) -> str:
    """The coarsest guess that any tensor needs, and the tensors that none explains."""
    guesses = precision_guesses(roundoff)
    explained = {name: step for name, step in steps.items() if step < len(guesses)}
    parts = [guesses[max(explained.values())].label] if explained else []
    if wrong := [name for name in steps if name not in explained]:
        parts.append(f"{', '.join(wrong)} not explained by rounding")
    return "; ".join(parts)
