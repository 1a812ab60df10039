"""Draw specifications at random that a candidate supports and that meet some conditions."""

import random
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from ..reference.inputs import Shape
from ..rounding.formats import FORMATS
from .capabilities import Capabilities
from .conditions import LEVELS, Condition
from .specification import EXTRAS, JUDGED, OFFSETS, OPTIONS, SUBSETS, TENSORS, Specification

DRAWN = "drawn"
"""The name of a specification until its place in a run is known."""

ATTEMPTS = 240
"""Attempts before conditions are given up as impossible together."""

MOST_SCORES = 6e5
"""Most scores of a case."""

MANY_SCORES = 2**14
"""Scores of one head beyond which few heads and narrow ones are drawn."""

NEAR = 16
"""Most queries and keys of a short case, and most that one length exceeds the other where they are close."""

LONG, LONG_PAIRS = 257, ((513, 513), (1025, 300), (300, 1025))
"""The length beyond which the other must not lie, and the pairs that are allowed all the same."""

AXES = ("B", "heads", "L", "S", "D", "E")

Levels = dict[str, tuple[Any, ...]]


def scores_of(shape: Shape) -> float:
    """The size of a case: its scores, a share of the products behind them, and of the tensors."""
    B, H, _, L, S, D, E = shape
    return B * H * (L * S * (1 + (D + E) / 128) + (L + S) * (D + E) / 8)


def tensors_of(spec: Specification) -> tuple[str, ...]:
    """The tensors of JUDGED that the candidate returns, and that are not 0 throughout."""
    if not spec.shape.L or not spec.shape.S:
        return ()
    wanted = {"out", *(f"d_{name}" for name in spec.mode.split(", "))} if spec.mode in SUBSETS else {*JUDGED}
    if spec.mode == "no gradient":
        wanted = {"out"}
    options = set(spec.options) - spec.without_effect
    alone = {"causal"} <= options and spec.variant("window") == "no look-back"
    one_key = (spec.shape.S == 1 or alone) and not {"sinks", "d_lse"} & options
    saturated = spec.inputs in OFFSETS and "softcap" in options
    if one_key or saturated or spec.variant("scale") == "zero":
        wanted -= {"d_query", "d_key"}
    if spec.inputs == "equal scores" and spec.shape.D == 1:
        wanted -= {"d_key"}
    return tuple(name for name in JUDGED if name in wanted)


def supported_levels(supported: Capabilities) -> Levels:
    """The levels of every factor that a candidate supports."""
    m = supported.length_multiple
    levels = dict(LEVELS)
    for option in (*OPTIONS, *EXTRAS):
        if option not in supported.options:
            levels[option] = (None,)
    if supported.always:
        levels[supported.always] = ("",)
    if supported.key_masks and "mask" in supported.options:
        levels["mask"] = (None, "of keys")
    if supported.one_entry:
        levels["B"] = (1,)
    if m > 1:
        levels["L"] = levels["S"] = tuple(m * n for n in (1, 1, 2, 2, 3, 4, 5, 8) if m * n <= 1024) or (m,)
    if supported.head_dims:
        levels["D"] = levels["E"] = supported.head_dims
    if not supported.groups:
        levels["heads"] = tuple(pair for pair in levels["heads"] if pair[0] == pair[1])
    if not supported.empty_rows:
        levels["empty rows"] = (False,)
        levels["mask"] = tuple(form for form in levels["mask"] if form != "nothing for one entry")
    largest = FORMATS[supported.dtype].largest
    levels["inputs"] = tuple(x for x in levels["inputs"] if abs(OFFSETS.get(x, 0.0)) <= largest / 4)
    if not supported.hidden_nan:
        levels["hidden"] = tuple(x for x in levels["hidden"] if x != "nan")
    for tensor in TENSORS:
        levels[f"layout of {tensor}"] = ("", *supported.layouts)
    levels["mode"] = supported.modes
    return levels


def drafts(
    wanted: tuple[Condition, ...], levels: Levels, supported: Capabilities, rng: random.Random, count: int
) -> list[Specification]:
    """Up to `count` specifications that meet the conditions; none if they seem impossible together."""
    fixed = _restricted(levels, wanted)
    if not all(fixed.values()):
        return []
    found: list[Specification] = []
    for _ in range(ATTEMPTS):
        spec = _specification(_drawn(fixed, wanted, rng), supported)
        if spec is not None and all(c.holds(spec) for c in wanted):
            found.append(spec)
        if len(found) == count:
            break
    return found


def _restricted(levels: Levels, wanted: Iterable[Condition]) -> Levels:
    """The levels at which the conditions on a single factor hold."""
    fixed = dict(levels)
    for condition in wanted:
        if len(condition.factors) == 1:
            (factor,) = condition.factors
            fixed[factor] = tuple(x for x in fixed[factor] if condition.test(x))
    return fixed


