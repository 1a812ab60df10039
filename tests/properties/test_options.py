"""Each option agrees with an equivalent call."""

import numpy as np

import numpy_attention as na
from numpy_attention.check.reference.oracle import Results
from tests.support.cases import summed_to
from tests.support.formula import formula
from tests.support.judges import assert_same_bits, assert_within
from tests.support.strategies import for_all


@for_all(having=("sinks",))
def test_a_sink_is_one_more_key_whose_value_is_zero(case):
    case = case.dense().with_full_bias().in_double()
    *rows, S = case.shape
    pairs = case.visible

    def more(x, last, axis=-1):
        """x with one more entry along an axis: a key."""
        if x is None or np.ndim(x) < -axis:
            return x
        if x.shape[axis] == 1 != S:  # x is said once for all keys: now for each
            x = np.repeat(x, S, axis=axis)
        last = np.broadcast_to(last, (*x.shape[:axis], 1, *x.shape[axis:][1:]))
        return np.concatenate([x, last], axis=axis)

    sinks = np.broadcast_to(case.sinks[..., None, None], (*rows, 1))
    longer = case.but(
        key=more(case.key, 0, axis=-2),
        value=more(case.value, 0, axis=-2),
        pairs=more(pairs, True),
        bias=more(case.bias, sinks),
        scale=more(case.scale, 1) if np.ndim(case.scale) else case.scale,
        dropout=more(case.multipliers, 1),
        d_weights=more(case.d_weights, 0),
        sinks=None,
    )

    def shorter(numbers):
        last = summed_to(numbers.d_bias[..., S:].sum(axis=(-1, -2)), case.sinks.shape)
        d_scale = numbers.d_scale
        if np.ndim(case.scale):
            d_scale = d_scale[..., :S]
            if case.scale.shape[-1] != S:
                d_scale = d_scale.sum(axis=-1, keepdims=True)
        return numbers._replace(
            weights=None if numbers.weights is None else numbers.weights[..., :S],
            d_key=numbers.d_key[..., :S, :],
            d_value=numbers.d_value[..., :S, :],
            d_bias=numbers.d_bias[..., :S],
            d_scale=d_scale,
            d_sinks=last,
        )

    assert_within(shorter(longer.run()), case.run(), formula(case)[1], shorter(formula(longer)[1]))


@for_all(having=("multipliers",))
def test_dropout_of_ones_is_none(case):
    ones = case.but(dropout=np.ones_like(case.dropout))
    bound = formula(ones)[1]
    assert_within(ones.run(), case.but(dropout=None).run(), bound, bound)


@for_all(having=("dropout",))
def test_a_dropout_value_is_its_multipliers(case):
    assert_same_bits(case.but(dropout=case.multipliers).run(), case.run())


@for_all(having=("dropout",))
def test_dropout_tile_is_a_slice_of_its_array(case):
    *_, L, S = case.shape
    i, j = case.rng().integers(0, 9, 2)
    rows, columns = slice(i, i + 3), slice(j, None, 2)
    tile = case.dropout.tile(rows, columns, case.shape)
    assert (tile == case.multipliers[..., rows, columns]).all()


@for_all(having=("softcap",))
def test_capped_scores_stay_within_the_cap_and_in_order(case):
    _, saved = case.forward()
    assert (abs(saved.capped) <= case.softcap).all()
    order = np.argsort(saved.scores, axis=-1)
    assert (np.diff(np.take_along_axis(saved.capped, order, axis=-1)) >= 0).all()


@for_all(without=("softcap",))
def test_a_cap_far_above_the_scores_caps_nothing(case):
    case = case.in_double()
    scores = abs(case.forward()[1].scores).max(initial=0)
    cap = 2.0**30 * max(1.0, float(scores))
    lost = scores * 2.0**-60 / 3  # tanh x = x - x³/3 + …; its slope is 1 - x²
    bound, capped_bound = formula(case)[1], formula(case.but(softcap=cap), bias_error=lost)[1]
    assert_within(case.but(softcap=cap).run(), case.run(), bound, capped_bound)


@for_all()
def test_saved_holds_the_results_of_the_steps_in_use(case):
    _, saved = case.forward()
    asked = {"capped": case.softcap, "biased": case.bias, "masked": case.pairs, "thinned": case.dropout}
    for name, option in asked.items():
        if name == "masked" and case.bias is not None:
            continue  # -inf in a bias hides too
        assert (getattr(saved, name) is None) == (option is None), name
    assert all(x is None or x.shape == case.shape for x in saved[:5])
    assert saved.lse.shape == case.shape[:-1]
    assert "array(" not in repr(saved)


@for_all()
def test_attend_is_attention_from_its_second_step_on(case):
    case = case.in_double()
    out, saved = case.forward()
    options = {name: x for name, x in case.options.items() if name != "scale"}
    got, attended = na.attend_forward(saved.scores, case.value, **options)
    d_scores, d_value, d_bias, d_sinks = na.attend_backward(
        case.d_out, attended, d_weights=case.d_weights, d_lse=case.d_lse
    )
    query = np.broadcast_to(case.query, (*case.shape[:-1], case.query.shape[-1]))
    _, saved_1 = na.STEPS.score.forward(
        query, case.key, np.asarray(case.scale_used), saved.steps_saved.mask.visible
    )
    d_query, d_key, d_scale = na.STEPS.score.backward(d_scores, saved_1)
    numbers = Results(
        got, attended.weights, attended.lse, summed_to(d_query, case.query.shape), d_key, d_value,
        d_bias, None if case.scale is None else d_scale, d_sinks,
    )  # fmt: skip
    exact = numbers.without("d_query", "d_key", "d_scale")
    assert_same_bits(exact, case.run().without("d_query", "d_key", "d_scale"))
    bound = formula(case)[1]
    assert_within(numbers, case.run(), bound, bound)
