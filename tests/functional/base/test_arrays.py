"""Admission, dtypes, shapes, and the product that keeps hidden things hidden."""

import threading
from typing import Any, NamedTuple

import numpy as np
import pytest

from numpy_attention.functional.base.admission import (
    admit,
    as_array,
    compute_dtype,
    one_of,
    quiet,
    real_number,
    whole_numbers,
)
from numpy_attention.functional.base.arrays import (
    accurate_sum,
    cast_optional,
    check_broadcast,
    check_equal,
    common_batch,
    cotangent,
    gradient_like,
    keep_visible,
    promote,
    round_to,
    shape_repr,
    to_float64,
    transposed,
    unbroadcast,
    upcast,
    visible_product,
)
from tests.support.complex_step import close

DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


@pytest.fixture
def rng():
    return np.random.default_rng(31)


# ------------------------------------------------------------------------------------ what comes in


@pytest.mark.parametrize("dtype", DTYPES)
def test_floats_come_in_as_they_are(dtype):
    x = np.ones((2, 3), dtype=dtype)
    assert admit("x", x) is x or np.shares_memory(admit("x", x), x)
    assert admit("x", x).dtype == dtype
    swapped = x.astype(x.dtype.newbyteorder(">"))
    assert admit("x", swapped).dtype == dtype
    assert admit("x", swapped).dtype.isnative


def test_subclasses_come_in_as_plain_arrays():
    x = np.array([[1.0, 2.0]]).view(np.recarray)
    assert type(admit("x", x)) is np.ndarray
    with pytest.raises(ValueError, match=r"x has shape \(1, 2\); at least 3 axes are expected"):
        admit("x", np.asarray(x), 3)


def test_python_numbers_are_float64():
    for x in (3, 0.5, np.float64(2)):
        assert admit("x", x).dtype == np.float64
        assert admit("x", x).shape == ()
    assert admit("x", 1j).dtype == np.complex128
    assert admit("x", np.float32(2)).dtype == np.float32


@pytest.mark.parametrize(
    "x, error, sentence",
    [
        (np.ones(3, int), TypeError, r"x has dtype int64; float16, .*\(write .astype\(float\)"),
        (np.ones(3, bool), TypeError, "x has dtype bool; float16"),
        (True, TypeError, "x has dtype bool"),
        (np.ones(3, np.longdouble), TypeError, "x has dtype (float|longdouble).*; float16"),
        (1.0, ValueError, r"x has shape \(\); at least 1 axes are expected"),
        (None, TypeError, r"x is NoneType \(dtype object\); an array of numbers is expected"),
        ("3", TypeError, r"x is str \(dtype <U1\); an array of numbers"),
        ([1.0, None], TypeError, r"x is list \(dtype object\)"),
        ({"a": 1}, TypeError, r"x is dict \(dtype object\)"),
        ([[1.0], [2.0, 3.0]], TypeError, "x cannot be read as an array: .*inhomogeneous"),
        (np.array(["2020-01-01"], dtype="M8[D]"), TypeError, r"x is ndarray \(dtype datetime64"),
        (
            np.ma.masked_array([1.0, 2.0], [True, False]),
            TypeError,
            "x is a masked array, whose mask NumPy would drop in silence; pass a plain array and say",
        ),
    ],
)
def test_what_is_refused(x, error, sentence):
    with pytest.raises(error, match=sentence):
        admit("x", x, 1)


def test_as_array_takes_whole_numbers_and_booleans_too():
    assert as_array("x", np.arange(3)).dtype == np.int64
    assert as_array("x", [True, False]).dtype == bool
    special = np.ones(2).view(type("Special", (np.ndarray,), {}))
    assert type(as_array("x", special)) is np.ndarray


def test_promoted():
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


def test_number():
    assert real_number("x", 3) == 3.0
    assert isinstance(real_number("x", np.float32(0.5)), float)
    assert real_number("x", np.array(2)) == 2.0


@pytest.mark.parametrize(
    "x, error, sentence",
    [
        ([1.0], TypeError, r"x is \[1.0\]; one real number is expected"),
        (1j, TypeError, "x is 1j; one real number is expected"),
        (False, TypeError, "x is False; one real number"),
        (np.nan, ValueError, "x is nan; a finite number is expected"),
        (-np.inf, ValueError, "x is -inf; a finite number"),
        ("1", TypeError, "x is str"),
    ],
)
def test_what_is_no_number(x, error, sentence):
    with pytest.raises(error, match=sentence):
        real_number("x", x)


