"""Cleaning and normalising, by statistics of the training part alone."""

import numpy as np
import pytest

from numpy_attention.tasks.classification.cleaning import (
    Normalisation,
    count_missing,
    fit_normalisation,
    normalise,
    normalise_examples,
    prepare,
    real_values,
)
from numpy_attention.tasks.classification.data import Data, Examples


def examples(seed, size, gaps=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, size=(size, 5, 7))
    x.reshape(-1)[rng.choice(x.size, gaps, replace=False)] = np.tile([np.nan, np.inf], gaps)[:gaps]
    return Examples(x, rng.integers(2, size=size).astype(float), np.full(size, -1))


def test_missing_and_infinite_values_are_counted():
    assert count_missing(examples(0, 11, gaps=13).x) == 13
    assert count_missing(np.array([0.0, -np.inf, 1e308])) == 1


def test_the_training_part_ends_with_mean_0_and_deviation_1():
    train = prepare(Data(examples(0, 101), examples(1, 13))).train
    rows = train.x.reshape(-1, 7)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(rows.std(axis=0), 1, rtol=1e-14)


def test_gaps_do_not_shift_the_statistics_and_become_the_mean():
    part = examples(0, 17, gaps=19)
    kept = np.where(np.isfinite(part.x), part.x, np.nan).reshape(-1, 7)
    mean, deviation = fit_normalisation(part.x)
    np.testing.assert_allclose(mean, np.nanmean(kept, axis=0), rtol=1e-14)
    np.testing.assert_allclose(deviation, np.nanstd(kept, axis=0), rtol=1e-14)
    normalise_examples = prepare(Data(part, part)).train.x
    assert (normalise_examples[~np.isfinite(part.x)] == 0).all()
    assert np.isfinite(normalise_examples).all()


def test_nothing_of_the_held_out_part_reaches_the_model():
    train = examples(0, 11)
    one, other = (prepare(Data(train, examples(seed, 13))) for seed in (1, 2))
    np.testing.assert_array_equal(one.normalisation.mean, other.normalisation.mean)
    np.testing.assert_array_equal(one.normalisation.deviation, other.normalisation.deviation)
    np.testing.assert_array_equal(one.train.x, other.train.x)


def test_a_kept_normalisation_is_used_as_it_is():
    data = Data(examples(0, 11), examples(1, 13))
    kept = Normalisation(np.arange(7.0), np.arange(1.0, 8.0))
    prepared = prepare(data, kept)
    np.testing.assert_array_equal(prepared.test.x, (data.test.x - kept.mean) / kept.deviation)
    np.testing.assert_array_equal(prepared.train.x, (data.train.x - kept.mean) / kept.deviation)


def test_the_raw_data_stay_as_they_came():
    data = Data(examples(0, 11, gaps=3), examples(1, 13, gaps=2))
    before = [part.x.copy() for part in (data.train, data.test)]
    raw = prepare(data).raw
    for part, x in zip((raw.train, raw.test), before, strict=True):
        np.testing.assert_array_equal(part.x, x)


def test_a_constant_column_is_centred_and_not_divided_by_zero():
    x = np.full((3, 2, 1), 4.0)
    assert (normalise(x, fit_normalisation(x)) == 0).all()


def test_a_column_without_a_number_is_refused():
    x = np.ones((3, 5, 7))
    x[:, :, 2] = np.nan
    with pytest.raises(ValueError, match="column 2 of the training data holds no finite value"):
        fit_normalisation(x)


def test_a_normalisation_of_another_width_is_refused():
    with pytest.raises(ValueError, match="has 3 columns, the data have 7"):
        normalise(examples(0, 11).x, Normalisation(np.zeros(3), np.ones(3)))


def test_where_each_token_has_its_own_columns_each_has_its_own_statistics():
    data = Data(examples(0, 101), examples(1, 13), by_place=True)
    prepared = prepare(data)
    assert prepared.normalisation.mean.shape == (5, 7)
    np.testing.assert_allclose(prepared.train.x.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(prepared.train.x.std(axis=0), 1, rtol=1e-13)
    with pytest.raises(ValueError, match="has 5 tokens of 7 columns, the data have 3 tokens of 7 columns"):
        normalise(data.train.x[:, :3], prepared.normalisation)


def test_padding_is_not_counted_and_becomes_0():
    part = examples(0, 11)._replace(lengths=np.array([5, 1] + 9 * [3]))
    spoiled = part._replace(x=part.x.copy())
    spoiled.x[1, 1:] = np.nan
    spoiled.x[2, 3:] = 1e9
    assert count_missing(real_values(spoiled)) == 0
    assert len(real_values(spoiled)) == 5 + 1 + 9 * 3
    clean, dirty = (prepare(Data(each, each)) for each in (part, spoiled))
    for one, other in zip(clean.normalisation, dirty.normalisation, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(clean.train.x, dirty.train.x)
    assert not normalise_examples(spoiled, clean.normalisation).x[1, 1:].any()


@pytest.mark.parametrize("value", [14.62, 0.1, -1e200, 1e-300, 0.0, 1e15 + 0.1])
def test_a_constant_column_has_deviation_1_whatever_rounding_leaves(value):
    rows = np.full((119, 2), value)
    rows[7, 1] = np.nextafter(value, np.inf)
    if value:
        mean, deviation = fit_normalisation(rows)
        assert deviation.tolist() == [1, 1]
        np.testing.assert_allclose(mean, value, rtol=1e-15)
    mean, deviation = fit_normalisation(rows[:, :1])
    assert (mean.item(), deviation.item()) == (value, 1)


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e170, 1e300])
def test_tiny_and_huge_columns_are_normalised_like_others(scale):
    rows = np.array([[1.0], [2.0], [6.0]])
    np.testing.assert_allclose(
        fit_normalisation(rows * scale).deviation / scale, fit_normalisation(rows).deviation, rtol=1e-14
    )


def test_a_small_step_on_a_large_constant_is_no_constant():
    rows = 1e15 + np.tile([0.0, 1.0], 50)[:, None]
    assert fit_normalisation(rows).deviation.item() == 0.5
