"""The conditions on a call that kernels branch on, each with its reason: the table that the cases cover.

A condition reads one or two factors of a specification: an axis, the heads, an option's form, a layout, … .
`LEVELS` holds the values from which factors are drawn.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, NamedTuple

from .specification import (
    COTANGENTS,
    EXTRAS,
    HIDDEN,
    INPUTS,
    LAYOUTS,
    MODES,
    OPTIONS,
    SUBSETS,
    TENSORS,
    VARIANTS,
    Specification,
)

HEADS = (
    *(((1, 1), (2, 2), (3, 3), (8, 8), (2, 1), (3, 1), (8, 1), (4, 2), (6, 2), (6, 3), (8, 2), (9, 3)) * 4),
    *((H, G) for H in range(1, 17) for G in range(1, H + 1) if H % G == 0),
)
"""Query heads and key heads: all up to 16, a few often."""

WIDTHS = (
    *((1, 2, 3, 4, 5, 7, 8, 12, 16, 16, 24, 31, 32, 32, 33, 64, 64, 65, 80, 80, 128, 128, 256, 256) * 2),
    *(*range(1, 41), *range(44, 128, 4), *range(128, 257, 8)),
)
LENGTHS = (
    *(tuple(16 * n + rest for n in (1, 4, 8, 12, 16) for rest in (-1, 0, 1)) * 3),
    *(1, 1, *range(1, 129), *range(129, 258, 32), *range(130, 401, 10), *range(450, 1101, 50)),
    *(144, 191, 192, 255, 256, 384, 511, 512, 513, 640, 768, 1023, 1024, 1025, 1039, 1040, 1087, 1088, 1089),
    *(1151, 1152, 1153),
)
"""All that are small, and round numbers; often those that kernels are compiled for, and tiles' neighbours."""

TILES = (16, 64, 128)
ABOVE = (128, 256, 512, 1024)

LEVELS: dict[str, tuple[Any, ...]] = {
    "B": (*((1, 2, 3, 5) * 3), 4, 6, 7, 8),
    "heads": HEADS,
    "L": LENGTHS,
    "S": LENGTHS,
    "D": WIDTHS,
    "E": WIDTHS,
    **{option: (None, "", *VARIANTS.get(option, ())) for option in (*OPTIONS, *EXTRAS)},
    "empty rows": (False, True),
    "inputs": INPUTS,
    "cotangent": COTANGENTS,
    "zeros": ("", *TENSORS),
    "hidden": ("", *HIDDEN),
    **{f"layout of {tensor}": ("", *LAYOUTS) for tensor in TENSORS},
    "mode": MODES,
}
"""The values of every factor. None is an option that is not in use, "" its usual form."""


class Condition(NamedTuple):
    """A test of one or two factors of a specification, and why kernels branch on it."""

    name: str
    factors: tuple[str, ...]
    test: Callable[..., bool]
    reason: str

    def holds(self, specification: Specification) -> bool:
        """True if the specification meets the condition."""
        return bool(self.test(*(factor_of(specification, factor) for factor in self.factors)))


def factor_of(spec: Specification, factor: str) -> Any:
    """The value of a factor in a specification."""
    if factor == "heads":
        return spec.shape.H, spec.shape.G
    if factor in spec.shape._fields:
        return getattr(spec.shape, factor)
    if factor in OPTIONS or factor in EXTRAS:
        return spec.variant(factor) if factor in spec.options else None
    if factor.startswith("layout of "):
        return dict(spec.layouts).get(factor.removeprefix("layout of "), "")
    return getattr(spec, factor.replace(" ", "_"))


def _equal(
    factor: str, values: Iterable[Any], reason: str, name: str = "{factor} = {value}"
) -> list[Condition]:
    return [
        Condition(
            name.format(factor=factor, value=value), (factor,), lambda x, value=value: x == value, reason
        )
        for value in values
    ]


def _lengths(axis: str) -> list[Condition]:
    """Conditions on the number of queries or keys."""
    found = _equal(axis, (1,), "a loop that runs once, an axis that is squeezed")
    found.append(Condition(f"{axis} odd", (axis,), lambda n: n % 2 == 1, "vector loads of two"))
    for m in TILES:
        for rest, text in (
            (0, "a multiple of"),
            (1, "one more than a multiple of"),
            (m - 1, "one less than …"),
        ):
            name = f"{axis} % {m} = {rest}"
            reason = (
                f"tiles of {m}: {text} {m}" if rest != m - 1 else f"tiles of {m}: one position is padding"
            )
            found.append(Condition(name, (axis,), lambda n, m=m, r=rest: n % m == r and n >= r, reason))
    for limit in ABOVE:
        reason = "a second tile or block, a two-pass reduction, another kernel for long sequences"
        found.append(Condition(f"{axis} > {limit}", (axis,), lambda n, limit=limit: n > limit, reason))
    return found