def test_whole():
    for x in (3, np.uint8(3), np.array(3)):
        assert whole_numbers("x", x).dtype == np.int64
        assert whole_numbers("x", x) == 3
    assert whole_numbers("x", []).shape == (0,)
    assert whole_numbers("x", [0, 2], least=0).tolist() == [0, 2]
    x = np.arange(3)
    assert not np.shares_memory(whole_numbers("x", x), x)


@pytest.mark.parametrize(
    "x, error, sentence",
    [
        (0.0, TypeError, "x has dtype float64; whole numbers are expected"),
        (True, TypeError, "x has dtype bool; whole numbers"),
        ([1.0], TypeError, "x has dtype float64"),
        ([3, -1], ValueError, "x holds -1; at least 0 is expected"),
        (None, TypeError, "x is NoneType"),
    ],
)
def test_what_is_not_whole(x, error, sentence):
    with pytest.raises(error, match=sentence):
        whole_numbers("x", x, least=0)


def test_one_of():
    assert one_of("x", "a", ("a", "b")) == "a"
    for choice in ("c", None, 3, ["a"]):
        with pytest.raises(ValueError, match=r"x is .*; one of 'a', 'b' is expected"):
            one_of("x", choice, ("a", "b"))


@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 1), (1, 1), (2, 3, 5), (1, 3, 1)])
def test_what_broadcasts(shape):
    x = np.ones(shape)
    assert check_broadcast("x", x, (2, 3, 5), "the scores") is x


@pytest.mark.parametrize("shape", [(3,), (2, 5), (1, 2, 3, 5), (0,), (5, 3)])
def test_what_does_not_broadcast(shape):
    with pytest.raises(ValueError, match=r"x has shape .*, which does not broadcast to y \(2, 3, 5\)"):
        check_broadcast("x", np.ones(shape), (2, 3, 5), "y")


def test_common_batch():
    assert common_batch(query=(2, 1), key=(3,), value=()) == (2, 3)
    assert common_batch() == ()
    with pytest.raises(ValueError, match=r"broadcast together: query \(2,\), key \(3,\)"):
        common_batch(query=(2,), key=(3,))


def test_same():
    check_equal("a", 3, "b", 3)
    with pytest.raises(ValueError, match="a is 3, but b is 5; they must be equal"):
        check_equal("a", 3, "b", 5)


def test_cotangent():
    half, wide_one = np.ones(3, np.float16), np.ones(3, complex)
    assert cotangent("d", half, (3,), half).dtype == np.float32
    assert cotangent("d", half, (3,), wide_one).dtype == np.complex128
    assert cotangent("d", 1.0, (), np.ones(3, np.float32)).dtype == np.float64
    with pytest.raises(ValueError, match=r"d has shape \(3,\); that of the output, \(3, 1\)"):
        cotangent("d", half, (3, 1), half)
    with pytest.raises(TypeError, match="d has dtype int64"):
        cotangent("d", np.ones(3, int), (3,), half)


# ------------------------------------------------------------------------------------------- dtypes


def test_working():
    kinds = {name: np.ones(1, dtype=name) for name in DTYPES}
    for name in DTYPES:
        assert compute_dtype(kinds[name]) == (np.float32 if name == "float16" else name)
    assert compute_dtype(kinds["float16"], kinds["float16"]) == np.float32
    assert compute_dtype(kinds["float16"], kinds["float64"]) == np.float64
    assert compute_dtype(kinds["float16"], kinds["complex64"]) == np.complex64
    assert compute_dtype(kinds["float64"], kinds["complex64"]) == np.complex128
    assert [x.dtype for x in upcast(kinds["float16"], kinds["float32"])] == [np.float32] * 2


