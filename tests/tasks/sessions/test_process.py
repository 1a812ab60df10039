"""The process of sessions: what it draws, and its filter against a sum over all seasons."""

from itertools import product

import numpy as np

from numpy_attention.tasks.sessions import process
from numpy_attention.tasks.sessions.process import (
    DRIFT,
    GROUPS,
    IN_GROUP,
    ITEMS,
    SEASONS,
    drawn_process,
    drawn_sessions,
    next_item_probabilities,
)

PROCESS = drawn_process(np.random.default_rng(2))


def test_probabilities_of_groups_and_of_items_sum_to_one():
    np.testing.assert_allclose(PROCESS.follows.sum(axis=-1), 1)
    within = PROCESS.popular.reshape(SEASONS, GROUPS, IN_GROUP)
    np.testing.assert_allclose(within.sum(axis=-1), 1)
    assert not np.array_equal(within[0].argmax(axis=-1), within[1].argmax(axis=-1))


def test_sessions_are_drawn_by_the_process():
    items = drawn_sessions(np.random.default_rng(3), PROCESS, 4000, 7)
    groups = items // IN_GROUP
    after = (groups[:, 2:-1].ravel(), groups[:, 3:].ravel(), groups[:, 1:-2].ravel())
    counts = np.zeros((GROUPS, GROUPS, GROUPS))
    np.add.at(counts, (after[2], after[0], after[1]), 1)
    total = counts.sum(axis=-1)
    often = total > 100
    spread = np.sqrt(PROCESS.follows * (1 - PROCESS.follows) / np.maximum(total, 1)[..., None])
    off = np.abs(counts / np.maximum(total, 1)[..., None] - PROCESS.follows) / np.maximum(spread, 1e-3)
    assert often.sum() > 20
    assert off[often].max() < 6
    first = np.bincount(items[:, 0], minlength=ITEMS) / len(items)
    assert np.abs(first - PROCESS.popular.mean(axis=0) / GROUPS).max() < 0.01


def test_the_filter_equals_the_sum_over_all_seasons():
    items = drawn_sessions(np.random.default_rng(4), PROCESS, 3, 5)
    ours = next_item_probabilities(PROCESS, items)
    assert ours.shape == (3, 3, ITEMS)
    np.testing.assert_allclose(ours.sum(axis=-1), 1)
    for row, ranked in zip(items, ours, strict=True):
        for t in range(2, len(row)):
            joint = np.zeros(ITEMS)
            for seasons in product(range(SEASONS), repeat=t + 1):
                steps = np.diff(seasons) % SEASONS
                path = np.prod(np.select([steps == 0, steps == 1], [1 - DRIFT, DRIFT], 0))
                seen = np.prod([PROCESS.popular[s, i] for s, i in zip(seasons[:t], row[:t], strict=True)])
                joint += path * seen * PROCESS.popular[seasons[t]]
            group = PROCESS.follows[row[t - 2] // IN_GROUP, row[t - 1] // IN_GROUP]
            joint *= np.repeat(group, IN_GROUP)
            np.testing.assert_allclose(ranked[t - 2], joint / joint.sum(), rtol=1e-9)


def test_the_season_moves_on_at_each_item_from_the_second_on(monkeypatch):
    monkeypatch.setattr(process, "DRIFT", 1.0)
    rng = np.random.default_rng(0)
    popular = np.tile(np.eye(SEASONS, IN_GROUP), GROUPS)  # item s of each group
    known = drawn_process(rng)._replace(popular=popular)
    seasons = drawn_sessions(rng, known, 7, 5) % IN_GROUP
    np.testing.assert_array_equal(seasons, (seasons[:, :1] + np.arange(5)) % SEASONS)