def _widths(axis: str) -> list[Condition]:
    """Conditions on the width of a head."""
    reason = "kernels are compiled for a width; others are padded or truncated to it"
    found = _equal(axis, (1, 16, 32, 64, 80, 128, 256), reason)
    return [
        *found,
        Condition(f"{axis} odd > 1", (axis,), lambda n: n % 2 == 1 and n > 1, "vector loads of two"),
    ]


def _relation(one: str, other: str, reason: str) -> list[Condition]:
    tests: dict[str, Callable[[int, int], bool]] = {
        "<": lambda x, y: x < y, "=": lambda x, y: x == y, ">": lambda x, y: x > y
    }  # fmt: skip
    return [Condition(f"{one} {sign} {other}", (one, other), test, reason) for sign, test in tests.items()]


def _products() -> list[Condition]:
    reason = "the grid of a kernel, work shared among threads, indices that overflow a small integer"
    found = [
        Condition(f"B H > {limit}", ("B", "heads"), lambda b, h, limit=limit: b * h[0] > limit, reason)
        for limit in (4, 8, 16)
    ]
    reason = "tiles in both directions, a buffer of a fixed size"
    return found + [
        Condition(f"L S > {limit}", ("L", "S"), lambda x, y, limit=limit: x * y > limit, reason)
        for limit in (256, 1024, 4096, 16384)
    ]


def _heads() -> list[Condition]:
    reason = "strides and repeats by head"
    tests: dict[str, Callable[[tuple[int, int]], bool]] = {
        "H = 1": lambda h: h[0] == 1,
        "H odd > 1": lambda h: h[0] % 2 == 1 and h[0] > 1,
        "H = 8": lambda h: h[0] == 8,
        "H = G > 1": lambda h: h[0] == h[1] > 1,
        "one key head": lambda h: h[1] == 1 < h[0],
        "1 < G < H": lambda h: 1 < h[1] < h[0],
    }
    return [Condition(name, ("heads",), test, reason) for name, test in tests.items()]


def _options() -> list[Condition]:
    """Each option, and each of its forms."""
    found = []
    for option in (*OPTIONS, *EXTRAS):
        reason = "a branch of its own in forward and backward"
        found.append(Condition(option, (option,), lambda form: form is not None, reason))
        reason = "values at the ends of the range, shapes that broadcast"
        found += _equal(option, VARIANTS.get(option, ()), reason, "{factor} {value}")
    return found


def _numbers() -> list[Condition]:
    """What the arrays hold."""
    reasons = {
        "normal": "the usual numbers",
        "peaked": "one key takes all the weight",
        "correlated": "sums that do not cancel",
        "tiny": "numbers near the smallest one: products vanish",
        "huge": "gradients far larger than the scores",
        "near overflow": "a sum of squares, or a product, overflows",
        "subnormal": "numbers that hardware may flush to 0",
        "equal scores": "ties in the row maximum",
        "one dominates": "weights near 1 cancel in backward",
        "scores 90": "exp overflows without the row maximum",
        "scores -90": "exp underflows without the row maximum, or with a maximum that starts at 0",
        "scores 1e5": "scores beyond a finite number that stands for infinity",
        "scores -1e5": "scores below a finite number that stands for -infinity",
    }
    found = [_equal("inputs", (x,), reasons[x], "{value} inputs")[0] for x in INPUTS]
    found += _equal("cotangent", COTANGENTS[1:], "a loss that is a mean, a scaled loss", "{value} cotangents")
    found += _equal("zeros", TENSORS, "a shortcut where something is 0; the sign of 0", "zeros in {value}")
    found += _equal("hidden", HIDDEN, "0 times infinity is NaN: padding holds anything", "hidden {value}")
    return found


def _calls() -> list[Condition]:
    """How the arrays lie in memory, and how the candidate is called."""
    found = []
    for tensor in TENSORS:
        name = tensor + " {value}"
        found += _equal(f"layout of {tensor}", LAYOUTS, "strides that a kernel ignores", name)
    reason = "a path without backward, gradients that are skipped, caches between calls, shared buffers"
    names = {mode: f"gradient of {mode} alone" if mode in SUBSETS else mode for mode in MODES[1:]}
    return found + [_equal("mode", (x,), reason, name)[0] for x, name in names.items()]


CONDITIONS: tuple[Condition, ...] = tuple(
    chain(
        _equal("B", (1, 2, 3, 5), "a loop over the batch, a stride of it, an axis that is squeezed"),
        _heads(),
        _lengths("L"),
        _lengths("S"),
        _relation("L", "S", "where the diagonal lies, decoding, cross-attention"),
        _widths("D"),
        _widths("E"),
        _relation("E", "D", "value and key share a buffer or a loop"),
        _products(),
        _options(),
        _equal("empty rows", (True,), "a sum of no weights", "{factor}"),
        _numbers(),
        _calls(),
    )
)
"""Every condition. `smoke` meets each, `full` each pair that can go together."""


def conditions_of(specification: Specification) -> tuple[str, ...]:
    """The names of the conditions that a specification meets."""
    return tuple(condition.name for condition in CONDITIONS if condition.holds(specification))