def test_double():
    x, nothing, half = to_float64(np.ones(1, np.float32), None, np.ones(1, np.float16))
    assert (x.dtype, nothing, half.dtype) == (np.float64, None, np.float64)
    assert [x.dtype for x in to_float64(np.ones(1, np.complex64), np.ones(1))] == [np.complex128] * 2
    x = np.ones(3)
    assert not np.shares_memory(to_float64(x)[0], x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("others", DTYPES)
def test_what_stands_beside_promotes_nothing(dtype, others):
    other, array = np.ones(3, dtype=others), np.ones(2, dtype=dtype)
    result = cast_optional(array, other)
    assert result.dtype.kind == ("c" if "c" in array.dtype.kind + other.dtype.kind else "f")
    assert result.real.dtype == upcast(other)[0].real.dtype


def test_finished_and_like(rng):
    x = rng.standard_normal((2, 3))
    out = round_to(x, np.ones(1, np.float16), np.ones(1, np.float32))
    assert out.dtype == np.float32
    assert not np.shares_memory(round_to(x, x), x)
    assert not np.shares_memory(gradient_like(x, x), x)
    for made in (round_to(x, x, fresh=True), gradient_like(x, x, fresh=True)):
        assert np.shares_memory(made, x)
    assert round_to(x, np.ones(1, np.float16), fresh=True).dtype == np.float16
    assert round_to(x + 1j, np.ones(1, np.float32)).dtype == np.complex64
    assert isinstance(round_to(np.array(3.0), x), np.float64)  # a number, not an array without axes
    gradient = gradient_like(x, np.ones((1, 3), np.float16))
    assert gradient.dtype == np.float16
    assert gradient.shape == (1, 3)
    assert close(gradient, x.sum(0), rtol=2e-3)


# ------------------------------------------------------------------------------------------- shapes


def test_total_is_accumulated_in_double():
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


def test_unbroadcast_of_nothing():
    assert unbroadcast(np.zeros((0, 3)), (1, 3)).tolist() == [[0, 0, 0]]
    assert unbroadcast(np.zeros((0, 3)), (3,)).tolist() == [0, 0, 0]
    assert unbroadcast(np.zeros((0, 3)), (0, 3)).shape == (0, 3)


def test_transposed(rng):
    x = rng.standard_normal((2, 3, 5))
    assert np.array_equal(transposed(x)[1], x[1].T)


# ------------------------------------------------------------------------- hidden has no influence


def test_seen():
    x = np.array([np.nan, 2.0])
    assert keep_visible(x, np.array([False, True])).tolist() == [0, 2]
    assert keep_visible(x, None) is x


def hidden_problem(rng):
    """Weights (2, 3, 5) that are 0 where hidden, a matrix (2, 5, 7), and which pairs may be seen."""
    visible = rng.random((2, 3, 5)) < 0.6
    visible[:, 1] = False  # a row that sees nothing
    visible[:, :, 4] = False  # a column that nobody sees
    visible[:, 0, 2] = visible[:, 2, 0] = True
    return np.where(visible, rng.standard_normal((2, 3, 5)), 0), rng.standard_normal((2, 5, 7)), visible


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e308])
def test_what_is_hidden_moves_no_bit(poison, rng):
    weights, matrix, visible = hidden_problem(rng)
    clean = visible_product(weights, matrix, visible)
    assert close(clean, weights @ matrix, rtol=1e-14)
    spoiled = matrix.copy()
    spoiled[:, 4] = poison
    with np.errstate(all="ignore"):
        assert visible_product(weights, spoiled, visible).tobytes() == clean.tobytes()
        assert visible_product(weights, spoiled + 0j, visible).real.tobytes() == clean.tobytes()


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_visible_shows_in_what_it_touches(poison, rng):
    weights, matrix, visible = hidden_problem(rng)
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


def test_layout_moves_no_bit(rng):
    weights, matrix, visible = hidden_problem(rng)
    clean = visible_product(weights, matrix, visible)
    assert visible_product(weights, np.asfortranarray(matrix), visible).tobytes() == clean.tobytes()


def test_a_sum_of_hidden_zeros_has_no_sign():
    nobody = np.zeros((1, 1), dtype=bool)
    for matrix in (-1.0, 1.0, np.nan):
        product = visible_product(np.zeros((1, 1)), np.array([[matrix]]), nobody)
        assert str(product) == "[[0.]]"


def test_without_a_mask_it_is_the_product(rng):
    weights, matrix, _ = hidden_problem(rng)
    assert np.array_equal(visible_product(weights, matrix, None), weights @ matrix)


# --------------------------------------------------------------------------------- names and silence


def test_repr_shows_shapes():
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


def test_quiet_in_threads_too():
    """An errstate is a thread's own: the decorator sets it wherever the function runs."""

    @quiet
    def divide():
        return np.ones(1) / np.zeros(1)

    results = []
    with np.errstate(all="raise"):
        assert divide() == np.inf
        assert np.geterr()["divide"] == "raise"
    threads = [threading.Thread(target=lambda: results.append(divide())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [np.inf] * 3
