"""Everything about an example: maps, counter-tests, chains; what has to be 0 is 0."""

import numpy as np
import pytest

from numpy_attention.nn.interventions import Seen
from numpy_attention.nn.rollout import relevance, rollout
from numpy_attention.study.look.counter_tests import figure, spread_rows
from numpy_attention.study.look.integrated import Integrated
from numpy_attention.study.look.looked import (
    GRADIENT,
    MOST_ROWS,
    RELEVANCE,
    ROLLOUT,
    WEIGHTS,
    Chain,
    agreement,
    another_map,
    chains_of,
    entry,
    label_of,
    look,
    names_of,
    one_sequence,
    shares_of,
)
from numpy_attention.study.look.passes import Pass
from numpy_attention.study.look.readings import Subject, reading
from tests.study.look.test_verdicts import looked
from tests.support.looked import KINDS, small_run

PLACES = {
    "pooling": ["pooling"],
    "patches": ["layer 1", "layer 2"],
    "letters": ["layer 1", "layer 2"],
    "translation": ["encoder layer 1", "decoder layer 1", "decoder layer 1, to the encoder"],
    "texts": ["pooling"],
    "canvases": ["encoder layer 1", "the queries"],
    "matches": ["sound layer 1", "pooling attention", "picture layer 1"],
    "questions": ["encoder layer 1", "naming", "joint layer 1"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_looked_at_in_all_its_places(kind):
    run, data = small_run(kind, spread=2.0)
    looked = look(run, data, 2, steps=8, judged=3)
    assert [place.label for place in looked.places] == PLACES[kind]
    assert (looked.example, looked.examples, looked.judged) == (2, data.test.size, 3)
    for place in looked.places:
        H, L, S = place.weights.shape
        assert (len(place.heads), len(place.queries), len(place.keys)) == (H, L, S)
        sums = place.weights.sum(axis=-1)
        if place.name == "naming":  # its sink takes a share
            assert (sums < 1).all()
        else:
            np.testing.assert_allclose(sums, 1, rtol=1e-12)
        assert (place.weights[~place.visible] == 0).all()
        for number, head in enumerate(place.heads):
            assert abs(head.same) <= 1e-12
            assert 1 <= head.keys <= S + 1e-9
            product = np.abs(place.weights[number] * place.gradients[number]).sum()
            assert head.gradient == pytest.approx(product, rel=1e-12)
    for chain in looked.chains:
        for shares in chain.shares.values():
            assert shares.sum() == pytest.approx(1) or not shares.any()


def test_rollout_and_relevance_of_a_stack_are_those_of_the_queries_that_are_read():
    run, data = small_run("letters", spread=3.0)
    looked = look(run, data, 1, steps=8, judged=2)
    (chain,) = looked.chains
    maps = [place.weights for place in looked.places]
    near = relevance(maps, [place.gradients for place in looked.places]) - np.eye(maps[0].shape[-1])
    np.testing.assert_allclose(chain.shares[ROLLOUT], rollout(maps)[-1], rtol=1e-13)
    np.testing.assert_allclose(chain.shares[RELEVANCE], near[-1] / near[-1].sum(), rtol=1e-12)
    assert shares_of(looked, 0) == [
        ("all layers", ROLLOUT, chain.shares[ROLLOUT]),
        ("all layers", RELEVANCE, chain.shares[RELEVANCE]),
    ]


def test_another_map_is_sought_where_there_are_more_keys_than_the_values_have_columns():
    """Heads of three columns: of more than four keys some weight can move, of four images' patches none."""
    run, data = small_run("letters", spread=3.0)
    long = look(run, data, int(np.argmax(data.test.firsts)) + 1, steps=8, judged=2)
    assert all(
        head.distance is not None and head.distance > 0 for place in long.places for head in place.heads
    )
    few = small_run("patches", spread=3.0)
    assert all(
        head.distance is None for place in look(*few, 1, steps=8, judged=2).places for head in place.heads
    )


def test_a_head_that_is_projected_to_nothing_changes_nothing():
    run, data = small_run("patches", spread=4.0)
    run.params["layers"]["0"]["self_attn"]["out_proj"]["weight"][:, :3] = 0
    lame, other = look(run, data, 1, steps=8, judged=7).places[0].heads
    assert (lame.figure, lame.gradient) == ((0, 0, 0), 0)
    np.testing.assert_allclose(lame.answer, 0, atol=1e-15)  # the mean of ten equal numbers is rounded
    assert other.answer.removed != 0


def test_agreement_is_with_the_tokens_that_the_keys_are():
    run, data = small_run("texts", spread=5.0)
    looked = look(run, data, 1, steps=8, judged=2)
    own = reading(run, data, 0)
    assert looked.names == own.names
    for number, head in enumerate(looked.places[0].heads):
        order = np.argsort(np.argsort(looked.places[0].weights[number, 0]))
        sizes = np.argsort(np.argsort(np.abs(looked.integrated.attributions[0])))
        if len({*looked.places[0].weights[number, 0]}) == len(order):
            assert head.agreement == pytest.approx(np.corrcoef(order, sizes)[0, 1])


def test_names_that_do_not_fit_are_numbers():
    assert names_of((("a", "b"),), 0, 2) == ("a", "b")
    assert names_of((("a", "b"),), 0, 3) == names_of((), 0, 3) == ("1", "2", "3")


def test_places_are_named_in_words():
    assert label_of("queries.attention") == "queries attention"
    assert label_of("encoder.layers.11.self_attn") == "encoder layer 12"


def test_of_several_sequences_in_an_example_one_is_shown_and_all_are_changed():
    rng = np.random.default_rng(7)
    weights = rng.random((1, 3, 2, 5, 5))
    seen = Seen(weights, weights > 0.3, rng.random((1, 3, 1, 5, 4)), rng.random(weights.shape))
    one = one_sequence(seen, 2)
    np.testing.assert_array_equal(one.weights, weights[0, 2])
    np.testing.assert_array_equal(one.value, seen.value[0, 2])
    np.testing.assert_array_equal(one.d_weights, np.where(one.visible, seen.d_weights[0, 2], 0))
    assert not one_sequence(Seen(weights, weights > 0, seen.value), 0).d_weights.any()
    entry(weights, 1)[:] = 0  # a view
    assert (weights[0, 1] == 0).all()


def test_another_map_keeps_the_output_by_the_values_that_heads_share_in_rows_that_are_spread():
    rng = np.random.default_rng(3)
    weights, value = rng.dirichlet(np.ones(7), (1, 4, 11)), rng.normal(size=(1, 2, 7, 2))
    shared, maps = np.repeat(value, 2, axis=1), []

    def forward(changes, inputs):
        maps.append(changes["here"].forward(weights, None)[0])
        return Pass(np.abs(maps[-1] @ shared - weights @ shared).max(axis=(1, 2, 3)), {}, list)

    for head in range(4):
        seen = Seen(weights, weights > 0, value)
        distance, same = another_map(Subject("", "", forward, (), ()), 0.0, "here", seen, head)
        assert same <= 1e-12
        moved = np.abs(maps[-1] - weights).sum(axis=-1)[0] / 2
        assert not np.delete(moved, head, axis=0).any()
        np.testing.assert_array_equal(np.flatnonzero(moved[head]), spread_rows(11, MOST_ROWS))
        assert distance == pytest.approx(moved[head].sum() / MOST_ROWS)


def test_agreement_is_that_of_the_queries_that_are_read():
    weights = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])
    own = Subject("", "", None, (), (), read=lambda place, rows: np.array([1]))
    assert agreement(own, Integrated((np.array([1, -2, 3.0]),), 2.0, 0.0, 1), "here", weights) == 1


