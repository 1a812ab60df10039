"""Everything that `look` knows of one example: maps, attributions, counter-tests."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...nn.interventions import Seen, fixed
from ...nn.rollout import relevance, rollout
from ...training.run import Run
from ...training.task import larger_is_better
from . import measures
from .counter_tests import Changed, answer_changes, figure, figure_losses, spread_rows
from .integrated import Integrated, integrated_gradients
from .other_map import other_rows
from .readings import Subject, reading

MOST_ROWS = 8
"""Queries of a map for which another one is sought."""


class Head(NamedTuple):
    """The numbers of one map."""

    entropy: float
    """As a share of the log of the number of visible keys; NaN where each query sees one"""
    keys: float
    """Effective number of keys"""
    gradient: float
    """Σ |weight * gradient of what is explained by the weight|"""
    answer: Changed
    figure: Changed
    distance: float | None
    """Total variation to another map with the same output, the mean of the queries; None if there is none"""
    same: float
    """By how much what is explained changes with that map: rounding"""
    agreement: float
    """Rank correlation of the weights of the queries that are read with |integrated gradients|, or NaN"""


class Place(NamedTuple):
    """One place where the model attends."""

    name: str
    """As its parameters are called"""
    label: str
    weights: Array
    """(H, L, S)"""
    visible: Array
    gradients: Array
    """Of what is explained, by the weights"""
    heads: tuple[Head, ...]
    together: tuple[Changed, Changed]
    """All heads changed: the answer, and the figure"""
    queries: tuple[str, ...]
    keys: tuple[str, ...]


ROLLOUT, RELEVANCE, WEIGHTS, GRADIENT = "rollout", "relevance", "weights", "gradient"


class Chain(NamedTuple):
    """What reaches the queries that are read: through layers of self-attention, or through one map."""

    label: str
    input: int
    """Whose tokens these are"""
    shares: dict[str, Array]
    """(T,) each, its sum 1: rollout, and relevance by gradients (`nn.rollout`); of one map the mean of its
    heads' weights, and of weight x gradient where that is positive"""


class Looked(NamedTuple):
    """One example of a run."""

    task: str
    example: int
    """From 1"""
    examples: int
    answer: str
    explained: str
    value: float
    names: tuple[tuple[str, ...], ...]
    start: str
    """What the integrated gradients start from"""
    places: tuple[Place, ...]
    chains: tuple[Chain, ...]
    integrated: Integrated | None
    metric: str
    better: str
    """ "larger" or "smaller" """
    figure: float
    judged: int
    """The examples of the figure"""


def look(
    run: Run, data: Any, example: int, position: int | None = None, steps: int | None = None,
    judged: int = 64,
) -> Looked:  # fmt: skip
    """Look at an example of the held-out part, counted from 1.

    position : of the symbol that is predicted, where each is; steps : of the integrated gradients;
    judged : examples for the task's figure

    Raises
    ------
    ValueError
        As `readings.reading`.
    """
    own = reading(run, data, example - 1, position)
    passed = own.forward({}, [x[None] for x in own.inputs])
    value = float(passed.values[0])
    passed.back()
    integrated = integrated_gradients(own.forward, own.inputs, own.baseline, steps) if own.inputs else None
    part = data.test.some(spread_rows(data.test.size, judged))
    before = figure(run, part, {})
    places = []
    maps = {name: one_sequence(seen, own.sequence(name)) for name, seen in passed.seen.items()}
    for name, seen in maps.items():
        heads = tuple(
            Head(
                *head_numbers(own, name, seen, head),
                answer_changes(own, value, name, [head]),
                figure_losses(run, part, before, name, [head]),
                *another_map(own, value, name, passed.seen[name], head),
                agreement(own, integrated, name, seen.weights[head]),
            )
            for head in range(len(seen.weights))
        )
        together = (
            answer_changes(own, value, name, None),
            figure_losses(run, part, before, name, None),
        )
        places.append(place_of(own, name, seen, heads, together))
    return Looked(
        run.task.name, example, data.test.size, own.answer, own.explained, value, own.names, own.start,
        tuple(places), chains_of(own, maps), integrated, run.task.metric,
        "larger" if larger_is_better(run.task) else "smaller", before, part.size,
    )  # fmt: skip


def entry(x: Array, place: int) -> Array:
    """(H, L, S) of (1, …, H, L, S): where an example is several sequences, those of one of them."""
    rows = x.reshape(-1, *x.shape[-3:])
    return np.asarray(rows[min(place, len(rows) - 1)])


def one_sequence(seen: Seen, place: int) -> Seen:
    """What one sequence had, (H, L, S) each; the gradients are 0 where none came, and for hidden keys."""
    weights, visible = entry(seen.weights, place), entry(seen.visible, place)
    gradients = np.zeros_like(weights) if seen.d_weights is None else entry(seen.d_weights, place)
    return Seen(weights, visible, entry(seen.value, place), np.where(visible, gradients, 0))


