"""What training does to a network, in numbers that a reader can follow from epoch to epoch.

focus   1 - entropy / log T     0: uniform over the tokens, 1: all on a single one
alike   Σ_t min(a_t, b_t)       the share of weight that two heads put on the same tokens
moved   ||W - W_0|| / ||W_0||   how far a parameter has come from its start
"""

import itertools
import math

import numpy as np

from ..nn.parameters import Params
from ..optim.trees import flatten
from .data import Array


def focus(weights: Array, lengths: Array | None = None) -> float:
    """1 - entropy / log T, the mean over all queries and heads of weights (N, H, L, T).

    With `lengths` (N,), T is how many tokens an example has. Examples of one token, which have nothing to
    choose, do not count; NaN if there are no others.

    Examples
    --------
    >>> focus(np.array([[[[0.5, 0.5]]], [[[1.0, 0.0]]]]))
    0.5
    """
    counts = np.full(len(weights), weights.shape[-1]) if lengths is None else lengths
    some = counts > 1
    if not some.any():
        return math.nan
    chosen = weights[some]
    entropy = -(chosen * np.log(np.where(chosen > 0, chosen, 1.0))).sum(axis=-1)  # (N, H, L)
    return float((1 - entropy / np.log(counts[some])[:, None, None]).mean())


def alike(weights: Array) -> float:
    """How much weight two heads put on the same tokens, the mean over all pairs; weights (N, H, L, T).

    1 if they are the same, 0 if they never meet; NaN for a single head.

    Examples
    --------
    >>> alike(np.array([[[[0.5, 0.5, 0.0]], [[0.0, 0.5, 0.5]]]]))
    0.5
    """
    pairs = list(itertools.combinations(range(weights.shape[1]), 2))
    if not pairs:
        return math.nan
    shared = [np.minimum(weights[:, one], weights[:, other]).sum(axis=-1).mean() for one, other in pairs]
    return float(np.mean(shared))


def moved(params: Params, start: Params) -> dict[str, float]:
    """||W - W_0|| / ||W_0|| of every parameter that does not start at 0, in the Frobenius norm.

    Examples
    --------
    >>> moved({"a": {"weight": np.array([3.0, 1.0])}}, {"a": {"weight": np.array([3.0, 4.0])}})
    {'a.weight': 0.6}
    """
    now, then = flatten(params), flatten(start)
    lengths = {name: _norm(array) for name, array in then.items()}
    return {name: _norm(now[name] - then[name]) / length for name, length in lengths.items() if length > 0}


def _norm(array: Array) -> float:
    """The Frobenius norm, in units of the largest entry: what has run away is infinite and no warning."""
    largest = float(np.abs(array).max(initial=0.0))
    return largest * float(np.linalg.norm(array / largest)) if largest > 0 else 0.0


def records(
    maps: dict[str, Array], params: Params, start: Params, lengths: Array | None = None
) -> dict[str, float]:
    """All of these of one model after an epoch, by name: maps of weights (N, H, L, T) by their names.

    A learned temperature is told as well, head by head.
    """
    told = {f"focus.{name}": focus(weights, lengths) for name, weights in maps.items()}
    told |= {f"alike.{name}": alike(weights) for name, weights in maps.items() if weights.shape[1] > 1}
    for name, array in flatten(params).items():
        if name.endswith("log_temperature"):
            place = "tokens" if name.startswith("self_attn.") else "pooling"
            heads = enumerate(np.exp(array), 1)
            told |= {f"temperature.{place}.{head}": float(value) for head, value in heads}
    return told | {f"moved.{name}": value for name, value in moved(params, start).items()}
