"""Where the time of fast_attention goes, on one core: python -m benchmarks.profile [FILE]

Times each operation on a tile by itself, on arrays of a tile's shape, in nanoseconds per score, beside the
whole call and the remainder. Writes the tables to FILE (benchmarks/profile.md), and prints them. One minute
on one core; threadpoolctl restricts BLAS to it.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na
from benchmarks.contenders import machine
from benchmarks.exactness import table
from benchmarks.speed.turns import OtherLoad
from numpy_attention.files import write_text
from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast.kernels import flushed_power
from numpy_attention.functional.fast.plan import SIDE

HEADS, WIDTHS, ROUNDS = 8, (64, 128), 31
SQUARE = 2048

Calls = dict[str, Callable[[], object]]


class Tile:
    """The arrays of a tile, transposed as in the code: scores and weights are (columns, rows)."""

    def __init__(self, width: int) -> None:
        rng = np.random.default_rng(0)
        self.query, self.key, self.value, self.d_rows = (
            rng.standard_normal((1, SIDE, width), dtype=np.float32) for _ in range(4)
        )
        self.drawn = rng.standard_normal((1, SIDE, SIDE), dtype=np.float32)
        self.scores, self.weights, self.d_scores = (self.drawn.copy() for _ in range(3))
        self.visible = np.triu(np.ones((1, SIDE, SIDE), dtype=bool))
        self.half = np.where(self.visible, self.drawn, np.float32(-np.inf))
        self.lowest = np.where(self.drawn > 4, np.float32(-200), self.drawn)
        self.low = self.lowest.copy()
        self.row, self.ones = rng.standard_normal((1, 1, SIDE), dtype=np.float32), np.ones(SIDE, np.float32)
        self.sum, self.product = np.zeros_like(self.query), np.zeros_like(self.query)
        self.buffers = Buffers()

    def fresh(self) -> None:
        """Restore the arrays, which also brings them into the cache, as the preceding product would."""
        np.copyto(self.low, self.lowest)
        for array in (self.d_scores, self.scores):
            np.copyto(array, self.drawn)

    def times(self, left: Any, right: Any, out: Any) -> Callable[[], object]:
        """A product."""
        return lambda: np.matmul(left, right, out=out)

    def accumulated(self, left: Any, right: Any) -> Callable[[], object]:
        """A product added to a sum."""
        return lambda: np.add(self.sum, np.matmul(left, right, out=self.product), out=self.sum)

    def forward(self) -> Calls:
        """The forward steps of every tile."""
        upright = self.scores.swapaxes(-1, -2)
        return {
            "product: key @ queryᵀ": self.times(self.key, self.query.swapaxes(-1, -2), self.scores),
            "exp2": lambda: np.exp2(self.scores, out=self.scores),
            "maximum of each row": lambda: np.maximum.reduce(self.scores, axis=1),
            "sum of each row, a product with ones": lambda: np.matmul(self.ones, self.scores),
            "product: weights @ value": self.times(upright, self.value, self.product),
        }

    def shifted(self) -> Calls:
        """Additional operations where exponents may be large."""
        return {
            "highest and lowest score of each row": lambda: (
                self.scores.max(axis=1),
                self.scores.min(axis=1),
            ),
            "subtract the shift": lambda: np.subtract(self.scores, self.row, out=self.scores),
            "2 ** exponents, after a check for small ones": lambda: flushed_power(self.scores, self.buffers),
            "2 ** exponents, a few below the smallest normal number": lambda: flushed_power(
                self.low, self.buffers
            ),
        }

    def edges(self) -> Calls:
        """Additional operations on a half-hidden tile, and their alternatives."""
        scores, bits = self.scores.view(np.int32), -self.visible.astype(np.int32)
        return {
            "0 where hidden, by a bit mask": lambda: np.bitwise_and(scores, bits, out=scores),
            "-inf where hidden": lambda: np.copyto(self.scores, -np.inf, where=~self.visible),
            "exp2, half of it of -inf": lambda: np.exp2(self.half),
            "exp2": lambda: np.exp2(self.scores),
        }

    def backward(self) -> Calls:
        """The backward steps of every tile."""
        upright = self.d_scores.swapaxes(-1, -2)
        return {
            "product: key @ queryᵀ": self.times(self.key, self.query.swapaxes(-1, -2), self.scores),
            "exp2": lambda: np.exp2(self.scores, out=self.scores),
            "product: value @ d_outᵀ": self.times(self.value, self.d_rows.swapaxes(-1, -2), self.scores),
            "subtract delta": lambda: np.subtract(self.scores, self.row, out=self.scores),
            "multiply by the weights": lambda: np.multiply(self.d_scores, self.weights, out=self.d_scores),
            "product: weightsᵀ @ d_out": self.times(self.weights, self.d_rows, self.product),
            "product: d_scoresᵀ @ query": self.times(self.d_scores, self.query, self.product),
            "product: d_scores @ key, added": self.accumulated(upright, self.key),
        }

    def instead(self) -> Calls:
        """The shortcuts, each beside the operation it replaces."""
        column, new = self.row.swapaxes(-1, -2), np.empty_like
        return {
            "exp": lambda: np.exp(self.scores, out=self.scores),
            "exp2": lambda: np.exp2(self.scores, out=self.scores),
            "maximum along contiguous rows": lambda: np.max(self.scores, axis=-1),
            "maximum, transposed": lambda: np.maximum.reduce(self.scores, axis=1),
            "subtract a column": lambda: np.subtract(self.scores, column, out=self.scores),
            "subtract a row, transposed": lambda: np.subtract(self.scores, self.row, out=self.scores),
            "sum by np.sum": lambda: np.sum(self.weights, axis=-1),
            "sum by np.sum, transposed": lambda: np.sum(self.weights, axis=1),
            "sum as a product with ones": lambda: np.matmul(self.ones, self.weights),
            "exp2 into new memory": lambda: np.exp2(self.scores, out=new(self.scores)),
        }


class Group(NamedTuple):
    """Calls that each process `units` items, and an untimed preparation before each."""

    calls: Calls
    before: Callable[[], object]
    units: int


def nanoseconds(groups: dict[str, Group]) -> dict[str, dict[str, float]]:
    """Median nanoseconds per unit of each call; all take turns, so that clock changes affect all alike."""
    seconds: dict[str, dict[str, list[float]]] = {
        name: {called: [] for called in group.calls} for name, group in groups.items()
    }
    for _ in range(ROUNDS):
        for name, group in groups.items():
            next(iter(group.calls.values()))()  # untimed: the caches still hold the last group's arrays
            for called, call in group.calls.items():
                group.before()
                start = time.perf_counter()
                call()
                seconds[name][called].append((time.perf_counter() - start) / group.units)
    return {n: {c: 1e9 * statistics.median(x) for c, x in of.items()} for n, of in seconds.items()}


def whole(width: int) -> Group:
    """fast_attention on one thread, forward and backward, per score."""
    rng = np.random.default_rng(0)
    query, key, value, d_out = rng.standard_normal((4, HEADS, SIDE, width), dtype=np.float32)
    _, saved = na.fast_attention_forward(query, key, value, threads=1)
    calls: Calls = {
        "forward": lambda: na.fast_attention_forward(query, key, value, threads=1),
        "backward": lambda: na.fast_attention_backward(d_out, saved),
    }
    return Group(calls, lambda: None, HEADS * SIDE * SIDE)


def limit() -> Group:
    """Products of large square matrices, per floating-point operation."""
    left, right = np.random.default_rng(0).standard_normal((2, SQUARE, SQUARE)).astype(np.float32)
    call = partial(np.matmul, left, right, out=np.empty_like(left))
    return Group({"product": call}, lambda: None, 2 * SQUARE**3)


def direction(name: str, parts: list[dict[str, float]], wholes: list[float], operation: float) -> str:
    """A table with a column per width: each part, the remainder, the whole, and the products at the limit."""
    lines = [[part, *(f"{of[part]:.3f}" for of in parts)] for part in parts[0]]
    sums = [sum(of.values()) for of in parts]
    rest = [whole - known for whole, known in zip(wholes, sums, strict=True)]
    products = sum(part.startswith("product") for part in parts[0])
    least = [2 * products * width * operation for width in WIDTHS]
    lines += [
        ["the remainder", *(f"{x:.3f}" for x in rest)],
        ["**the whole**", *(f"**{x:.3f}**" for x in wholes)],
        ["products alone, at the rate of large squares", *(f"{x:.3f}" for x in least)],
        ["its share of the whole", *(f"{x / y:.2f}" for x, y in zip(least, wholes, strict=True))],
    ]
    return table([f"{name}, ns per score", *(f"D = {width}" for width in WIDTHS)], lines)


def measured_page() -> str:
    """The page."""
    load, tiles = OtherLoad(), {width: Tile(width) for width in WIDTHS}
    groups = {"limit": limit()}
    for width, tile in tiles.items():
        groups[f"whole {width}"] = whole(width)
        for name in ("forward", "backward"):
            groups[f"{name} {width}"] = Group(getattr(tile, name)(), tile.fresh, SIDE * SIDE)
    first = tiles[WIDTHS[0]]
    titles = {
        "where exponents may be large, ns per score": first.shifted(),
        "where half of a tile is hidden; ns per score": first.edges(),
        "shortcuts beside what they replace; ns per score": first.instead(),
    }
    groups |= {title: Group(calls, first.fresh, SIDE * SIDE) for title, calls in titles.items()}
    medians = nanoseconds(groups)
    operation = medians["limit"]["product"]
    tables = []
    for name in ("forward", "backward"):
        wholes = [medians[f"whole {width}"][name] for width in WIDTHS]
        tables.append(direction(name, [medians[f"{name} {width}"] for width in WIDTHS], wholes, operation))
    for title in titles:
        tables.append(table([title, ""], [[name, f"{ns:.3f}"] for name, ns in medians[title].items()]))
    others = load.others()
    share = "unknown" if others is None else f"{100 * others:.0f} %"
    head = f"""\
# Where the time of `fast_attention` goes

Made by `python -m benchmarks.profile`, on {machine()}.
One core, float32; tiles of {SIDE} x {SIDE}, {HEADS} heads of {SIDE} queries and keys for the whole.
The median of {ROUNDS} rounds in which all calls take turns.
Large square matrices: {1 / operation:.0f} GFLOP/s. Load of other processes, of all cores: {share}."""
    return "\n\n".join([head, *tables]) + "\n"


def main(path: str = "benchmarks/profile.md") -> None:
    """Measure, write, print."""
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        sys.exit("benchmarks.profile needs threadpoolctl to restrict BLAS to one core")
    with threadpool_limits(1, user_api="blas"):
        text = measured_page()
    write_text(path, text)
    print(text)


if __name__ == "__main__":
    main(*sys.argv[1:2])