def test_one_map_has_its_weights_and_the_positive_products_of_its_heads():
    weights = np.array([[[0.5, 0.25, 0.25]], [[0.0, 0.5, 0.5]]])
    gradients = np.array([[[4.0, -8.0, 0.0]], [[1.0, 2.0, -6.0]]])
    (chain,) = chains_of(Subject("", "", None, (), ()), {"": Seen(weights, weights >= 0, None, gradients)})
    np.testing.assert_allclose(chain.shares[WEIGHTS], [0.25, 0.375, 0.375])
    np.testing.assert_allclose(chain.shares[GRADIENT], [2 / 3, 1 / 3, 0])


def test_shares_are_those_of_the_tokens_of_an_input():
    chains = [Chain(label, place, {WEIGHTS: np.ones(3) / 3}) for place, label in enumerate(("one", "other"))]
    own = looked(chains=chains)._replace(names=(("x", "y", "z"), ("u", "v", "w")))
    assert [label for place in (0, 1) for label, *_ in shares_of(own, place)] == ["one", "other"]


def test_a_smaller_loss_is_better_and_is_that_of_examples_from_the_whole_part():
    run, data = small_run("texts", spread=2.0)
    by_loss = run._replace(task=run.task._replace(metric="nats"))
    assert look(run, data, 1, steps=1, judged=1).better == "larger"
    found = look(by_loss, data, 1, steps=1, judged=3)
    assert found.better == "smaller"
    assert found.figure == figure(by_loss, data.test.some(np.array([0, 3, 6])), {})
