"""What the loop trains on words: losses and gradients of the next symbol."""

from dataclasses import replace

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.words.examples import Pairs, Windows
from numpy_attention.tasks.words.objectives import NextToken, Translating, translated
from numpy_attention.training.loop import train
from numpy_attention.training.settings import Settings

OBJECTIVE = NextToken(nn.LanguageModel(5, 8, 2, 1, 6))
WINDOWS = Windows(np.random.default_rng(0).integers(5, size=60), np.arange(0, 50, 6), 6)


def test_parameters_are_float32_and_repeat():
    one, again = (flatten(OBJECTIVE.init(np.random.default_rng(3))) for _ in range(2))
    assert {x.dtype for x in one.values()} == {np.dtype(np.float32)}
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert {name: x.shape for name, x in one.items()} == flatten(OBJECTIVE.shapes())


def test_the_loss_of_a_batch_is_that_of_its_figures():
    params = OBJECTIVE.init(np.random.default_rng(3))
    loss, d_params, targets, right = OBJECTIVE.loss_and_gradients(params, WINDOWS, 0)
    figures = OBJECTIVE.figures(params, WINDOWS)
    assert targets == 9 * 6
    assert figures == (pytest.approx(loss, rel=1e-6), right / targets)
    assert {name: x.shape for name, x in flatten(d_params).items()} == flatten(OBJECTIVE.shapes())


def test_dropout_follows_the_seed():
    objective = NextToken(nn.LanguageModel(5, 8, 2, 1, 6, dropout=0.5))
    params = objective.init(np.random.default_rng(3))
    losses = [objective.loss_and_gradients(params, WINDOWS, seed).loss for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


TRANSLATING = Translating(nn.Seq2Seq(7, 8, 2, 1, 6, target_vocabulary=6, positions="learned"))
PAIRS = Pairs(
    np.array([[3, 4, 5], [4, 6, 0], [5, 0, 0], [6, 3, 3]]),
    np.array([3, 2, 1, 3]),
    np.array([[1, 3, 4, 2], [1, 4, 2, 0], [1, 5, 5, 2], [1, 2, 0, 0]]),
    np.array([4, 3, 4, 2]),
)


def test_the_loss_of_pairs_is_that_of_their_figures():
    params = TRANSLATING.init(np.random.default_rng(3))
    loss, d_params, targets, _ = TRANSLATING.loss_and_gradients(params, PAIRS, 0)
    assert targets == 3 + 2 + 3 + 1
    assert TRANSLATING.figures(params, PAIRS).loss == pytest.approx(loss, rel=1e-6)
    assert {name: x.shape for name, x in flatten(d_params).items()} == flatten(TRANSLATING.shapes())


def test_padding_of_pairs_changes_nothing():
    params = TRANSLATING.init(np.random.default_rng(3))
    wider = PAIRS._replace(
        source=np.pad(PAIRS.source, ((0, 0), (0, 2))), target=np.pad(PAIRS.target, ((0, 0), (0, 3)))
    )
    outcomes = [TRANSLATING.loss_and_gradients(params, pairs, 0) for pairs in (PAIRS, wider)]
    assert outcomes[0][::2] == outcomes[1][::2]
    alone = [TRANSLATING.loss_and_gradients(params, PAIRS.some([row]), 0) for row in range(4)]
    assert sum(one.loss * one.targets for one in alone) == pytest.approx(outcomes[0].loss * 9, rel=1e-5)


def test_exact_figures_are_those_of_greedy_decoding():
    settings, shares = Settings(epochs=24, batch_size=2, lr=0.02), set()
    for epoch in train(TRANSLATING, PAIRS, settings):
        found = translated(TRANSLATING.model, epoch.params, PAIRS)
        exact = [
            ids == row[1 : length - 1].tolist() for ids, row, length in zip(found, *PAIRS[2:], strict=True)
        ]
        assert TRANSLATING.figures(epoch.params, PAIRS).accuracy == np.mean(exact)
        shares.add(np.mean(exact))
    assert len(shares) > 2


def test_decoding_stops_at_the_context():
    params = TRANSLATING.init(np.random.default_rng(3))
    params["target_embedding"]["weight"][2] = -100 * params["target_embedding"]["weight"][1]  # never END
    assert {len(ids) for ids in translated(TRANSLATING.model, params, PAIRS)} <= {*range(7)}


def test_the_start_of_branches_and_embeddings_is_scaled():
    plain = flatten(OBJECTIVE.init(np.random.default_rng(3)))
    scaled = flatten(replace(OBJECTIVE, spread=2.0, branches=0.5).init(np.random.default_rng(3)))
    factors = {name: np.unique(scaled[name][x != 0] / x[x != 0]).tolist() for name, x in plain.items()}
    last = {"layers.0.self_attn.out_proj.weight", "layers.0.linear2.weight"}
    assert {name for name, factor in factors.items() if factor == [0.5]} == last
    assert [name for name, factor in factors.items() if factor == [2.0]] == ["embedding.weight"]
    assert all(factor in ([], [0.5], [1.0], [2.0]) for factor in factors.values())


def test_lengths_give_nats_a_character_and_their_gradient():
    lengths = np.array([1, 2, 3, 1, 5])
    params, longer = OBJECTIVE.init(np.random.default_rng(3)), replace(OBJECTIVE, lengths=lengths)
    ids, characters = (
        f(params, WINDOWS, 0) for f in (OBJECTIVE.loss_and_gradients, longer.loss_and_gradients)
    )
    assert characters.targets == lengths[WINDOWS.rows[:, 1:]].sum()
    assert characters.loss * characters.targets == pytest.approx(ids.loss * ids.targets, rel=1e-6)
    for name, x in flatten(ids.d_params).items():
        wanted = x * (ids.targets / characters.targets)
        np.testing.assert_allclose(flatten(characters.d_params)[name], wanted, rtol=1e-4, atol=1e-7)
    figures = longer.figures(params, WINDOWS)
    assert figures == (pytest.approx(characters.loss, rel=1e-6), characters.right / characters.targets)


def test_figures_count_the_judged_targets_alone():
    params = OBJECTIVE.init(np.random.default_rng(3))
    one = WINDOWS.some(slice(2, 3))
    by_hand = [
        OBJECTIVE.figures(params, one._replace(counted=np.array([count]))).loss * count
        for count in range(1, 7)
    ]
    logits = OBJECTIVE.model.forward(params, one.rows[:, :-1])[0][0].astype(float)
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    each = -log_p[np.arange(6), one.rows[0, 1:]]
    np.testing.assert_allclose(by_hand, each[::-1].cumsum(), rtol=1e-5)


@pytest.mark.parametrize("objective, examples", [(OBJECTIVE, WINDOWS), (TRANSLATING, PAIRS)])
def test_figures_are_without_dropout(objective, examples):
    params = objective.init(np.random.default_rng(3))
    thinned = replace(objective, model=replace(objective.model, dropout=0.5))
    assert thinned.figures(params, examples) == objective.figures(params, examples)
