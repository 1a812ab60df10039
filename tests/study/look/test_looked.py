"""Everything about an example: maps, counter-tests, chains; what has to be 0 is 0."""

import numpy as np
import pytest

from numpy_attention.nn.interventions import Seen
from numpy_attention.nn.rollout import relevance, rollout
from numpy_attention.study.look.looked import (
    RELEVANCE,
    ROLLOUT,
    entry,
    label_of,
    look,
    names_of,
    one_sequence,
    shares_of,
)
from numpy_attention.study.look.readings import reading
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