def _drawn(fixed: Levels, wanted: tuple[Condition, ...], rng: random.Random) -> dict[str, Any]:
    """One level of each factor: most options out of use, and together what goes together."""
    named = {factor for condition in wanted for factor in condition.factors}
    draft = {}
    for factor, values in fixed.items():
        rare = factor not in named and factor not in AXES
        draft[factor] = values[0] if rare and rng.random() < 0.5 else rng.choice(values)
    if rng.random() < 0.2:  # few queries and few keys
        for axis in ("L", "S"):
            draft[axis] = rng.choice(_near(fixed[axis], 0) or (draft[axis],))
    for one, other in (("L", "S"), ("D", "E")):
        near = _near(fixed[other], draft[one]) if rng.random() < 0.2 else ()
        draft[other] = rng.choice(near) if near else draft[other]
        if draft[one] in fixed[other] and rng.random() < 0.3:
            draft[other] = draft[one]
    if draft["L"] * draft["S"] > MANY_SCORES:
        few = {"B": 1, "heads": (1, 1), "D": _narrow(fixed["D"], rng), "E": _narrow(fixed["E"], rng)}
        draft |= {
            factor: level for factor, level in few.items() if factor not in named and rng.random() < 0.9
        }
    if draft["hidden"] or draft["empty rows"]:
        draft["mask"] = rng.choice(_forms_that_hide(fixed["mask"]))
    if draft["q_offset"] is not None and draft["causal"] is draft["window"] is None:
        draft["causal"] = rng.choice(fixed["causal"])
    if draft["scale_array"] is not None and "scale_array" in named:
        draft["scale"] = None
    return draft


@lru_cache(maxsize=2**12)
def _near(lengths: tuple[int, ...], length: int) -> tuple[int, ...]:
    """The lengths that differ from one by no more than NEAR."""
    return tuple(n for n in lengths if abs(n - length) <= NEAR)


def _forms_that_hide(forms: Sequence[str | None]) -> list[str | None]:
    """The forms of a mask with keys that no query sees; those of keys alone where there are no others."""
    found = [form for form in forms if form in ("", "of heads", "of pairs")]
    return [*found] or [None if "of keys" not in forms else "of keys"]


def _narrow(widths: Sequence[int], rng: random.Random) -> int:
    """One of the widths up to 16, or the least."""
    return rng.choice([width for width in widths if width <= 16] or [min(widths)])


def _specification(draft: dict[str, Any], supported: Capabilities) -> Specification | None:
    """The specification of these levels; None if they do not go together."""
    (H, G), B, L, S = draft["heads"], draft["B"], draft["L"], draft["S"]
    D, E = draft["D"], draft["E"]
    options = tuple(name for name in (*OPTIONS, *EXTRAS) if draft[name] is not None)
    banded = {"causal", "window"} & {*options}
    if not supported.unequal_lengths or (banded and supported.corner is None and "q_offset" not in options):
        S = L
    if not supported.unequal_widths:
        E = D
    shape = Shape(B, H, G, L, S, D, E)
    spec = Specification(
        name=DRAWN, shape=shape, options=options,
        variants=tuple((name, draft[name]) for name in options if draft[name]),
        inputs=draft["inputs"], cotangent=draft["cotangent"], zeros=draft["zeros"], hidden=draft["hidden"],
        dtype=supported.dtype, corner=supported.corner or "top_left", empty_rows=draft["empty rows"],
        layouts=tuple((tensor, x) for tensor in TENSORS if (x := draft[f"layout of {tensor}"])),
        mode=draft["mode"], window=supported.window,
    )  # fmt: skip
    return spec if _fits(spec, supported) else None


def _fits(spec: Specification, supported: Capabilities) -> bool:
    """True if the parts of a specification go together, and the case is small."""
    B, _, _, L, S, D, E = spec.shape
    options, forms = {*spec.options}, dict(spec.variants)
    banded = bool({"causal", "window"} & options)
    shifted = "q_offset" in options
    first_rows_empty = banded and (
        forms.get("q_offset") == "negative" or (not shifted and spec.corner == "bottom_right" and L > S)
    )
    rows_end = banded and "window" in options and L > S  # the last rows may lie beyond a window
    per_row_mask = "mask" in options and forms.get("mask", "") in ("", "of heads", "of pairs") and L > 1
    return (
        (banded or not shifted)
        and not {"scale", "scale_array"} <= options
        and (supported.empty_rows or not (first_rows_empty or rows_end))
        and (not spec.empty_rows or per_row_mask)
        and (not spec.hidden or ("mask" in options and forms.get("mask") != "all true" and S > 3))
        and (B > 1 or "expanded" not in dict(spec.layouts).values())
        and (B > 1 or forms.get("mask") != "nothing for one entry")
        and (D > 1 or spec.inputs not in OFFSETS)
        and not (spec.inputs == "near overflow" and spec.cotangent == "large")
        and not (spec.inputs == "subnormal" and E == 1)
        and (min(L, S) <= LONG or (L, S) in LONG_PAIRS)
        and scores_of(spec.shape) <= MOST_SCORES
    )
