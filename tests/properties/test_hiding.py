"""Hidden inputs change no bit; a visible NaN shows in what it touches, nowhere else."""

import numpy as np

import numpy_attention as na
from numpy_attention.check.reference.oracle import Results
from tests.support.cases import any_to, summed_to
from tests.support.formula import formula
from tests.support.judges import assert_same_bits, assert_within, bits
from tests.support.strategies import for_all

POISONS = (1e30, np.inf, -np.inf, np.nan)


def poisoned(x, where, poison):
    """x with a poison at `where`; 1e30 is inf in float16."""
    with np.errstate(over="ignore"):
        return np.where(where, np.asarray(poison).astype(x.dtype), x)


def visible_keys(case, pairs):
    """True for the keys of each head in any of `pairs`, (..., G, S)."""
    return case.gathered(pairs.any(axis=-2))


@for_all()
def test_fully_masked_rows_and_keys_change_no_bit(case):
    rng, visible = case.rng(), case.visible
    keys, rows = visible_keys(case, visible), visible.any(axis=-1)
    pairs = np.ones(case.shape, dtype=bool) if case.pairs is None else case.pairs

    def spoil(x, visible):
        return None if x is None else poisoned(x, ~visible, rng.choice(POISONS))

    changes = dict(
        query=spoil(case.query, any_to(rows, case.query.shape[:-1])[..., None]),
        key=spoil(case.key, any_to(keys, case.key.shape[:-1])[..., None]),
        value=spoil(case.value, any_to(keys, case.value.shape[:-1])[..., None]),
        bias=None if case.bias is None else spoil(case.bias, any_to(pairs, case.bias.shape)),
        d_out=spoil(case.d_out, rows[..., None]),
        d_weights=spoil(case.d_weights, visible),
    )
    if np.size(case.scale) > 1:  # one number must be finite
        changes.update(scale=spoil(case.scale, any_to(visible, case.scale.shape)))
    if case.sinks is None:  # with a sink, the lse of a fully masked row is the sink's
        changes.update(d_lse=spoil(case.d_lse, rows))
    assert_same_bits(case.but(**changes).run(), case.run())


@for_all()
def test_fully_masked_rows_and_keys_have_gradient_zero(case):
    numbers, visible = case.run(), case.visible
    keys, rows = visible_keys(case, visible), visible.any(axis=-1)
    assert numbers.weights is None or (numbers.weights[~visible] == 0).all()
    assert (numbers.out[~rows] == 0).all()
    assert (numbers.d_query[~any_to(rows, case.query.shape[:-1])] == 0).all()
    assert (numbers.d_key[~any_to(keys, case.key.shape[:-1])] == 0).all()
    assert (numbers.d_value[~any_to(keys, case.value.shape[:-1])] == 0).all()
    for d in (numbers.d_bias, numbers.d_scale):
        if d is not None:
            d = np.asarray(d)
            assert (d[~any_to(visible, d.shape)] == 0).all()
    assert not any(np.isnan(x).any() for x in numbers if x is not None)


@for_all()
def test_fully_masked_row_gives_zero_and_lse_minus_infinity_or_the_sink(case):
    _, saved = case.forward()
    nothing = ~case.visible.any(axis=-1)
    sinks = np.asarray(-np.inf if case.sinks is None else case.sinks, dtype=float)
    expected = np.broadcast_to(sinks[..., None], saved.lse.shape).astype(case.computed_in)
    assert (saved.lse[nothing] == expected[nothing]).all()
    if case.sinks is not None and case.d_lse is not None:
        flows = np.where(nothing, case.d_lse.astype(float), 0)
        only = case.but(d_out=0 * case.d_out, d_weights=None, d_lse=flows).in_double().run()
        expected = summed_to(flows.sum(axis=-1), case.sinks.shape)
        size = summed_to(abs(flows).sum(axis=-1), case.sinks.shape)
        assert (abs(only.d_sinks - expected) <= flows.size * 2.0**-53 * size).all()
        assert not np.any(only.d_query)
        assert not np.any(only.d_key)


def influence(case, rows):
    """True, in each result, where a NaN in the scores of `rows` (..., H, L) may show."""
    pairs = case.visible & rows[..., None]
    keys = visible_keys(case, pairs)
    return Results(
        out=rows[..., None],
        weights=pairs,
        lse=rows,
        d_query=any_to(rows, case.query.shape[:-1])[..., None],
        d_key=any_to(keys, case.key.shape[:-1])[..., None],
        d_value=any_to(keys, case.value.shape[:-1])[..., None],
        d_bias=None if case.bias is None else any_to(pairs, case.bias.shape),
        d_scale=None if case.scale is None else any_to(pairs, np.shape(case.scale)),
        d_sinks=None if case.sinks is None else any_to(rows.any(axis=-1), case.sinks.shape),
    )


