"""Conditions that the referee's table does not list, drawn from what real kernels branch on.

The distribution was written down before any profile was run on it. A condition is one test (probability 3/4)
or two of different facts (1/4), since most branches read one thing and dispatchers join two. A test is on

| Share | Kind | Why |
|---|---|---|
| 0.44 | an axis: lengths 5, widths 4, heads 2, batch 1 | tiles, compiled widths, padding, loops, grids |
| 0.10 | products, quotients, differences of axes | grids, grouped heads, diagonals, decoding |
| 0.16 | an option in use or not, its value, how it broadcasts | one code path per option |
| 0.08 | what is visible | tiles skipped, padding, rows without keys |
| 0.12 | values | shortcuts for zeros, rescaling, clipping, flushing |
| 0.07 | memory | contiguous copies, vector loads, packed tensors |
| 0.03 | the calls before, and which gradients are wanted | caches, buffers, autotuning, lazy set-up |

Thresholds are half round numbers that programmers write (powers of two, multiples of 16, 100 …), half uniform
in the logarithm. Axes: >, >= 0.28, <, <= 0.24, == 0.18, divisible 0.16, not divisible 0.14. The numbers end
where the `domain` does: beyond it, no profile of whole references reaches.
"""

import math
import random
from collections.abc import Callable
from typing import NamedTuple

from .domain import Test, possible
from .facts import OPTIONS, TENSORS, holding

RESULTS = ("out", "d_query", "d_key", "d_value")
PAIRED = 0.25

ROUND = {
    "length": (2, 3, 4, 8, 16, 20, 32, 48, 50, 64, 80, 96, 100, 128, 192, 200, 256, 300, 384, 400, 500, 512,
               1000),
    "width": (2, 4, 8, 16, 24, 32, 40, 48, 64, 72, 80, 96, 100, 112, 128, 160, 192, 200, 224, 256),
    "heads": (2, 3, 4, 6, 8, 12, 16),
    "batch": (2, 3, 4, 6, 8),
}  # fmt: skip
LARGEST = {"length": 1024, "width": 256, "heads": 16, "batch": 8}
SMALL = {"length": 64, "width": 24, "heads": 12, "batch": 6}
"""The largest number that a test of equality draws uniformly in the logarithm."""

AXES = (("length", "LS", 5), ("width", "DE", 4), ("heads", "HG", 2), ("batch", "B", 1))
DIVISORS = {
    "length": (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 100, 128, 256),
    "width": (2, 3, 4, 5, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64, 128),
    "heads": (2, 3, 4, 5, 8),
    "batch": (2, 3, 4),
}


class Condition(NamedTuple):
    """Tests that hold together, the tensor that is wrong then, and where the condition comes from."""

    tests: tuple[Test, ...]
    tensor: str
    source: str = "drawn"

    @property
    def name(self) -> str:
        """The tests in words."""
        return " and ".join(map(_words, self.tests))

    def holds(self, found: dict[str, float]) -> bool:
        """True if the facts of a call meet all tests."""
        return holding(found, self.tests)


def _words(test: Test) -> str:
    fact, comparison, number = test
    if comparison.startswith("%"):
        return (
            f"{fact} % {comparison[1:].rstrip('!')} {'!=' if comparison.endswith('!') else '=='} {number:g}"
        )
    return f"{fact} {comparison} {number:g}"


def draw(count: int, seed: int) -> list[Condition]:
    """`count` independent conditions, none of the table's, each with a tensor drawn for it."""
    rng = random.Random(seed)
    found: list[Condition] = []
    while len(found) < count:
        tests = tuple(_test(rng) for _ in range(2 if rng.random() < PAIRED else 1))
        if (
            len({fact for fact, _, _ in tests}) < len(tests)
            or all(map(_listed, tests))
            or not possible(tests)
        ):
            continue
        found.append(Condition(tests, rng.choice(RESULTS)))
    return found


def _test(rng: random.Random) -> Test:
    kinds: tuple[Callable[[random.Random], Test], ...] = (
        *(_axis, _related, _option, _visible, _value, _memory, _call),
    )
    return rng.choices(kinds, (0.44, 0.10, 0.16, 0.08, 0.12, 0.07, 0.03))[0](rng)


def _log_uniform(rng: random.Random, least: float, largest: float) -> float:
    return math.exp(rng.uniform(math.log(least), math.log(largest)))


# ------------------------------------------------------------------------------------------ sizes


def _axis(rng: random.Random) -> Test:
    kind, axes, _ = rng.choices(AXES, [weight for *_, weight in AXES])[0]
    axis = rng.choice(axes)
    form = rng.choices((">", "<", "==", "%", "%!"), (0.28, 0.24, 0.18, 0.16, 0.14))[0]
    if form in ("%", "%!"):
        m = rng.choice(DIVISORS[kind])
        rest = 0 if form == "%!" or rng.random() < 0.7 else rng.randrange(m)
        return axis, f"%{m}{form[1:]}", rest
    rounded = rng.choice(ROUND[kind])
    if form == "==":
        drawn = round(_log_uniform(rng, 1, SMALL[kind]))
        return axis, "==", rounded if rng.random() < 0.5 else drawn
    number = rounded if rng.random() < 0.5 else round(_log_uniform(rng, 2, LARGEST[kind]))
    if form == ">" and number >= LARGEST[kind]:
        return axis, ">=", number
    return axis, rng.choice((form, form + "=")), number


