"""Numbers that show, epoch by epoch, what training does to a network.

    focus   1 - entropy / log T     0: uniform over the tokens, 1: all on a single one
    alike   Σ_t min(a_t, b_t)       the share of weight that two heads have on the same tokens:
                                    training/agreement.py
    moved   ||W - W_0|| / ||W_0||   distance of a parameter from its initial value: training/records.py

The names are those of the history and of `train --verbose`.
"""

import math

import numpy as np

from ...functional.base.admission import Array
from ...nn.parameters import Params
from ...training.adaptive import adapted
from ...training.agreement import head_overlap
from ...training.records import moved


def focus(weights: Array, lengths: Array | None = None) -> float:
    """1 - entropy / log T, the mean over all queries and heads of weights (N, H, L, T).

    With `lengths` (N,), T is the example's own number of tokens. Examples of one token are left out; NaN if
    there are no others.

    Examples
    --------
    >>> focus(np.array([[[[0.5, 0.5]]], [[[1.0, 0.0]]]]))
    0.5
    """
    counts = np.full(len(weights), weights.shape[-1]) if lengths is None else lengths
    several = counts > 1
    if not several.any():
        return math.nan
    kept = weights[several]
    entropy = -(kept * np.log(np.where(kept > 0, kept, 1.0))).sum(axis=-1)  # (N, H, L)
    return float((1 - entropy / np.log(counts[several])[:, None, None]).mean())


def epoch_records(
    maps: dict[str, Array], params: Params, start: Params, lengths: Array | None = None
) -> dict[str, float]:
    """All records of one model after an epoch, by name: "focus.pooling", "moved.score.weight", …

    maps: weights (N, H, L, T) by name.
    """
    row = {f"focus.{name}": focus(weights, lengths) for name, weights in maps.items()}
    row |= {f"alike.{name}": head_overlap(weights) for name, weights in maps.items() if weights.shape[1] > 1}
    return row | adapted(params) | moved(params, start)