def assert_shows(after, before, touched):
    """NaN at `touched`, and the same bits elsewhere."""
    for name, x, y, where in zip(Results._fields, after, before, touched, strict=True):
        if y is not None:
            x, y = np.atleast_1d(x), np.atleast_1d(y)
            where = np.broadcast_to(where, y.shape)
            assert np.isnan(x[where]).all(), f"{name} hides a NaN that touches it"
            assert (bits(x[~where]) == bits(y[~where])).all(), f"{name} shows a NaN that does not touch it"


def some(case, shape):
    return case.rng().random(shape) < 0.2


@for_all()
def test_a_nan_in_a_key_shows_in_the_rows_that_see_it(case):
    bad = some(case, case.key.shape[:-1]) & (case.key.shape[-1] > 0)
    after = case.but(key=poisoned(case.key, bad[..., None], np.nan)).run()
    repeated = np.repeat(bad, case.group, axis=-2) if case.group > 1 else bad
    rows = (case.visible & repeated[..., None, :]).any(axis=-1)
    assert_shows(after, case.run(), influence(case, rows))


@for_all()
def test_a_nan_in_a_query_shows_in_its_row(case):
    bad = some(case, case.query.shape[:-1]) & (case.query.shape[-1] > 0)
    after = case.but(query=poisoned(case.query, bad[..., None], np.nan)).run()
    rows = np.broadcast_to(bad, case.shape[:-1]) & case.visible.any(axis=-1)
    assert_shows(after, case.run(), influence(case, rows))


@for_all()
def test_a_nan_in_a_value_shows_in_its_column_and_in_the_gradients_of_the_rows_that_see_it(case):
    bad = some(case, case.value.shape)
    after = case.but(value=poisoned(case.value, bad, np.nan)).run()
    repeated = np.repeat(bad, case.group, axis=-3) if case.group > 1 else bad
    touched = (case.visible[..., None] & repeated[..., None, :, :]).any(axis=-2)
    rows = influence(case, touched.any(axis=-1))
    nowhere = dict(weights=False, lse=False, d_value=False)
    assert_shows(after, case.run(), rows._replace(out=touched, **nowhere))


@for_all()
def test_a_nan_in_d_out_shows_in_the_gradients_of_its_row(case):
    bad = some(case, case.d_out.shape)
    after = case.but(d_out=poisoned(case.d_out, bad, np.nan)).run()
    rows = bad.any(axis=-1) & case.visible.any(axis=-1)
    touched = (case.visible[..., None] & bad[..., None, :]).any(axis=-3)
    expected = influence(case, rows)
    d_value = any_to(case.gathered(touched, 2), case.value.shape)
    nowhere = dict(out=False, weights=False, lse=False)
    assert_shows(after, case.run(), expected._replace(d_value=d_value, **nowhere))


# --------------------------------------------------------------------------------- no look-ahead


def causal(case):
    """The case with a causal mask besides its own, and the position of query 0 among the keys."""
    *_, L, S = case.shape
    start = int(case.rng().integers(-1, 3 + abs(S - L)))
    pairs = np.arange(S) <= np.arange(L)[:, None] + start
    mask = na.causal(offset=start)
    if case.mask is not None:
        mask, pairs = mask & case.mask, pairs & case.pairs
    return case.but(mask=mask, pairs=np.broadcast_to(pairs, case.shape)), start


@for_all()
def test_causal_output_ignores_later_keys(case):
    case, start = causal(case)
    *_, L, S = case.shape
    rng = case.rng()
    now = rng.integers(0, S + 1)
    future, past = slice(now, None), np.arange(L) + start < now
    before = case.run()
    for poison in (rng.standard_normal(), np.nan):
        key, value = case.key.copy(), case.value.copy()
        key[..., future, :], value[..., future, :] = poison, -poison
        after = case.but(key=key, value=value).run()
        for name in ("out", "weights", "lse", "d_query"):
            x, y, axis = getattr(after, name), getattr(before, name), -1 if name == "lse" else -2
            if y is None:
                continue
            assert (bits(np.compress(past, x, axis)) == bits(np.compress(past, y, axis))).all(), name


@for_all()
def test_causal_gradient_of_later_keys_is_zero(case):
    case, start = causal(case)
    *_, L, S = case.shape
    now = case.rng().integers(0, S + 1)
    past = np.arange(L) + start < now
    d_weights, d_lse = case.d_weights, case.d_lse
    past_only = case.but(
        d_out=np.where(past[:, None], case.d_out, 0),
        d_weights=None if d_weights is None else np.where(past[:, None], d_weights, 0),
        d_lse=None if d_lse is None else np.where(past, d_lse, 0),
    )
    numbers = past_only.run()
    assert not np.any(numbers.d_key[..., now:, :])
    assert not np.any(numbers.d_value[..., now:, :])


# ------------------------------------------------------------------------- two ways of hiding


@for_all(having=("mask",))
def test_a_mask_and_a_bias_of_minus_infinity_hide_alike(case):
    masked = case.with_full_bias()
    biased = masked.but(pairs=None, bias=np.where(case.pairs, masked.bias, -np.inf))
    assert_within(biased.run(), masked.run(), formula(masked)[1], formula(biased)[1])
