"""What can be read from a result before its numbers are compared: its dtype, its shape, parts left 0.

`read` finds it. Where the right numbers would look the same after it, nothing else is wrong; if not, mistakes
are compared as they would look after it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ...check.candidate.frameworks import CandidateArray
from ...check.cases.compare import compare_tensor
from ...check.outside.outcome import JudgedCase
from ...functional.base.admission import Array
from ...functional.base.wording import counted
from .changes import DTYPE
from .mistake import Mistake, as_sentence
from .unfinished import CASTS, LEFT, PARTS, left

SHAPE, CANCEL, ROUNDED = "the wrong shape", "terms that cancel", "digits are rounded away"
NARROW = {"float32": 1e-5, "float16": 1e-2}
"""Share of the largest number by which a whole computation in a narrower dtype may be off."""


class Surface(NamedTuple):
    """What is seen of one result, as a kind and a sentence; `of` does the same to other numbers.

    `left_open` is the share of a deviation that a mistake seen through it may leave open, `share` that of the
    largest number by which right numbers may be off.
    """

    tensor: str
    kind: str
    words: str
    of: Callable[[Array], Array]
    left_open: float = 1e-6
    share: float = 0.0

    def seen(self, mistake: Mistake) -> Mistake:
        """A mistake as it looks through it."""

        def solve(case: JudgedCase) -> dict[str, Array]:
            found = mistake.results(case)
            return found | {self.tensor: self.of(found[self.tensor])}

        return Mistake(mistake.kind, mistake.name, solve, mistake.changes)

    def of_right(self) -> Mistake:
        """The right results as they look through it."""
        return self.seen(Mistake(self.kind, self.words, lambda case: dict(case.expected.values)))


def is_all(judged: Sequence[JudgedCase], surface: Surface) -> bool:
    """True if nothing else is wrong: the numbers are right but for the digits that the dtype lacks."""
    low, high = (1e-4, 6e4) if surface.share > 1e-3 else (1e-37, 1e38)  # beyond, numbers vanish or are inf
    every = failing(judged, surface.tensor)
    pairs = [(x, y) for x, y in every if low < np.abs(y).max(initial=0) < high]
    return (
        surface.share > 0
        and len(pairs) > 0
        and all(
            x.shape == y.shape and bool((np.abs(x - y) <= surface.share * np.abs(y).max(initial=0)).all())
            for x, y in pairs
        )
    )


def read(judged: Sequence[JudgedCase], tensor: str) -> Surface | None:
    """What is found of a wrong result, the dtype first."""
    return _dtype(judged, tensor) or _part_left(judged, tensor)


def with_results(case: JudgedCase, results: Mapping[str, CandidateArray]) -> JudgedCase:
    """A case with these results, and the verdicts on them."""
    right = case.expected
    verdicts = [
        compare_tensor(case.case.name, n, x.numbers, right.values[n], right.allowed(n), case.call.kept)
        for n, x in results.items()
    ]
    return case._replace(tensors=dict(results), verdicts=tuple(verdicts))


def rejudged(judged: Sequence[JudgedCase], turn: Sequence[str]) -> list[JudgedCase]:
    """The cases with some results transposed."""
    return [
        with_results(case, {
            name: x._replace(numbers=x.numbers.T) if name in turn else x for name, x in case.tensors.items()
        })
        for case in judged
    ]  # fmt: skip


def turned(judged: Sequence[JudgedCase]) -> list[str]:
    """The results that have the right shape turned round in all cases, not in square ones only."""
    names = dict.fromkeys(name for case in judged for name in case.tensors)
    return [name for name in names if _is_turned([
        (case.tensors[name].numbers.shape, case.expected.values[name].shape)
        for case in judged if name in case.tensors])]  # fmt: skip


def _is_turned(shapes: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> bool:
    return all(x == y[::-1] for x, y in shapes) and any(x != y for x, y in shapes)


def failing(judged: Sequence[JudgedCase], tensor: str) -> list[tuple[Array, Array]]:
    """The wrong numbers of a result with the right ones, case by case."""
    return [
        (case.tensors[tensor].numbers, case.expected.values[tensor])
        for case in judged
        for verdict in case.wrong
        if verdict.tensor == tensor
    ]


def _dtype(judged: Sequence[JudgedCase], tensor: str) -> Surface | None:
    """An integer, boolean or narrower dtype than float64 in all failing cases."""
    dtypes = {
        case.tensors[tensor].dtype for case in judged for verdict in case.wrong if verdict.tensor == tensor
    }
    dtype = dtypes.pop() if len(dtypes) == 1 else "float64"
    kind = "int64" if dtype.startswith(("int", "uint")) else dtype
    effects = {"int64": "its fractions are cut off", "bool": "every number but zero becomes True"}
    effects |= dict.fromkeys(NARROW, "its numbers are rounded to fewer digits")
    if not (effect := effects.get(kind)):
        return None  # float64, or wider
    of = next(cast for name, _, cast in CASTS if name == kind)
    words = f"{tensor} is an array of {dtype}, where float64 is expected: {effect}"
    return Surface(tensor, DTYPE, words, of, NARROW.get(kind, 1e-6), NARROW.get(kind, 0.0))


def _pairs(judged: Sequence[JudgedCase], tensor: str) -> list[tuple[Array, Array]]:
    """The numbers of a result with axes and the right ones, case by case; none if a shape is wrong."""
    pairs = [
        (case.tensors[tensor].numbers, case.expected.values[tensor])
        for case in judged if tensor in case.tensors
    ]  # fmt: skip
    fit = all(x.shape == y.shape and x.ndim for x, y in pairs) and any(x.any() for x, _ in pairs)
    return pairs if fit else []


def _part_left(judged: Sequence[JudgedCase], tensor: str) -> Surface | None:
    """The largest part that is 0, or NaN, in all cases that have it, where the right one is not.

    NaN that NumPy warned of is made by arithmetic, and not left.
    """
    found = []
    fills = ((0.0, "0"),) if any(case.warned for case in judged) else ((0.0, "0"), (np.nan, "NaN"))
    for part in PARTS:
        masks = [(x, y, part.mask(x.shape)) for x, y in _pairs(judged, tensor)]
        with_part = [(x[m], y[m]) for x, y, m in masks if m.any() and not m.all() and y[m].any()]
        written = sum(
            bool(x[~m & np.isfinite(x)].any()) for x, y, m in masks if m.any() and not m.all() and y[m].any()
        )
        if len(with_part) < 2 or written < len(with_part) / 2:
            continue
        for fill, said in fills:
            if all(np.array_equal(x, np.full(x.shape, fill), equal_nan=True) for x, _ in with_part):
                words = f"{part.words.format(x=tensor)} left {said}: {part.why}"
                surface = Surface(tensor, LEFT, words, partial(left, part, fill=fill))
                found.append((sum(x.size for x, _ in with_part), surface))
    return max(found, key=lambda each: each[0], default=(0, None))[1]


CANCELS = {
    "d_scores": ". They do where d_weights of the score's own key stands in place of d_weights of the "
                "other key: a row of weights adds up to one",
    "d_query": ". They do where query stands in place of key: a row of d_scores adds up to zero",
}  # fmt: skip
"""What may lie behind a result whose terms cancel."""


def all_zero(judged: Sequence[JudgedCase], tensor: str) -> tuple[str, str]:
    """Kind and sentence if a result is 0, but for rounding, in most cases in which the right one is not."""
    pairs = [(case.tensors[tensor].numbers, case.expected.values[tensor])
             for case in judged if tensor in case.tensors]  # fmt: skip
    zero = [np.abs(x).max(initial=0) <= 1e-12 * np.abs(y).max() for x, y in pairs if y.any()]
    if sum(zero) < 2 or sum(zero) < 0.7 * len(zero):
        return LEFT, ""
    where = f"in {sum(zero)} of {len(zero)} cases"
    if any(x.any() and small for (x, _), small in zip((p for p in pairs if p[1].any()), zero, strict=True)):
        return CANCEL, f"{tensor} is 0, but for rounding, {where}: its terms cancel{CANCELS.get(tensor, '')}"
    return LEFT, f"{tensor} is 0 {where}: nothing is added to it, its terms cancel, or a factor is cut to 0"


def place_of(judged: Sequence[JudgedCase], tensor: str) -> str:
    """A sentence if all wrong numbers of a result are in one part of it."""
    pairs = _pairs(judged, tensor)
    off = [(np.abs(x - y) > 1e-6 * np.abs(y).max(initial=0)) | ~np.isfinite(x) for x, y in pairs]
    large = [n for n, (x, _) in enumerate(pairs) if min(x.shape) > 2]
    wrong = [n for n in large if off[n].any()]
    if 2 * len(wrong) <= len(large):  # few calls fail: their numbers say more than the place
        return ""
    found = []
    for part in PARTS:
        masks = [part.mask(x.shape) for x, _ in pairs]
        inside = all(not (o & ~m).any() for o, m in zip(off, masks, strict=True))
        if inside and not any(masks[n].all() for n in wrong):
            words = f"{part.words.format(x=tensor)} wrong; the other numbers are right"
            found.append((sum(m.sum() for m in masks), as_sentence(words)))
    return min(found, key=lambda each: each[0], default=(0, ""))[1]


def coarse(judged: Sequence[JudgedCase], tensor: str) -> tuple[str, str]:
    """Kind and sentence if a result is right but for digits that rounding, float32 or float16 takes away."""
    pairs = [pair for pair in failing(judged, tensor) if pair[0].shape == pair[1].shape and pair[0].size]
    pairs = [(x, y) for x, y in pairs if np.isfinite(x).all() and x.any()]  # float16 ends at 65504
    if len(pairs) < len(judged) / 2:
        return DTYPE, ""
    for places in range(1, 10):
        half = 0.5 * 10.0**-places
        if all((x == np.round(x, places)).all() and np.abs(x - y).max() < 1.01 * half for x, y in pairs):
            return ROUNDED, f"{tensor} is right to {counted(places, 'decimal place')} only: it is rounded"
    errors = np.array([np.abs(x - y).max() / np.abs(y).max(initial=1e-300) for x, y in pairs])
    noise = np.concatenate([np.sign((x - y) * y)[x != y] for x, y in pairs])
    middle = float(np.median(errors))
    if abs(noise.mean()) > 0.5 or np.quantile(errors, 0.7) > 50 * middle:
        return DTYPE, ""
    for dtype, digits, lowest, highest in (("float32", 7, 2e-9, 1e-5), ("float16", 3, 2e-5, 2e-2)):
        if lowest < middle < highest:
            return DTYPE, f"right to about {digits} digits only: a number on the way is rounded to {dtype}"
    return DTYPE, ""