def _related(rng: random.Random) -> Test:
    """A product (half), a quotient of heads or a difference of axes."""
    if rng.random() < 0.5:
        product, largest = rng.choice(
            (("B H", 32), ("B G", 16), ("L S", 2**17), ("H D", 1024), ("L D", 2**15), ("S E", 2**15),
             ("B L", 2**11), ("H L", 2**11), ("B H L", 2**12), ("B H L S", 2**18))
        )  # fmt: skip
        number = round(_log_uniform(rng, 2, largest))
        number = 2 ** round(math.log2(number)) if rng.random() < 0.5 else number
        form = rng.choices((">", "<=", "==", "%"), (0.45, 0.3, 0.05, 0.2))[0]
        if form == "==":
            return rng.choice(("B H", "B G")), "==", rng.choice((2, 4, 5, 6, 8, 9, 10, 12, 15, 16))
        return (product, f"%{rng.choice((3, 4, 8, 16, 32))}", 0) if form == "%" else (product, form, number)
    fact = rng.choice(
        ("H / G", "S - L", "S - L", "D - E", "S - D", "L - D", "B - H", "L - H", "2 L - S", "2 S - L")
    )
    if fact == "H / G":
        return fact, rng.choice(("==", ">", "%2")), rng.choice((2, 3, 4, 8)) * 1.0
    if rng.random() < 0.5:
        return fact, "==", rng.choice((-16, -8, -2, -1, 0, 1, 2, 8, 16))
    return fact, rng.choice("<>"), rng.choice((-1, 1)) * round(_log_uniform(rng, 1, 200))


# ---------------------------------------------------------------------------------------- options


def _option(rng: random.Random) -> Test:
    kinds: list[Callable[[], Test]] = [
        lambda: (rng.choice(OPTIONS), "==", 0),
        lambda: ("options", rng.choice((">", "==", "<")), rng.choice((1, 2, 3, 4, 5))),
        lambda: (
            rng.choice(
                ("window left", "window right", "window width", "S - window left", "S - window width")
            ),
            rng.choice((">", "<", "==")),
            rng.choice((0, 1, 2, 3, 4, 5, 8, 16, 32)),
        ),
        lambda: (
            "scale value",
            rng.choice(("<", ">")),
            rng.choice((0.05, 0.1, 0.125, 0.2, 0.25, 0.3, 0.5, 0.9)),
        ),
        lambda: ("softcap value", rng.choice(("<", ">")), rng.choice((0.5, 1, 2, 5, 10, 20, 30))),
        lambda: ("q_offset value", rng.choice((">", "<", "%2")), rng.choice((0, 1, 3, 5, 10, 20)) * 1.0),
        lambda: (
            f"{rng.choice(('mask', 'bias'))} broadcast along {rng.choice(('batch', 'heads', 'queries'))}",
            "==",
            rng.choice((0, 1)),
        ),
        lambda: (
            f"{rng.choice(('largest', 'smallest', 'mean'))} {rng.choice(('bias', 'sinks'))}",
            rng.choice("<>"),
            rng.choice((-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3)),
        ),
        lambda: ("share of -inf in bias", ">", rng.choice((0, 0.1))),
        lambda: ("share dropped", rng.choice("<>"), rng.choice((0.1, 0.15, 0.2, 0.25))),
    ]
    fact, comparison, number = rng.choice(kinds)()
    return (fact, comparison, 0 if comparison.startswith("%") else number)


def _visible(rng: random.Random) -> Test:
    if rng.random() < 0.4:
        return "share visible", rng.choice("<>"), rng.choice((0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95))
    if rng.random() < 0.4:
        fact = rng.choice(
            ("fewest keys of a row", "most keys of a row", "keys of the first row", "keys of the last row")
        )
        return fact, rng.choice((">", "<=", "==")), rng.choice((1, 2, 3, 4, 5, 8, 16, 32))
    counted = ("rows with one key", "empty rows", "keys that no row sees", "first key hidden from a row",
               "last key hidden from a row", "first key hidden from all", "last key hidden from all",
               "rows unequal over the batch", "rows unequal over the heads")  # fmt: skip
    return rng.choice(counted), *rng.choice(((">", 0), (">", 0), ("==", 0)))


# ------------------------------------------------------------------------- values, memory, history


