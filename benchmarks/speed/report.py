"""The page: tables of the measurements in the JSON file."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.exactness import table
from benchmarks.speed.attention import PRODUCTS, TORCH

Section = dict[str, Any]

INTRODUCTION = """\
# Speed of attention beside other libraries

Made by `python -m benchmarks.speed`, on {machine}; BLAS of NumPy: {blas}. All sides have {threads} threads.

Two sides take turns, A B A B …, in one process, each turn after all threads are idle; the ratio is taken pair
by pair. A cell gives the median of our time over theirs, below 1 where ours is less, and in brackets the
smallest and the largest. The first calls, which compile and allocate, are not timed; their results are
compared first: in attention they may differ by (n + D (1 + score)) eps of an array's largest number, where n
is the longest sum and score five standard deviations of the scores. “Of the limit” is a rate: 4 L S D
(forward) or 14 L S D (forward + backward) floating-point operations of the visible pairs in our time, over
the rate of NumPy's product of 2048 x 2048 matrices on all threads, which takes turns with ours.
"""

SECTIONS = {
    "plain": "Attention, float32: everything visible",
    "causal": "Attention, float32: causal",
    "window": "Attention, float32: a query sees its own key and the 255 before it",
    "float64": "Attention, float64",
    "other": "Attention, float32: other shapes and scores",
    "limit": "The limit: products of 2048 x 2048 matrices",
    "floor": "The floor: the products of fast_attention, exp2 and one multiplication, and nothing else",
    "functions": "Functions, float32",
    "adam": "Adam, float32",
    "gpt": "A GPT of 4 layers, width 128, 4 heads, float32",
    "training": "Training digit-bags, float64",
    "commands": "Commands and imports, as whole processes",
    "growth": "How cost grows: one head, width 64, float32, forward + backward",
}


def page(results: dict[str, Any]) -> str:
    """The whole page in Markdown."""
    parts = [INTRODUCTION.format(**results["about"]), summary(results["sections"])]
    for name, title in SECTIONS.items():
        if name in results["sections"]:
            section = results["sections"][name]
            body = BODIES.get(name, comparison_table)(section["rows"])
            parts.append(f"## {title}\n\n{noise(section)}\n\n{body}")
    return "\n\n".join(part for part in parts if part) + "\n"


def noise(section: Section) -> str:
    """Time of the measurement, and the load of other processes."""
    others = section["others"]
    share = "unknown" if others is None else f"{100 * others:.0f} % of the processors' time"
    return f"{section['when']}, {section['seconds']:.0f} s. Load of other processes meanwhile: {share}."


# ------------------------------------------------------------------------------------------ comparisons


def comparison_table(rows: list[dict[str, Any]]) -> str:
    """One line per row and one column per peer; then the peers left out, with reasons."""
    peers = list(dict.fromkeys(row["peer"] for row in rows if row["peer"] != "alone"))
    names = list(dict.fromkeys(row["row"] for row in rows))
    cells = {(row["row"], row["peer"]): cell(row) for row in rows}
    head = ["", "ours", *("of the limit" if peer == PRODUCTS else peer for peer in peers)]
    lines = []
    for name in names:
        own = [x for row in rows if row["row"] == name for x in row.get("ours", [])]
        time = duration(statistics.median(own)) if own else "–"
        lines.append([name, time, *(cells.get((name, peer), "") for peer in peers)])
    reasons = dict.fromkeys(
        f"{row['peer']}: {why}" for row in rows if (why := row.get("left_out") or row.get("differ"))
    )
    notes = [f"– {reason}." for reason in reasons]
    return "\n\n".join([table(head, lines), *notes])


def limit_table(rows: list[dict[str, Any]]) -> str:
    """Rates of the matrix products."""
    lines = []
    for row in rows:
        both = [f"{statistics.median(row[side]):.0f}" for side in ("rate", "their_rate") if side in row]
        lines.append([row["row"], *both, *["not installed"] * (2 - len(both))])
    return table(["GFLOP/s, median", "NumPy", "torch"], lines)


def cell(row: dict[str, Any]) -> str:
    """The ratio, "differs", or – for none."""
    if "differ" in row:
        return "**differs**"
    if "ratio" not in row:
        return "–"
    r = row["ratio"]
    return f"{r['median']:.2f} ({r['least']:.2f}–{r['largest']:.2f})"


def duration(seconds: float) -> str:
    """Seconds to three digits, in a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


