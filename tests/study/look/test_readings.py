"""Readings: which example and answer, its tokens' names, and what is refused."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from numpy_attention.nn.interventions import fixed
from numpy_attention.study.look.readings import reading, symbols_of, token_names, truth
from numpy_attention.tasks.modalities.questions import ANSWERS
from numpy_attention.tasks.words.objectives import NextToken
from numpy_attention.tasks.words.vocabulary import Vocabulary
from tests.support.looked import KINDS, small_run


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_baselines_fit_the_inputs(kind):
    own = reading(*small_run(kind), 4)
    assert [len(names) for names in own.names] == [len(x) for x in own.inputs]
    assert [x.shape for x in own.baseline] == [x.shape for x in own.inputs]
    assert own.start
    for name, seen in own.forward({}, [x[None] for x in own.inputs]).seen.items():
        *_, L, S = seen.weights.shape
        if name not in ("naming", "joint.layers.0.self_attn"):  # words are keys there, and no inputs
            assert len(own.inputs[own.source(name)]) == S
        read = own.read(name, L)
        assert set(read) <= set(range(L))
        assert len(read) > 0


def test_queries_are_the_tokens_of_their_side_and_the_picture_that_is_chosen_is_shown():
    own = reading(*small_run("translation"), 1)
    places = ("encoder.layers.0.self_attn", "decoder.layers.0.self_attn", "decoder.layers.0.multihead_attn")
    assert [(own.queries(place), own.source(place)) for place in places] == [(0, 0), (1, 1), (1, 0)]
    run, data = small_run("matches", spread=2.0)
    shown = [reading(run, data, place) for place in range(data.test.size)]
    chosen = [own.sequence("picture.layers.0.self_attn") for own in shown]
    assert [own.explained for own in shown] == [f"the log-probability of picture {n + 1}" for n in chosen]
    assert any(chosen)
    assert not any(own.sequence("sound.layers.0.self_attn") for own in shown)


def test_padding_of_an_example_is_not_looked_at():
    run, data = small_run("pooling")
    for place, length in enumerate(data.test.lengths):
        (x,) = reading(run, data, place).inputs
        np.testing.assert_array_equal(x, data.test.x[place, :length])


def test_the_answer_is_the_models_own_right_or_wrong():
    run, data = small_run("patches", spread=2.0)
    found = [reading(run, data, place) for place in range(data.test.size)]
    logits = run.objectives()["learned"].model.forward(run.params, data.test.x)[0]
    for own, row, true in zip(found, logits, data.test.y, strict=True):
        said = "abc"[row.argmax()]
        judged = "which is right" if row.argmax() == true else f"where {'abc'[int(true)]} is right"
        assert own.answer == f"class {said}, {judged}"
        assert own.explained == f"the log-probability of class {said}"


def test_answers_of_every_kind_stand_beside_what_is_right():
    run, data = small_run("texts", spread=3.0)
    ids = data.test.ids[0, : data.test.lengths[0]]
    said = "xyz"[run.objectives()["learned"].model.forward(run.params, ids[None])[0][0].argmax()]
    true = "xyz"[data.test.labels[0]]
    assert reading(run, data, 0).answer == f"by the model alone {said}, " + truth(true, said == true)
    run, data = small_run("canvases", spread=2.0)
    present = np.arange(3) != np.arange(data.test.size)[:, None] % 3
    data = data._replace(test=data.test._replace(present=present))
    for place, there in enumerate(("1, 2", "0, 2", "0, 1")):
        assert reading(run, data, place).answer.endswith(f" is there; {there} are")
    run, data = small_run("matches", spread=2.0)
    for place, answer in enumerate(data.test.answers):
        said, _, right = reading(run, data, place).answer.partition(" of 4, ")
        assert right == truth(f"picture {answer + 1}", said == f"picture {answer + 1}")
    run, data = small_run("questions", spread=2.0)
    for place, label in enumerate(data.test.labels):
        said, _, right = reading(run, data, place).answer.rpartition(", ")
        assert right == truth(ANSWERS[label], said.endswith(f": {ANSWERS[label]}"))


def test_a_translation_stands_beside_the_right_one_and_starts_from_mean_embeddings():
    run, data = small_run("translation", spread=2.0)
    names = ("embedding", run.objectives()["learned"].model.target_name)
    for place, length in enumerate(data.test.source_lengths):
        own = reading(run, data, place)
        right = "".join(data.vocabulary.symbols[id] for id in data.test.source[place, :length])
        assert own.answer.endswith(f"where {right!r} is right")
        for x, name in zip(own.baseline, names, strict=True):
            mean = run.params[name]["weight"].mean(axis=0)
            np.testing.assert_allclose(x, np.tile(mean, (len(x), 1)), rtol=1e-5)


def test_of_the_queries_of_a_detector_that_of_the_class_it_is_surest_of_is_read():
    run, data = small_run("canvases", spread=2.0)
    own = reading(run, data, 1)
    (target,) = own.read("", 3)
    assert own.explained == f"the log-probability that {data.classes[target]} is there"
    np.testing.assert_array_equal(own.read("encoder.layers.0.self_attn", 3), [0, 1, 2])


def test_a_position_chooses_the_symbol_and_the_middle_of_those_judged_is_usual():
    run, data = small_run("letters")
    judged = np.flatnonzero(data.test.judged[0]) + 1  # places of symbols, from 0
    for position in (*(judged + 1), None):
        own = reading(run, data, 0, position)
        end = judged[len(judged) // 2] if position is None else position - 1
        assert own.names == (tuple(data.vocabulary.symbols[id] for id in data.test.rows[0, :end]),)
        np.testing.assert_array_equal(own.read("layers.0.self_attn", end), [end - 1])


@pytest.mark.parametrize(
    ("kind", "place", "position", "message"),
    [
        ("patches", 7, None, "example is 8; 1 to 7 are expected: there are 7 held-out examples"),
        ("patches", -1, None, "example is 0; 1 to 7 are expected"),
        ("letters", 0, 1, "position is 1; of this example one of [0-9]+ to [0-9]+ is expected"),
        ("texts", 0, 2, "position is 2; none is expected: the task docstrings does not predict each symbol"),
    ],
)
def test_what_is_not_there_is_refused(kind, place, position, message):
    with pytest.raises(ValueError, match=message):
        reading(*small_run(kind), place, position)


def test_a_model_without_attention_is_refused():
    run, data = small_run("patches")
    lone = {"learned": SimpleNamespace(name="a forest", model=object())}
    with_lone = SimpleNamespace(objectives=lambda: lone, task=run.task, params=run.params)
    with pytest.raises(
        ValueError, match="digits, a forest, has no weights that can be changed; a model with"
    ):
        reading(with_lone, data, 0)


def test_a_model_that_is_not_known_is_read_by_its_loss_without_dropout():
    run, data = small_run("letters", spread=2.0)
    known = run.objectives()["learned"]

    @dataclass(frozen=True)
    class Unknown:
        model: object
        name: str = "unknown"

        def loss_and_gradients(self, params, batch, seed):
            return NextToken(self.model).loss_and_gradients(params, batch, seed)

    dropping = replace(known.model, dropout=0.5)
    other = SimpleNamespace(
        objectives=lambda: {"learned": Unknown(dropping)}, task=run.task, params=run.params
    )
    own = reading(other, data, 2)
    one = data.test.some(np.array([2]))
    passed = own.forward({}, ())
    np.testing.assert_allclose(passed.values, [-known.figures(run.params, one).loss], rtol=1e-5)
    assert list(passed.seen) == ["layers.0.self_attn", "layers.1.self_attn"]
    for name, seen in passed.seen.items():
        step = 1e-6 * np.sign(seen.d_weights) * seen.visible
        higher = own.forward({name: fixed(seen.weights + step)}, ()).values
        np.testing.assert_allclose(higher - passed.values, (seen.d_weights * step).sum(), rtol=1e-3)
    assert (own.inputs, own.names) == ((), ())


def test_tokens_of_a_grid_are_named_by_row_and_column():
    assert token_names(4, grid=True) == ("1,1", "1,2", "2,1", "2,2")
    assert token_names(5, grid=True) == ("1", "2", "3", "4", "5")


def test_symbols_are_shown_with_their_spaces_and_without_a_vocabulary_by_their_ids():
    data = SimpleNamespace(vocabulary=Vocabulary(("a ", "\n")))
    assert symbols_of(data, 2) == ["a·", "\\n"]
    assert symbols_of(object(), 3) == ["0", "1", "2"]
    assert symbols_of(object(), 5, special=True) == ["<pad>", "<start>", "<end>", "0", "1"]
