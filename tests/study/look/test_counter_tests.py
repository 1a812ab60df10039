"""Counter-tests: what becomes of answer and figure, by hand and against the task's own figures."""

import numpy as np
import pytest

from numpy_attention.functional.attention.attention import attention_with
from numpy_attention.nn.interventions import UNCHANGED, changed_steps
from numpy_attention.study.look.counter_tests import (
    Changed,
    answer_changes,
    figure,
    figure_losses,
    spread_rows,
)
from numpy_attention.study.look.passes import Pass
from numpy_attention.study.look.readings import Subject
from tests.support.looked import KINDS, small_run


def weighted_mean(weights, value):
    """A subject whose value is the output of a single map with these weights and values."""

    def forward(changes, inputs):
        steps = changed_steps(changes.get("here", UNCHANGED))
        batch = np.ones((len(inputs[0]), 1, 1, 1))
        keys = np.broadcast_to(np.log(weights)[:, None], (len(batch), 1, len(weights), 1))
        values = np.broadcast_to(np.array(value)[:, None], keys.shape)
        out, _ = attention_with(steps).forward(batch, keys, values, scale=1.0)
        return Pass(out[:, 0, 0, 0], {}, list)

    return Subject("", "", forward, (np.zeros((1, 1)),), (("one",),))


def test_what_is_explained_changes_as_by_hand():
    own = weighted_mean([0.5, 0.25, 0.25], [0.0, 4.0, 8.0])  # 3; uniform 4; permuted 3, 4 or 5; removed 0
    found = answer_changes(own, 3.0, "here", [0])
    np.testing.assert_allclose(found[1:], [1.0, -3.0], rtol=1e-14)
    np.testing.assert_allclose(10 * found.permuted, round(10 * found.permuted), atol=1e-13)
    assert 0 < found.permuted < 2
    nothing = Changed(0.0, 0.0, 0.0)
    assert answer_changes(own, 3.0, "elsewhere", [0]) == pytest.approx(nothing, abs=1e-14)
    assert answer_changes(own, 3.0, "here", [1]) == pytest.approx(nothing, abs=1e-14)


def test_equal_weights_may_be_permuted_and_equal_values_be_weighted_anyhow():
    assert answer_changes(
        weighted_mean([0.25] * 4, [0.0, 1.0, 5.0, 6.0]), 3.0, "here", None
    ) == pytest.approx(Changed(0.0, 0.0, -3.0), abs=1e-14)
    own = weighted_mean([0.75, 0.25], [2.0, 2.0])
    assert answer_changes(own, 2.0, "here", None) == pytest.approx(Changed(0.0, 0.0, -2.0), abs=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_change_the_figure_is_the_tasks_own(kind):
    run, data = small_run(kind, spread=2.0)
    place = 1 if run.task.metric == run.task.measure else 0
    expected = run.objectives()["learned"].figures(run.params, data.test)[place]
    np.testing.assert_allclose(figure(run, data.test, {}), expected, rtol=1e-5)


def test_a_head_whose_output_is_projected_to_nothing_is_worth_nothing():
    run, data = small_run("patches", spread=4.0)
    run.params["layers"]["1"]["self_attn"]["out_proj"]["weight"][:, :3] = 0
    before = figure(run, data.test, {})
    nothing = Changed(0.0, 0.0, 0.0)
    assert figure_losses(run, data.test, before, "layers.1.self_attn", [0]) == nothing


def test_a_loss_that_rises_and_an_accuracy_that_falls_are_both_losses():
    run, data = small_run("letters", spread=3.0)
    for metric, sign, place in (("accuracy", 1, 1), ("nats", -1, 0)):
        own = run._replace(task=run.task._replace(metric=metric))
        before = figure(own, data.test, {})
        found = figure_losses(own, data.test, before, "layers.0.self_attn", None)
        from numpy_attention.nn.interventions import REMOVED

        assert found.removed == sign * (before - figure(own, data.test, {"layers.0.self_attn": REMOVED}))
        assert before == run.objectives()["learned"].figures(run.params, data.test)[place] or place == 0


def test_rows_are_spread_over_the_whole_part():
    np.testing.assert_array_equal(spread_rows(1000, 5), [0, 250, 500, 749, 999])
    np.testing.assert_array_equal(spread_rows(3, 100), [0, 1, 2])


def test_every_input_is_repeated_for_the_draws_of_a_permutation():
    given = []

    def forward(changes, inputs):
        given.append([x.shape for x in inputs])
        return Pass(np.zeros(len(inputs[0])), {}, list)

    answer_changes(Subject("", "", forward, (np.zeros((2, 3)), np.ones((5, 1))), ()), 0.0, "here", None)
    assert given == [[(10, 2, 3), (10, 5, 1)]] * 3
