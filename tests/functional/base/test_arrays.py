"""Promotion, dtypes, shapes, and the product that ignores masked entries."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from numpy_attention.functional.base.arrays import (
    accurate_sum,
    beside_zeros,
    cast_optional,
    check_broadcast,
    check_equal,
    common_batch,
    cotangent,
    gradient_like,
    group,
    keep_visible,
    norms,
    promote,
    round_to,
    shape_repr,
    sum_groups,
    to_float64,
    transposed,
    unbroadcast,
    upcast,
    visible_product,
)
from tests.support.judges import close

DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


@pytest.fixture
def rng():
    return np.random.default_rng(31)


# ------------------------------------------------------------------------------------ admission


def test_promote_makes_lists_and_whole_numbers_float64():
    for x in ([1, 2], (1, 2), range(1, 3), np.array([1, 2], dtype=np.uint8)):
        assert promote(x).dtype == np.float64
        assert promote(x).tolist() == [1, 2]
    assert promote(np.int64(3)).dtype == np.float64
    assert promote(None) is None
    assert promote(3) == 3
    x = np.ones(3, dtype=np.float32)
    assert promote(x) is x
    assert promote([[1], [2, 3]]) == [[1], [2, 3]]
    assert promote([True]).dtype == bool  # refused by admit, as an array of booleans is
    assert promote([0.5, 1]).dtype == np.float64


@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 1), (1, 1), (2, 3, 5), (1, 3, 1)])
def test_check_broadcast_returns_the_array(shape):
    x = np.ones(shape)
    assert check_broadcast("x", x, (2, 3, 5), "the scores") is x


@pytest.mark.parametrize("shape", [(3,), (2, 5), (1, 2, 3, 5), (0,), (5, 3)])
def test_shapes_that_do_not_broadcast_are_refused(shape):
    with pytest.raises(ValueError, match=r"x has shape .*, which does not broadcast to y \(2, 3, 5\)"):
        check_broadcast("x", np.ones(shape), (2, 3, 5), "y")


def test_common_batch_broadcasts_named_shapes():
    assert common_batch(query=(2, 1), key=(3,), value=()) == (2, 3)
    assert common_batch() == ()
    with pytest.raises(ValueError, match=r"broadcast together: query \(2,\), key \(3,\)"):
        common_batch(query=(2,), key=(3,))


def test_check_equal_names_both_lengths():
    check_equal("a", 3, "b", 3)
    with pytest.raises(ValueError, match="a is 3, but b is 5; they must be equal"):
        check_equal("a", 3, "b", 5)


def test_cotangent_is_upcast_and_has_the_shape_of_the_output():
    half, wide_one = np.ones(3, np.float16), np.ones(3, complex)
    assert cotangent("d", half, (3,), half).dtype == np.float32
    assert cotangent("d", half, (3,), wide_one).dtype == np.complex128
    assert cotangent("d", 1.0, (), np.ones(3, np.float32)).dtype == np.float64
    with pytest.raises(ValueError, match=r"d has shape \(3,\); that of the output, \(3, 1\)"):
        cotangent("d", half, (3, 1), half)
    with pytest.raises(TypeError, match="d has dtype int64"):
        cotangent("d", np.ones(3, int), (3,), half)


# ------------------------------------------------------------------------------------------- dtypes


def test_to_float64_widens_everything_to_one_dtype():
    x, nothing, half = to_float64(np.ones(1, np.float32), None, np.ones(1, np.float16))
    assert (x.dtype, nothing, half.dtype) == (np.float64, None, np.float64)
    assert [x.dtype for x in to_float64(np.ones(1, np.complex64), np.ones(1))] == [np.complex128] * 2
    x = np.ones(3)
    assert not np.shares_memory(to_float64(x)[0], x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("others", DTYPES)
def test_optional_arguments_never_promote(dtype, others):
    other, array = np.ones(3, dtype=others), np.ones(2, dtype=dtype)
    result = cast_optional(array, other)
    assert result.dtype.kind == ("c" if "c" in array.dtype.kind + other.dtype.kind else "f")
    assert result.real.dtype == upcast(other)[0].real.dtype


def test_results_and_gradients_are_rounded_once_and_share_no_memory(rng):
    x = rng.standard_normal((2, 3))
    out = round_to(x, np.ones(1, np.float16), np.ones(1, np.float32))
    assert out.dtype == np.float32
    assert not np.shares_memory(round_to(x, x), x)
    assert not np.shares_memory(gradient_like(x, x), x)
    for result in (round_to(x, x, fresh=True), gradient_like(x, x, fresh=True)):
        assert np.shares_memory(result, x)
    assert round_to(x, np.ones(1, np.float16), fresh=True).dtype == np.float16
    assert round_to(x + 1j, np.ones(1, np.float32)).dtype == np.complex64
    assert isinstance(round_to(np.array(3.0), x), np.float64)  # a number, not an array without axes
    gradient = gradient_like(x, np.ones((1, 3), np.float16))
    assert gradient.dtype == np.float16
    assert gradient.shape == (1, 3)
    assert close(gradient, x.sum(0), rtol=2e-3)


# ------------------------------------------------------------------------------------------- shapes


def test_accurate_sum_accumulates_in_float64():
    x = np.full((1_000_003, 2), 0.1, dtype=np.float32)
    assert (accurate_sum(x, 0) == np.float32(x[:, 0].astype(float).sum())).all()
    assert accurate_sum(x, 0).dtype == np.float32
    assert accurate_sum(x + 0j, 0).dtype == np.complex64
    assert accurate_sum(np.ones((2, 3)), 1, keepdims=True).tolist() == [[3], [3]]
    assert accurate_sum(np.ones((2, 3))) == 6
    assert isinstance(accurate_sum(np.ones((2, 3))), np.ndarray)


@pytest.mark.parametrize(
    "shape", [(), (1,), (5,), (3, 1), (3, 5), (1, 1, 5), (2, 1, 1), (2, 3, 5), (1, 1, 1)], ids=str
)
def test_unbroadcast_undoes_broadcasting(shape, rng):
    """<broadcast(x), y> = <x, unbroadcast(y)>."""
    x, y = np.asarray(rng.standard_normal(shape)), rng.standard_normal((2, 3, 5))
    back = unbroadcast(y, shape)
    assert back.shape == shape
    assert np.isclose((np.broadcast_to(x, y.shape) * y).sum(), (x * back).sum(), rtol=1e-13)


@pytest.mark.parametrize("shape, width", [((11, 7), (3,)), ((13,), ()), ((0,), (3,)), ((0,), ())])
def test_groups_are_summed_as_add_at_does(shape, width, rng):
    indices = rng.integers(0, 5, shape)
    rows = rng.standard_normal((indices.size, *width)).astype(np.float32)
    groups = group(indices)
    sums, expected = np.zeros((5, *width)), np.zeros((5, *width))
    sums[groups.used] = sum_groups(rows, groups)
    np.add.at(expected, indices.reshape(-1), rows)
    np.testing.assert_allclose(sums, expected, rtol=1e-14, atol=1e-14)


def test_unbroadcast_of_nothing():
    assert unbroadcast(np.zeros((0, 3)), (1, 3)).tolist() == [[0, 0, 0]]
    assert unbroadcast(np.zeros((0, 3)), (3,)).tolist() == [0, 0, 0]
    assert unbroadcast(np.zeros((0, 3)), (0, 3)).shape == (0, 3)


def test_transposed(rng):
    x = rng.standard_normal((2, 3, 5))
    assert np.array_equal(transposed(x)[1], x[1].T)


# ------------------------------------------------------------------------- masked entries


def test_norms_are_euclidean_one_a_row():
    assert norms(np.array([[[3.0, 4.0]], [[0.0, -2.0]]])).tolist() == [[5.0], [2.0]]


def test_keep_visible_selects_and_does_not_multiply():
    x = np.array([np.nan, 2.0])
    assert keep_visible(x, np.array([False, True])).tolist() == [0, 2]
    assert keep_visible(x, None) is x


def test_a_fresh_array_is_masked_in_place():
    x, visible = np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([True, False])
    assert keep_visible(x, visible, fresh=True) is x
    assert x.tolist() == [[1, 0], [3, 0]]


@pytest.mark.parametrize("hidden, replaced", [(2.0, False), (1e308, False), (-1e308, True), (np.nan, True)])
def test_beside_zeros_only_what_could_become_nan_is_replaced(hidden, replaced):
    x, visible = np.array([1e308, hidden]), np.array([True, False])
    with np.errstate(over="ignore"):
        assert beside_zeros(x, visible).tolist() == [1e308, 0 if replaced else hidden]
    assert beside_zeros(x, None) is x
    assert beside_zeros(x + 0j, visible).tolist() == [1e308, 0]


def masked_product(rng):
    """Weights (2, 3, 5) that are 0 where hidden, a matrix (2, 5, 7), and which pairs are visible."""
    visible = rng.random((2, 3, 5)) < 0.6
    visible[:, 1] = False  # a fully masked row
    visible[:, :, 4] = False  # a fully masked column
    visible[:, 0, 2] = visible[:, 2, 0] = True
    return np.where(visible, rng.standard_normal((2, 3, 5)), 0), rng.standard_normal((2, 5, 7)), visible


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e308])
def test_masked_rows_of_the_matrix_do_not_change_a_bit(poison, rng):
    weights, matrix, visible = masked_product(rng)
    clean = visible_product(weights, matrix, visible)
    assert close(clean, weights @ matrix, rtol=1e-14)
    spoiled = matrix.copy()
    spoiled[:, 4] = poison
    with np.errstate(all="ignore"):
        assert visible_product(weights, spoiled, visible).tobytes() == clean.tobytes()
        assert visible_product(weights, spoiled + 0j, visible).real.tobytes() == clean.tobytes()


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_visible_nan_reaches_only_its_rows_and_column(poison, rng):
    weights, matrix, visible = masked_product(rng)
    clean = visible_product(weights, matrix, visible)
    spoiled = matrix.copy()
    spoiled[:, 2, 3] = poison
    with np.errstate(all="ignore"):
        product = visible_product(weights, spoiled, visible)
    touched = visible[:, :, 2]
    assert touched.any()
    assert not np.isfinite(product[..., 3][touched]).any()
    assert np.array_equal(product[..., 3][~touched], clean[..., 3][~touched])
    rest = np.delete(product, 3, axis=-1)
    assert rest.tobytes() == np.delete(clean, 3, axis=-1).tobytes()


def test_memory_layout_does_not_change_a_bit(rng):
    weights, matrix, visible = masked_product(rng)
    clean = visible_product(weights, matrix, visible)
    assert visible_product(weights, np.asfortranarray(matrix), visible).tobytes() == clean.tobytes()


def test_fully_masked_rows_give_positive_zeros():
    visible = np.zeros((1, 1), dtype=bool)
    for matrix in (-1.0, 1.0, np.nan):
        product = visible_product(np.zeros((1, 1)), np.array([[matrix]]), visible)
        assert str(product) == "[[0.]]"


def test_without_a_mask_it_is_the_plain_product(rng):
    weights, matrix, _ = masked_product(rng)
    assert np.array_equal(visible_product(weights, matrix, None), weights @ matrix)


# --------------------------------------------------------------------------------- repr


def test_repr_shows_dtypes_and_shapes():
    class Inner(NamedTuple):
        y: Any

    @shape_repr
    class Saved(NamedTuple):
        x: Any
        nothing: Any
        several: Any
        rate: float

    saved = Saved(np.ones((2, 3), np.float32), None, (np.ones(5), 3), 0.5)
    assert repr(saved) == "Saved(x=float32(2, 3), nothing=None, several=(float64(5,), 3), rate=0.5)"
    assert repr(saved._replace(several=shape_repr(Inner)(np.ones(7)))).count("float64(7,)") == 1
