"""Dropout as a value, and its multipliers."""

import numpy as np
import pytest

from numpy_attention.functional.attention.dropout import Dropout, dropout, dropout_multipliers


def test_known_answers():
    """Written down once: a saved run must draw the same bits for ever."""
    expected = [[0, 0, 2, 0], [2, 2, 2, 0]]
    assert dropout(5, 0.5).array((2, 4)).tolist() == expected
    assert dropout_multipliers(5, 0.5, (2, 4)).tolist() == expected
    assert dropout_multipliers(5, 0.5, (8,)).tolist() == [*expected[0], *expected[1]]


def test_multipliers_are_0_or_1_over_1_minus_rate():
    multipliers = dropout_multipliers(1, 0.75, (101, 103))
    assert multipliers.dtype == np.float64
    assert set(np.unique(multipliers)) == {0, 4}
    assert (dropout_multipliers(1, 0, (7,)) == 1).all()


def test_an_array_is_filled_in_its_own_precision():
    whole = dropout(3, 0.3).array((7, 9001))
    filled = dropout(3, 0.3).fill(np.empty((7, 9001), np.float32))
    np.testing.assert_array_equal(filled, whole.astype(np.float32), strict=True)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_the_fraction_dropped_is_the_rate(rate, seed):
    dropped = (dropout_multipliers(seed, rate, (211, 499)) == 0).mean()
    assert abs(dropped - rate) <= 5 * np.sqrt(rate * (1 - rate) / (211 * 499))


def test_neighbouring_positions_and_seeds_are_uncorrelated():
    """In position and in seed: five standard deviations of a correlation of n independent pairs."""
    bits = np.stack([dropout_multipliers(seed, 0.5, (10_007,)) - 1 for seed in range(5)])
    assert np.abs(bits @ bits.T / 10_007 - np.eye(5)).max() <= 5 / np.sqrt(10_007)
    for lag in (1, 2, 64):
        assert abs((bits[0, lag:] * bits[0, :-lag]).mean()) <= 5 / np.sqrt(10_007)


def test_every_bit_of_the_seed_counts():
    seeds = [1, *(1 + 2**n for n in range(1, 64))]
    assert len({dropout_multipliers(seed, 0.5, (97,)).tobytes() for seed in seeds}) == len(seeds)


@pytest.mark.parametrize("shape", [(7, 11), (2, 3, 7, 11), (1, 1), (0, 5), (2, 5, 0), (7, 9001)], ids=str)
def test_tiles_are_parts_of_the_whole(shape):
    value = dropout(3, 0.3)
    whole = value.array(shape)
    assert whole.shape == shape
    for rows in (slice(None), slice(2, 5), slice(6, 100), slice(0, 0), slice(1, None, 2)):
        for columns in (slice(None), slice(4, 9), slice(0, 1)):
            tile = value.tile(rows, columns, shape)
            assert np.array_equal(tile, whole[..., rows, columns])


def test_seeds():
    assert dropout(np.int32(5), 0.5).seed == 5
    assert not np.array_equal(dropout_multipliers(5, 0.5, (99,)), dropout_multipliers(6, 0.5, (99,)))
    generator = np.random.default_rng(0)
    first, second = dropout(generator, 0.5), dropout(generator, 0.5)
    assert first.seed != second.seed  # one drawn for each value
    assert first.seed == dropout(np.random.default_rng(0), 0.5).seed
    assert np.array_equal(first.array((9,)), dropout(first.seed, 0.5).array((9,)))


def test_repr_is_the_call_that_makes_it():
    assert repr(dropout(5, 0.25)) == "na.dropout(seed=5, rate=0.25)"
    assert isinstance(dropout(5, 0.25), Dropout)


def test_no_floating_point_errors():
    with np.errstate(all="raise"):
        dropout(2**62, 0.5).array((3, 5))
        dropout(2**62, 0.5).tile(slice(1, 2), slice(0, 3), (3, 5))


@pytest.mark.parametrize(
    "seed, rate, error, sentence",
    [
        (0, 1, ValueError, r"rate is 1; a probability in \[0, 1\) is expected"),
        (0, -0.1, ValueError, "rate is -0.1; a probability"),
        (0, np.nan, ValueError, "rate is nan; a finite number"),
        (0, [0.1], TypeError, r"rate is \[0.1\]; one real number"),
        (0, "half", TypeError, "rate is str"),
        (-1, 0.5, ValueError, "seed holds -1; at least 0 is expected"),
        (0.5, 0.5, TypeError, "seed has dtype float64; whole numbers"),
        (None, 0.5, TypeError, "seed is NoneType"),
        ([1, 2], 0.5, TypeError, r"seed has shape \(2,\); one whole number or a Generator"),
    ],
)
def test_errors(seed, rate, error, sentence):
    with pytest.raises(error, match=sentence):
        dropout(seed, rate)


def test_errors_of_the_shape():
    with pytest.raises(ValueError, match="shape holds -2; at least 0"):
        dropout_multipliers(0, 0.5, (3, -2))
    with pytest.raises(TypeError, match="shape has dtype float64"):
        dropout_multipliers(0, 0.5, (3.5,))
