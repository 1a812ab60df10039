"""The calls that the measure is about: lengths up to 1024, widths up to 256, 16 heads, a batch of 8."""

import math
from typing import Any

import numpy as np

from .facts import sizes

Test = tuple[str, str, float]
"""A fact, a comparison and a number."""


def shown_by_no_call(condition: Any) -> bool:
    """True if no call in the domain meets the condition and returns the wrong result, not 0 throughout."""
    tests = condition.tests
    unwanted = {
        "d_" + fact.split()[-1] for fact, _, number in tests if fact.startswith("gradient") and not number
    }
    below = any(
        (comparison in ("<", "<=", "==") and number < LEAST.get(fact, -math.inf))
        or (comparison, number) == ("<", LEAST.get(fact))
        for fact, comparison, number in tests
    )
    of_keys = tuple(("S", ">=", number + (comparison == ">")) for fact, comparison, number in tests
                    if "keys of" in fact and comparison in ("==", ">"))  # fmt: skip
    return condition.tensor in unwanted or below or not possible((*tests, *of_keys))


LEAST = {"window width": 1, "window left": 0, "window right": 0, "largest weight": 1 / 1024,
         "least largest weight": 1 / 1024, "largest row sum": 1, "most keys of a row": 0}  # fmt: skip
"""The least value that a fact has in the domain."""


def possible(tests: tuple[Test, ...]) -> bool:
    """False for tests of sizes that none of 200,000 calls in the domain meets, or that an axis excludes."""
    sized = [test for test in tests if test[0] in _SIZES]
    held = np.ones(len(_SIZES["B"]), dtype=bool)
    for fact, comparison, number in sized:
        x = _SIZES[fact]
        if comparison.startswith("%"):
            held &= (x % int(comparison[1:].rstrip("!")) == number) != comparison.endswith("!")
        else:
            held &= {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
                     "==": np.equal, "!=": np.not_equal}[comparison](x, number)  # fmt: skip
    return bool(held.any())


def _sampled_sizes(count: int = 200_000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)

    def axis(largest: int) -> np.ndarray:
        return np.exp(rng.uniform(0, math.log(largest + 0.99), count)).astype(int)

    L, D, G = axis(1024), axis(256), axis(16)
    S, E = (np.where(rng.random(count) < 0.3, x + rng.integers(-2, 3, count), axis(n))
            for x, n in ((L, 1024), (D, 256)))  # fmt: skip
    S, E = np.maximum(S, 1), np.maximum(E, 1)
    H = G * np.minimum(axis(16), np.maximum(16 // G, 1))
    return sizes(axis(8), H, G, L, S, D, E)


_SIZES = _sampled_sizes()
