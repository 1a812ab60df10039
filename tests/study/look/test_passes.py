"""Examples through a model: their values are those of the objective, their gradients derivatives."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.nn.interventions import REMOVED
from numpy_attention.study.look.passes import (
    classifier_forward,
    language_forward,
    log_probability,
    with_rows,
)
from numpy_attention.study.look.readings import reading
from tests.support.looked import KINDS, small_run


def test_a_log_probability_and_its_derivative_by_hand():
    value, d_logits = log_probability(np.log([[1.0, 1.0, 2.0], [3.0, 1.0, 4.0]]), np.array([2, 0]))
    np.testing.assert_allclose(np.exp(value), [0.5, 0.375], rtol=1e-15)
    np.testing.assert_allclose(d_logits, [[-0.25, -0.25, 0.5], [0.625, -0.125, -0.5]], rtol=1e-14)


def test_every_row_has_an_id_of_its_own_after_those_of_the_table():
    table, ids = with_rows(np.zeros((5, 2)), np.arange(12.0).reshape(2, 3, 2))
    np.testing.assert_array_equal(ids, [[5, 6, 7], [8, 9, 10]])
    np.testing.assert_array_equal(table[ids], np.arange(12.0).reshape(2, 3, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_inputs_are_derivatives_and_examples_side_by_side_do_not_meet(kind):
    own = reading(*small_run(kind, spread=3.0), 2)
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=x.shape) for x in own.inputs]
    scales = np.array([0.5, 1.0])[:, None, None]
    stepped = own.forward({}, [x * scales + 1e-30j * d for x, d in zip(own.inputs, directions, strict=True)])
    passed = own.forward({}, [x * scales for x in own.inputs])
    slopes = sum((g * d).sum(axis=(1, 2)) for g, d in zip(passed.back(), directions, strict=True))
    np.testing.assert_allclose(stepped.values.imag / 1e-30, slopes, rtol=1e-11, atol=1e-13)
    assert (slopes != 0).all()
    alone = own.forward({}, [x[None] for x in own.inputs])
    np.testing.assert_allclose(alone.values, passed.values[1:], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_weights_are_recorded_and_changes_reach_the_value(kind):
    own = reading(*small_run(kind, spread=3.0), 1)
    inputs = [x[None] for x in own.inputs]
    passed = own.forward({}, inputs)
    passed.back()
    for name, seen in passed.seen.items():
        depends = kind != "canvases" or name  # its queries' weights place the box alone
        assert bool(np.any(seen.d_weights)) == bool(depends)
        changed = own.forward({name: REMOVED}, inputs).values
        assert (changed != passed.values).all() == bool(depends)


def test_the_value_of_letters_is_minus_the_loss_of_that_symbol():
    run, data = small_run("letters", spread=2.0)
    own = reading(run, data, 3)
    objective = run.objectives()["learned"]
    one = data.test.some(np.array([3]))
    row = one.rows.copy()
    T = len(own.names[0])
    logits, _ = objective.model.forward(run.params, row[:, :T])
    best = logits[0, -1].astype(float)
    expected = best.max() - np.log(np.exp(best - best.max()).sum()) - best.max()
    np.testing.assert_allclose(own.forward({}, [x[None] for x in own.inputs]).values, [expected], rtol=1e-5)


def test_the_value_of_a_translation_is_that_of_its_symbols_after_each_other():
    run, data = small_run("translation", spread=2.0)
    own = reading(run, data, 2)
    model = run.objectives()["learned"].model
    symbols = data.vocabulary.symbols
    source, read = ([symbols.index(name) for name in names] for names in own.names)
    logits, _ = model.forward(run.params, [source], [read])
    logs = logits[0] - np.log(np.exp(logits[0]).sum(axis=-1, keepdims=True))
    value = own.forward({}, [x[None] for x in own.inputs]).values
    np.testing.assert_allclose(value, [logs.max(axis=-1).sum()], rtol=1e-5)  # greedy: each is the likeliest


def test_the_value_of_a_model_whose_output_is_not_tied():
    model = nn.LanguageModel(vocabulary=7, width=6, heads=2, layers=1, context=5, tied=False)
    params, ids = model.init(np.random.default_rng(0)), np.array([[3, 1, 4]])
    rows = params["embedding"]["weight"][ids].astype(np.float64)
    logits = model.forward(params, ids)[0][0, -1].astype(np.float64)
    found = language_forward(model, params, 2)({}, [rows])
    np.testing.assert_allclose(found.values, [logits[2] - np.log(np.exp(logits).sum())], rtol=1e-5)
    (d_rows,) = found.back()
    assert d_rows.shape == rows.shape


@pytest.mark.parametrize("label", [0, 1])
def test_the_value_of_a_classifier_with_one_logit(label):
    model = AttentionClassifier(3, 5)
    rng = np.random.default_rng(0)
    params, x, direction = model.init(rng), rng.normal(size=(2, 7, 3)), rng.normal(size=(2, 7, 3))
    forward = classifier_forward(model, params, label)
    passed, stepped = forward({}, [x]), forward({}, [x + 1e-30j * direction])
    odds = np.exp(model.forward(params, x)[0])
    np.testing.assert_allclose(np.exp(passed.values), (odds if label else 1) / (1 + odds), rtol=1e-12)
    slopes = (passed.back()[0] * direction).sum(axis=(1, 2))
    np.testing.assert_allclose(stepped.values.imag / 1e-30, slopes, rtol=1e-11)