def _value(rng: random.Random) -> Test:
    tensor = rng.choice(TENSORS)
    sizes_of = (0.01, 0.1, 0.5, 1, 2, 3, 3.5, 4, 5, 10, 30, 50, 100, 1000)
    kinds: list[Callable[[], Test]] = [
        lambda: (f"largest |{tensor}|", rng.choice("<>"), rng.choice(sizes_of)),
        lambda: (
            f"smallest |{tensor}| above 0",
            rng.choice("<>"),
            rng.choice((1e-30, 1e-6, 1e-4, 1e-3, 1e-2)),
        ),
        lambda: (f"mean of {tensor}", rng.choice("<>"), rng.choice((-1, -0.1, 0, 0, 0.1, 1))),
        lambda: (
            f"{rng.choice(('first', 'last'))} number of {tensor}",
            rng.choice("<>"),
            rng.choice((0, 0, -1, 1)),
        ),
        lambda: (f"{rng.choice(('share of zeros', 'zero rows', 'negative zeros'))} in {tensor}", ">", 0),
        lambda: (f"share of positives in {tensor}", rng.choice("<>"), rng.choice((0.4, 0.5, 0.6))),
        lambda: (f"sum of squares of {tensor}", rng.choice("<>"), rng.choice((1, 10, 100, 1000, 1e4))),
        lambda: ("largest score", rng.choice("<>"), rng.choice((0, 0.5, 1, 2, 3, 5, 8, 10, 20, 50, 80))),
        lambda: ("smallest score", rng.choice("<>"), rng.choice((-80, -50, -20, -10, -5, -3, -1, 0))),
        lambda: ("spread of scores", rng.choice("<>"), rng.choice((0.01, 1, 2, 5, 10, 20, 40))),
        lambda: ("mean score", rng.choice("<>"), rng.choice((-1, -0.1, 0, 0.1, 1))),
        lambda: ("least row maximum", rng.choice("<>"), rng.choice((-10, -1, 0, 0.5, 1, 2, 5))),
        lambda: (
            rng.choice(("largest weight", "least largest weight")),
            ">",
            rng.choice((0.1, 0.3, 0.5, 0.9, 0.99)),
        ),
        lambda: (
            rng.choice(("largest weight", "smallest weight")),
            "<",
            rng.choice((1e-6, 1e-4, 0.01, 0.1, 0.3)),
        ),
        lambda: ("ties in the maximum", ">", 1),
        lambda: (f"maximum at the {rng.choice(('first', 'last'))} key", "==", rng.choice((0, 1))),
        lambda: ("largest row sum", rng.choice("<>"), rng.choice((1.5, 2, 4, 8, 16))),
        lambda: (f"sink {rng.choice(('above', 'below'))} the scores", ">", 0),
    ]
    weights = [1, 1, 1, 1, 2, 1, 1, *(1,) * 11]
    return rng.choices(kinds, weights)[0]()


def _memory(rng: random.Random) -> Test:
    tensor = rng.choice(TENSORS)
    kinds: list[Test] = [
        (f"{tensor} contiguous", "==", 0),
        (f"{tensor} transposed", "==", 1),
        (f"offset of {tensor}", "!=", 0),
        (f"negative strides in {tensor}", ">", 0),
        (f"rows apart in {tensor}", "==", 1),
        (f"stride D of {tensor}", "!=", 1),
        (f"stride B of {tensor}", "==", 0),
        (f"stride L of {tensor}", f"%{rng.choice((4, 8, 16))}!", 0),
        (f"stride H of {tensor}", f"%{rng.choice((4, 8, 16))}", 0),
        (f"stride B of {tensor}", ">", rng.choice((100, 1000, 4096, 10000))),
        ("contiguous tensors", rng.choice(("<", "==")), rng.choice((1, 2, 3, 4))),
        (rng.choice(("strides of query = key", "strides of key = value")), "==", rng.choice((0, 1))),
    ]
    return rng.choice(kinds)


def _call(rng: random.Random) -> Test:
    counts = ("calls before", "calls with this shape", "calls with these options")
    kinds: list[Test] = [
        (rng.choice(counts), ">=", rng.choice((1, 2, 3, 5))),
        ("calls before", f"%{rng.choice((2, 3, 4))}", 0),
        ("the last call's shape", "==", rng.choice((0, 1))),
        ("the last call's options", "==", rng.choice((0, 1))),
        ("the last call's S", ">", rng.choice((8, 16, 64, 128, 256))),
        (f"gradient of {rng.choice(('query', 'key', 'value'))}", "==", 0),
    ]
    return rng.choice(kinds)


# ------------------------------------------------------------------------------ what is left out


def _listed(test: Test) -> bool:
    """True for a test that the table states, as far as it is about one axis or one option."""
    fact, comparison, number = test
    if fact in ("L", "S"):
        return ((comparison in (">", ">=") and number in (128, 129, 256, 257, 512, 513, 1024, 1025))
                or test[1:] == ("==", 1) or (comparison in ("%2", "%2!"))
                or (comparison in ("%16", "%64", "%128")
                    and number in (0, 1, int(comparison[1:]) - 1)))  # fmt: skip
    if fact in ("D", "E"):
        return comparison in ("%2", "%2!") or (comparison == "==" and number in (1, 16, 32, 64, 80, 128, 256))
    if fact in ("S - L", "D - E"):
        return number == 0
    return test in (
        ("H", "==", 1),
        ("H", "==", 8),
        ("B", "==", 1),
        ("B", "==", 2),
        ("B", "==", 3),
        ("B", "==", 5),
    )
