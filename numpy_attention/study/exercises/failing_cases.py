"""What the failing cases have in common: their names, a shape, the place of the wrong numbers."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...check.outside.outcome import JudgedCase
from .changes import LOST, MASK, RANGE
from .mistake import Mistake, as_sentence
from .surface import SHAPE, place_of

EXTREME = ("far", "tiny", "large", "vanishing", "thousands", "hidden", "ignored")
"""Words in the names of cases whose numbers are not plain."""

RANGES = {
    ("far below", "far apart"): (
        RANGE, "all exponentials of a row vanish: its own largest score is not subtracted before them"),
    ("in the thousands", "far below", "far apart", "far above"): (
        RANGE, "exponentials overflow or vanish: each row's own largest score is not subtracted before them"),
    ("tiny gradients", "vanishing gradients"): (
        RANGE, "something absolute, an epsilon or a rounding, swallows small gradients"),
    ("far ahead",): (RANGE, "digits are lost where one score is far ahead of its row"),
    ("equal", "as many queries as keys"): (
        LOST, "it is wrong only with as many queries as keys: a transpose or a kept axis is missing"),
    ("hidden",): (MASK, "it is right only where nothing is hidden"),
    ("hidden", "far ahead", "tiny gradients"): (
        RANGE, "weights or gradients that are zero or nearly zero are altered: a clip, or an epsilon"),
    ("ignored", "by hand 2", "in the thousands"): (MASK, "it is right only where no target is ignored"),
}  # fmt: skip
"""What is wrong if it is wrong in such cases alone, by words of their names."""

PLACE = "one place of a result"

FEW = 0.25
"""If at most this share of the calls fails, a mistake that explains a single result is not believed."""


def rare(by_tensor: Mapping[str, list[Mistake]], judged: Sequence[JudgedCase]) -> bool:
    """True if few calls fail, extreme ones, and no one mistake is known: they overflow or vanish."""
    names = [case.case.name for case in judged if case.wrong]
    said = {found[0].name if found else "" for found in by_tensor.values()}
    extreme = all(any(word in name for word in EXTREME) for name in names)
    return extreme and len(names) <= FEW * len(judged) and (len(said) > 1 or "" in said)


def by_cases(judged: Sequence[JudgedCase], wrong: Sequence[str]) -> tuple[str, str]:
    """What the failing cases, or the wrong numbers, have in common, if others are right."""
    shapes = [text for name in wrong if (text := other_shape(judged, name))]
    if shapes:
        return SHAPE, " ".join(shapes)
    if places := [text for name in wrong if (text := place_of(judged, name))]:
        return PLACE, " ".join(places)
    names = [case.case.name for case in judged if case.wrong]
    names = [name for name in names if not name.startswith("by hand")] or names
    for words, (kind, sentence) in RANGES.items():
        if all(any(word in name for word in words) for name in names):
            return kind, as_sentence(sentence)
    numbers = [case.tensors[v.tensor].numbers for case in judged for v in case.wrong]
    if all(not np.isfinite(x).all() for x in numbers):
        return RANGE, (
            "Numbers become infinite or NaN: something is divided by zero, an exponential overflows, or an "
            "infinity is multiplied by zero or taken from another one."
        )
    return "", ""


def other_shape(judged: Sequence[JudgedCase], name: str) -> str:
    """A sentence if a result has another shape than the right one in some case."""
    for case in judged:
        x, right = case.tensors.get(name), case.expected.values[name].shape
        if x and x.numbers.shape != right:
            return f"{name} has the shape {_shape(x.numbers.shape)}, not {_shape(right)}."
    return ""


def _shape(shape: tuple[int, ...]) -> str:
    return " by ".join(map(str, shape)) or "of a number"
