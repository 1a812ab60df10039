"""Agreement of heads: how much weight two heads of an attention put on the same keys.

    overlap(a, b) = Σ_t min(a_t, b_t)      1 for equal maps, 0 for disjoint ones; 1 - half of Σ_t |a_t - b_t|

Overlaps are means over the queries with two visible keys or more: others have no choice.
"""

import itertools
import math
from typing import Any

import numpy as np

from ..functional.base.admission import Array
from ..nn.head_entries import WHOLE
from ..nn.parameters import Params
from .run import LEARNED, Run
from .watching import watched_batches

Pairs = dict[tuple[int, int], float]


def pair_overlaps(weights: Array, rows: Array | None = None) -> Pairs:
    """The overlap of every two heads, counted from 1; weights (N, H, L, T), rows (N, L) True for what counts.

    Examples
    --------
    >>> pair_overlaps(np.array([[[[0.5, 0.5, 0.0]], [[0.0, 0.5, 0.5]]]]))
    {(1, 2): 0.5}
    """
    counts = np.ones((len(weights), weights.shape[2]), bool) if rows is None else rows
    return {
        (one + 1, other + 1): _mean(np.minimum(weights[:, one], weights[:, other]).sum(axis=-1)[counts])
        for one, other in itertools.combinations(range(weights.shape[1]), 2)
    }


def head_overlap(weights: Array) -> float:
    """The mean of `pair_overlaps`; NaN for a single head."""
    return _mean(np.array([*pair_overlaps(weights).values()]))


def overlaps_by_place(objective: Any, params: Params, examples: Any) -> dict[str, Pairs]:
    """`pair_overlaps` of every attention of a model with two heads or more, on the first examples."""
    if not hasattr(objective.model, "attention"):
        return {}
    found: dict[str, list[tuple[Pairs, int]]] = {}
    for batch in watched_batches(objective, params, examples):
        for place, seen in batch.items():
            if seen.weights.shape[1] > 1:
                rows = seen.visible[:, 0].sum(axis=-1) > 1
                found.setdefault(place or WHOLE, []).append((pair_overlaps(seen.weights, rows), rows.sum()))
    return {place: _weighted(parts) for place, parts in found.items()}


def agreement_lines(run: Run, data: Any) -> list[str]:
    """A table of the learned model's attentions, on held-out examples.

    The mean overlap with the parameters that the run started from and now, and the two heads that agree least
    and those that agree most.
    """
    objective = run.objectives()[LEARNED]
    then, now = (
        overlaps_by_place(objective, params, data.test) for params in (run.starts[LEARNED], run.params)
    )
    if not now:
        return []
    title = "Agreement of heads"
    width = max(len(title) - 2, *map(len, now))
    lines = ["", f"{title:<{width + 2}}  start     now  least        most"]
    for place, pairs in now.items():
        means = [_mean(np.array([*each[place].values()])) for each in (then, now)]
        least, most = (choose(pairs, key=pairs.__getitem__) for choose in (min, max))
        ends = [f"{pairs[pair]:.3f} {pair[0]}, {pair[1]}" for pair in (least, most)]
        lines.append(f"  {place:<{width}}  {means[0]:.3f}   {means[1]:.3f}  {ends[0]:<11}  {ends[1]}")
    return lines


def _weighted(parts: list[tuple[Pairs, int]]) -> Pairs:
    """The mean of several parts, each with its number of rows; a part without any does not count."""
    total = sum(count for _, count in parts)
    return {
        pair: sum(own[pair] * count for own, count in parts if count) / total if total else math.nan
        for pair in parts[0][0]
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else math.nan
