"""The process that sessions are drawn from, and the probability of every next item that it gives.

    group_t  ~ follows[group_{t-2}, group_{t-1}]          of order 2
    season_t = season_{t-1}, or the next one with probability `drift`; hidden
    item_t   ~ popular[season_t], among the items of group_t

    P(item_t | items before) = follows[group_{t-2}, group_{t-1}, group] Σ_s belief_t(s) popular[s, item]
    belief_t                 = move(belief_{t-1} · popular[:, item_{t-1}] / sum)

The second pair of lines is the forward filter of a hidden Markov model (Rabiner 1989): exact. No ranking has
a higher expected hit rate, or NDCG, than one by these probabilities.
"""

from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...nn.sampling import draw

GROUPS, IN_GROUP, SEASONS = 12, 20, 4
ITEMS = GROUPS * IN_GROUP
DRIFT = 0.05
CONCENTRATION = 0.12
"""Of the Dirichlet distribution that each row of `follows` is drawn from: two or three groups are likely"""
ZIPF = 1.2
"""The item of rank r, from 1, is popular as 1 / r^ZIPF in its group."""


class Process(NamedTuple):
    """The probabilities that sessions are drawn by; the items of group g are those from g IN_GROUP on."""

    follows: Array
    """(GROUPS, GROUPS, GROUPS) probability of a group after the second last and the last one"""
    popular: Array
    """(SEASONS, ITEMS) probability of an item in its group"""


def drawn_process(rng: np.random.Generator) -> Process:
    """Another process for every seed: in each season, other items of a group are popular."""
    follows = rng.dirichlet(np.full(GROUPS, CONCENTRATION), size=(GROUPS, GROUPS))
    share = 1 / np.arange(1, IN_GROUP + 1) ** ZIPF
    popular = rng.permuted(np.tile(share / share.sum(), (SEASONS, GROUPS, 1)), axis=2)
    return Process(follows, popular.reshape(SEASONS, ITEMS))


def drawn_sessions(rng: np.random.Generator, process: Process, count: int, length: int) -> Array:
    """(count, length) items; the first two groups, and the first season, are any with equal probability."""
    items = np.empty((count, length), dtype=np.int64)
    groups = rng.integers(GROUPS, size=(count, length))
    season = rng.integers(SEASONS, size=count)
    within = process.popular.reshape(SEASONS, GROUPS, IN_GROUP)
    for t in range(length):
        if t >= 2:
            groups[:, t] = draw(process.follows[groups[:, t - 2], groups[:, t - 1]], rng)
        if t:
            season = (season + (rng.random(count) < DRIFT)) % SEASONS
        items[:, t] = groups[:, t] * IN_GROUP + draw(within[season, groups[:, t]], rng)
    return items


def next_item_probabilities(process: Process, items: Array) -> Array:
    """(N, T - 2, ITEMS): of every item at each place from the third on, given the items (N, T) before it."""
    belief = np.full((len(items), SEASONS), 1 / SEASONS)
    groups, results = items // IN_GROUP, []
    for t in range(items.shape[1]):
        if t >= 2:
            group = process.follows[groups[:, t - 2], groups[:, t - 1]]
            results.append(np.repeat(group, IN_GROUP, axis=1) * (belief @ process.popular))
        likely = belief * process.popular[:, items[:, t]].T
        likely /= likely.sum(axis=1, keepdims=True)
        belief = (1 - DRIFT) * likely + DRIFT * np.roll(likely, 1, axis=1)
    return np.stack(results, axis=1)