def head_numbers(own: Subject, name: str, seen: Seen, head: int) -> tuple[float, float, float]:
    """Entropy, effective keys, and gradient times weights of a head."""
    weights, visible = seen.weights[head], seen.visible[head]
    gradient = float(np.abs(weights * seen.d_weights[head]).sum())
    return measures.entropy_share(weights, visible), measures.effective_keys(weights), gradient


def another_map(own: Subject, value: float, name: str, seen: Seen, head: int) -> tuple[float | None, float]:
    """How far the map with the same output is that has least in common, and what it does to the answer."""
    one = one_sequence(seen, own.sequence(name))
    weights, visible, values = one.weights, one.visible, one.value
    read = own.read(name, weights.shape[1])
    rows = read[spread_rows(len(read), MOST_ROWS)]
    group = head * len(values) // len(weights)
    other = other_rows(weights[head, rows], values[group], visible[head, rows])
    if np.array_equal(other, weights[head, rows]):
        return None, 0.0
    changed = seen.weights.copy()
    entry(changed, own.sequence(name))[head, rows] = other
    found = own.forward({name: fixed(changed)}, [x[None] for x in own.inputs]).values
    distance = measures.total_variation(weights[head, rows], other).mean()
    return float(distance), float(found[0]) - value


def agreement(own: Subject, integrated: Integrated | None, name: str, weights: Array) -> float:
    """Rank correlation of the weights (L, S) of the queries that are read with |integrated gradients|."""
    if integrated is None:
        return float("nan")
    attributions = integrated.attributions[own.source(name)]
    if len(attributions) != weights.shape[1]:
        return float("nan")
    return measures.rank_correlation(weights[own.read(name, len(weights))].mean(axis=0), np.abs(attributions))


def place_of(
    own: Subject, name: str, seen: Seen, heads: tuple[Head, ...], together: tuple[Changed, Changed]
) -> Place:
    """A place with the names of its queries and keys."""
    weights = seen.weights
    queries = names_of(own.names, own.queries(name), weights.shape[1])
    keys = names_of(own.names, own.source(name), weights.shape[2])
    return Place(
        name, label_of(name, own.whole), weights, seen.visible, seen.d_weights, heads, together, queries, keys
    )


def names_of(names: Sequence[tuple[str, ...]], place: int, count: int) -> tuple[str, ...]:
    """The names of an input's tokens; numbers, where it has not so many."""
    own = names[place] if names else ()
    return own if len(own) == count else tuple(str(token) for token in range(1, count + 1))


def label_of(name: str, whole: str = "pooling") -> str:
    """A place in words; `whole` for that of the model itself.

    Examples
    --------
    >>> label_of("layers.0.self_attn"), label_of("decoder.layers.1.multihead_attn"), label_of("")
    ('layer 1', 'decoder layer 2, to the encoder', 'pooling')
    """
    text = re.sub(r"layers\.(\d+)", lambda found: f"layer {int(found[1]) + 1}", name)
    text = text.replace(".self_attn", "").replace(".multihead_attn", ", to the encoder")
    return text.replace(".", " ") or whole


def chains_of(own: Subject, maps: dict[str, Seen]) -> tuple[Chain, ...]:
    """Rollout and relevance of layers of self-attention, and the map itself of any other attention."""
    stacks: dict[str, list[tuple[str, Seen]]] = {}
    for name, seen in maps.items():
        stack = name.partition("layers")[0] if name.endswith("self_attn") else name
        stacks.setdefault(stack, []).append((name, seen))
    return tuple(chain_of(own, stack, *zip(*layers, strict=True)) for stack, layers in stacks.items())


def chain_of(own: Subject, stack: str, names: tuple[str, ...], layers: tuple[Seen, ...]) -> Chain:
    """The `Chain` of one stack of layers, or of one place."""
    maps, gradients = [one.weights for one in layers], [one.d_weights for one in layers]
    read = own.read(names[0], maps[0].shape[1])
    if names[0].endswith("self_attn"):
        found = {ROLLOUT: rollout(maps), RELEVANCE: relevance(maps, gradients) - np.eye(maps[0].shape[1])}
        label = stack.rstrip(".") or "all layers"
    else:
        positive = np.maximum(maps[0] * gradients[0], 0)
        found = {WEIGHTS: maps[0].mean(axis=0), GRADIENT: positive.mean(axis=0)}
        label = label_of(names[0], own.whole)
    means = {name: x[read].mean(axis=0) for name, x in found.items()}
    return Chain(label, own.source(names[0]), {name: x / (x.sum() or 1) for name, x in means.items()})


def shares_of(looked: Looked, place: int) -> list[tuple[str, str, Array]]:
    """(label, what, shares) of an input's tokens: a column of a table, or a picture, each."""
    count = len(looked.names[place])
    return [
        (chain.label, name, shares)
        for chain in looked.chains
        for name, shares in chain.shares.items()
        if chain.input == place and len(shares) == count
    ]
