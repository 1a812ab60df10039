"""Errors of attention against fifty decimal digits: python -m benchmarks.exactness [FILE]

Writes the table to FILE (benchmarks/exactness.md), and prints it. One minute on one core.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import contenders, machine
from numpy_attention.check.reference.error_bounds import bounds
from numpy_attention.check.reference.evaluation import Errors, errors, results
from numpy_attention.check.reference.inputs import Inputs
from numpy_attention.check.reference.oracle import Results, oracle
from numpy_attention.files import write_text

L, S, D = 16, 128, 32
SEEDS = 3
DTYPES = ("float32", "float16", "float64")
SIZES = {"normal": 1.0, "peaked": 20.0}
"""The standard deviation of the scores."""

COMPARED = ("out", "d_query", "d_key", "d_value")


def one_head(seed: int, size: float, dtype: str) -> Inputs:
    """A problem that every implementation supports: one head, no options."""
    rng = np.random.default_rng(seed)
    query, key, value, d_out = (rng.standard_normal((n, D)).astype(dtype) for n in (L, S, S, L))
    return Inputs((size * query).astype(dtype), key, value, d_out)


def every_option(seed: int, size: float, dtype: str) -> Inputs:
    """Grouped heads, broadcast batches, and every option at once."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int, times: float = 1.0) -> Any:
        return (times * rng.standard_normal(shape)).astype(dtype)

    bias = normal(6, 1, 7)
    bias[0, 0, 2] = -np.inf
    return Inputs(
        normal(2, 6, 5, 3, times=size), normal(1, 3, 7, 3), normal(2, 3, 7, 2),
        normal(2, 6, 5, 2), normal(2, 6, 5, 7), normal(2, 6, 5),
        mask=rng.random((2, 1, 5, 7)) < 0.8, bias=bias, scale=normal(6, 1, 1) + np.ones((), dtype),
        softcap=2.0 * size, sinks=normal(6),
        dropout=((rng.random((2, 6, 5, 7)) < 0.7) / 0.7).astype(dtype),
    )  # fmt: skip


def compare() -> Iterator[tuple[str, str, str, str, Errors]]:
    """(contender, dtype, scores, result, its errors): all contenders on the same inputs, one head."""
    implementations = contenders()
    for dtype in DTYPES:
        for scores, size in SIZES.items():
            for seed in range(SEEDS):
                inputs = one_head(seed, size, dtype)
                exact, allowed = oracle(inputs), bounds(inputs)
                arrays = (inputs.query, inputs.key, inputs.value, np.asarray(inputs.d_out))
                for name, run in implementations.items():
                    for result, x in zip(COMPARED, run(*arrays), strict=True):
                        bound = getattr(allowed, result).error
                        yield name, dtype, scores, result, errors(x, getattr(exact, result), bound, x.dtype)


def ourselves() -> Iterator[tuple[str, str, Errors]]:
    """(dtype, result, its errors) of this package with every option, against the bound of the pinned form."""
    for dtype in DTYPES:
        for size in SIZES.values():
            for seed in range(10 * SEEDS):
                inputs = every_option(seed, size, dtype)
                exact, allowed, got = oracle(inputs), bounds(inputs, pinned=True), results(inputs)
                for result, x, y, near in zip(Results._fields, got, exact, allowed, strict=True):
                    yield dtype, result, errors(x, y, near.error)


