"""What arithmetic a candidate's errors look like: the finest whose bound holds them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..cases.compare import ExpectedResults, compare_tensor, format_of
from ..cases.sensitivity import ReferenceCase
from ..reference.error_bounds import bounds
from ..reference.oracle import Inputs
from ..rounding.error_analysis import BFLOAT16, FLOAT32, Arithmetic, Precision
from ..rounding.formats import ARITHMETICS, Roundoff

NOTHING = "nothing that rounding explains"


class Guess(NamedTuple):
    """An arithmetic, in words."""

    told: str
    arithmetic: Arithmetic
    kept: Precision | None = None


def guesses(roundoff: Roundoff) -> tuple[Guess, ...]:
    """From fine to coarse. What is kept between two products may be as coarse as the results are."""
    storage = roundoff.storage
    kept = storage.precision if storage.precision.u > FLOAT32.u else None
    float32 = ARITHMETICS["float32"]
    found = [Guess("float64, rounded once", ARITHMETICS["float64"]), Guess("float32", float32)]
    if storage.name == "float64":
        found[0] = Guess("float64", ARITHMETICS["float64"])
    if kept is not None:
        found.append(Guess(f"float32, weights kept in {storage.name}", float32, kept))
    found.append(Guess("products like TF32, sums like float32", ARITHMETICS["tf32"], kept))
    if storage.name == "float16":
        found.append(Guess("float16 after every operation", ARITHMETICS["float16"], kept))
    products = Arithmetic(ARITHMETICS["float32"].precision, operands=BFLOAT16)
    found.append(Guess("products like bfloat16, sums like float32", products, kept))
    found.append(Guess("bfloat16 after every operation", ARITHMETICS["bfloat16"], BFLOAT16))
    return tuple(found)


def effective(runs: Iterable[tuple[ReferenceCase, Mapping[str, Any]]], roundoff: Roundoff) -> dict[str, int]:
    """For each tensor, which of `guesses` is the finest that explains it in every case.

    Parameters
    ----------
    runs : cases, and what a candidate made of them: Taken by name.
    roundoff : that of the run.

    Returns
    -------
    The place in `guesses`, or behind its end if none explains the tensor.
    """
    ladder = guesses(roundoff)
    reached: dict[str, int] = {}
    for proof, tensors in runs:
        allowed: dict[int, ExpectedResults] = {}
        for name, taken in tensors.items():
            right = getattr(proof.expected.values, name)
            if right is None or right.shape != taken.numbers.shape:
                continue
            kept = format_of(taken.dtype, roundoff.storage)
            step = reached.get(name, 0)
            while step < len(ladder):
                if step not in allowed:
                    allowed[step] = _expected(proof.case.inputs, proof.expected, ladder[step], roundoff)
                bound = allowed[step].allowed(name, kept)
                if compare_tensor(proof.case.name, name, taken.numbers, right, bound, kept).ok:
                    break
                step += 1
            reached[name] = step
    return reached


def _expected(inputs: Inputs, right: ExpectedResults, guess: Guess, roundoff: Roundoff) -> ExpectedResults:
    near = bounds(inputs, guess.arithmetic, storage=guess.kept, blocks=right.blocks)
    return right._replace(near=near, roundoff=roundoff._replace(arithmetic=guess.arithmetic))


def told(found: Mapping[str, int], roundoff: Roundoff) -> str:
    """In one sentence: the coarsest that any tensor needs, and the tensors that none explains."""
    ladder = guesses(roundoff)
    explained = {name: step for name, step in found.items() if step < len(ladder)}
    wrong = [name for name in found if name not in explained]
    words = [ladder[max(explained.values())].told] if explained else []
    return "; ".join(words + ([f"{', '.join(wrong)} like {NOTHING}"] if wrong else []))