# ---------------------------------------------------------------------------------------- summary


def summary(sections: dict[str, Section]) -> str:
    """Self-attention beside torch's best backend on each row, and its rates."""
    lines = []
    for name in ("plain", "causal", "window", "float64"):
        rows = sections.get(name, {}).get("rows", [])
        for direction in ("forward", "forward + backward"):
            mine = [row for row in rows if row["row"].startswith(f"{direction},")]
            long = {row["row"]: row for row in mine if length(row["row"]) >= 128}
            best = [r for r in (against_best(mine, row) for row in long) if r is not None]
            rates = [row["ratio"]["median"] for row in mine if row["peer"] == PRODUCTS and row["row"] in long]
            if best and rates:
                mean = math.exp(statistics.fmean(map(math.log, best)))
                lines.append([
                    f"{SECTIONS[name]}, {direction}", f"{len(best)}", f"{mean:.2f}",
                    f"{min(best):.2f}–{max(best):.2f}", f"{min(rates):.2f}–{max(rates):.2f}",
                ])  # fmt: skip
    head = ["L of 128 and more", "rows", "over torch's best, mean", "smallest–largest", "of the limit"]
    return f"Means are geometric.\n\n{table(head, lines)}" if lines else ""


def length(row: str) -> int:
    """L of a row's (heads, L, D)."""
    return int(row.split("(")[1].split(",")[1])


def against_best(rows: list[dict[str, Any]], name: str) -> float | None:
    """The ratio to whichever backend of torch was fastest."""
    backends = [
        row for row in rows if row["row"] == name and row["peer"] in TORCH.values() and "ratio" in row
    ]
    if not backends:
        return None
    return float(max(row["ratio"]["median"] for row in backends))


# ----------------------------------------------------------------------------------------- growth


def growth_tables(points: list[dict[str, Any]]) -> str:
    """Time, then memory, one line per length; then the points with several heads."""
    single = [point for point in points if point["heads"] == 1]
    several = [point for point in points if point["heads"] != 1]
    parts = [
        grid(single, "time", lambda point: duration(point["seconds"])),
        "Peak memory above that of inputs and outputs:",
        grid(single, "memory", lambda point: megabytes(point["bytes"])),
    ]
    for point in several:
        if "seconds" in point:
            parts.append(
                f"{point['who']}, {point['heads']} heads, L = {point['length']}: "
                f"{duration(point['seconds'])}, {megabytes(point['bytes'])}."
            )
    return "\n\n".join(parts)


def grid(points: Sequence[dict[str, Any]], what: str, shown: Callable[[dict[str, Any]], str]) -> str:
    """A column per side and mask."""
    columns = list(dict.fromkeys((point["who"], point["see"]) for point in points))
    lengths = sorted({point["length"] for point in points})
    at = {(p["who"], p["see"], p["length"]): shown(p) if "seconds" in p else "–" for p in points}
    head = [f"L, {what}", *(f"{who}, {see}" for who, see in columns)]
    return table(head, [[f"{L:,}", *(at.get((*column, L), "") for column in columns)] for L in lengths])


def megabytes(size: float) -> str:
    """Bytes in units of 1e6."""
    return f"{size / 1e6:.3g} MB" if size < 1e9 else f"{size / 1e6:,.0f} MB"


BODIES: dict[str, Callable[[list[dict[str, Any]]], str]] = {"growth": growth_tables, "limit": limit_table}