# -------------------------------------------------------------------------------------------- tables


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    lines = [head, ["-" * len(cell) for cell in head], *rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    lines[1] = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def normwise_table(compared: list[tuple[str, str, str, str, Errors]]) -> str:
    """The worst normwise error of each contender."""
    worst: dict[tuple[str, str, str], float] = {}
    for name, dtype, scores, _, e in compared:
        worst[name, dtype, scores] = max(worst.get((name, dtype, scores), 0.0), e.normwise)
    names = dict.fromkeys(name for name, *_ in compared)
    head = ["", *(f"{dtype}, {scores}" for dtype in DTYPES for scores in SIZES)]
    return table(
        head,
        [[name, *(figure(worst[name, d, s]) for d in DTYPES for s in SIZES)] for name in names],
    )


def over_table(compared: list[tuple[str, str, str, str, Errors]], own: list[tuple[str, str, Errors]]) -> str:
    """Error over bound in float64: all contenders on one head, this package with every option."""
    rows = []
    for name in dict.fromkeys(name for name, *_ in compared):
        for scores in SIZES:
            over = [e.over for n, dtype, s, _, e in compared if (n, dtype, s) == (name, "float64", scores)]
            rows.append([f"{name}, {scores}", *distribution(over)])
    for result in Results._fields:
        over = [e.over for dtype, r, e in own if (dtype, r) == ("float64", result)]
        rows.append([f"numpy_attention, every option: {result}", *distribution(over)])
    return table(["float64, error / bound", "numbers", "median", "99 %", "largest"], rows)


def distribution(arrays: list[Any]) -> list[str]:
    """The count, median, 99th percentile and maximum."""
    over = np.concatenate(arrays)
    return [f"{over.size:,}", *(figure(float(np.quantile(over, q))) for q in (0.5, 0.99, 1.0))]


def rounding_table(
    compared: list[tuple[str, str, str, str, Errors]], own: list[tuple[str, str, Errors]]
) -> str:
    """In float32 and float16: the counts within 0.5 ULP and rounded correctly, and the worst error."""
    rows = []
    names = dict.fromkeys(name for name, *_ in compared)
    for dtype in DTYPES[:2]:
        for name in names:
            of_one = [e for n, d, _, _, e in compared if (n, d) == (name, dtype)]
            rows.append([f"{name}, {dtype}", *counts(of_one)])
        of_every = [e for d, result, e in own if d == dtype and result not in ("weights", "lse")]
        rows.append([f"numpy_attention, every option, {dtype}", *counts(of_every)])
    return table(["", "numbers", "within 0.5 ULP", "rounded correctly", "worst ULP"], rows)


def counts(compared: list[Errors]) -> list[str]:
    """The count, the counts within half a unit and rounded correctly, and the worst error in units."""
    ulps = np.abs(np.concatenate([e.ulps for e in compared]))
    rounded = np.concatenate([e.rounded for e in compared])
    most = float(ulps.max())
    numbers = (ulps.size, int((ulps <= 0.5).sum()), int(rounded.sum()))
    return [*(f"{n:,}" for n in numbers), f"{most:.4f}" if most < 1 else figure(most)]


def figure(x: float) -> str:
    """A number to two digits."""
    return f"{x:.2g}" if x < 100 else f"{x:.0f}" if x < 1e4 else f"{x:.0e}"


TEXT = """\
# How exact attention is

Made by `python -m benchmarks.exactness`, on {machine}.
The reference is `numpy_attention.check.reference.oracle`: attention in fifty decimal digits, written from its
definition.

## Beside other implementations

One head, {L} queries, {S} keys, width {D}; forward and backward. The largest error of an array over its
largest number, in units of the dtype's eps; the worst of out, dQ, dK, dV over {seeds} draws. Scores have
standard deviation 1 (normal) or 20 (peaked).

{normwise}

## In float64: error over bound

Errors relative to the componentwise bound of `numpy_attention.check.reference.error_bounds` at unit roundoff
2^-53: the bound of the textbook formula for the comparison, that of a softmax backward pinned at the peak for
the rows with every option. A value above 1 means that the computation was not in float64.

{over}

## In float32 and float16: rounding

A correctly rounded result is within half a unit in the last place (ULP) of the exact number.

{rounding}
"""


def main(path: str = "benchmarks/exactness.md") -> None:
    """Measure, write, print."""
    compared, own = list(compare()), list(ourselves())
    text = TEXT.format(
        machine=machine(), L=L, S=S, D=D, seeds=SEEDS, normwise=normwise_table(compared),
        over=over_table(compared, own), rounding=rounding_table(compared, own),
    )  # fmt: skip
    write_text(Path(path), text)
    print(text)


if __name__ == "__main__":
    main(*sys.argv[1:2])
