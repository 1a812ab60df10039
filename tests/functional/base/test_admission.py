"""Validation of arguments: which are accepted, and the message for each that is not."""

import threading

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

DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


@pytest.mark.parametrize("dtype", DTYPES)
def test_floating_arrays_are_returned_without_a_copy(dtype):
    x = np.ones((2, 3), dtype=dtype)
    assert admit("x", x) is x or np.shares_memory(admit("x", x), x)
    assert admit("x", x).dtype == dtype
    swapped = x.astype(x.dtype.newbyteorder(">"))
    assert admit("x", swapped).dtype == dtype
    assert admit("x", swapped).dtype.isnative


def test_subclasses_become_plain_arrays():
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
    "x, error, message",
    [
        (np.ones(3, int), TypeError, r"x has dtype int64; float16, .*\(write .astype\(float\)"),
        (np.ones(3, bool), TypeError, "x has dtype bool; float16"),
        (True, TypeError, "x has dtype bool"),
        (np.ones(3, np.longdouble), TypeError, "x has dtype (float|longdouble).*; float16"),
        (1.0, ValueError, r"x has shape \(\); at least 1 axis is expected"),
        (None, TypeError, r"x is NoneType \(dtype object\); an array of numbers is expected"),
        ("3", TypeError, r"x is str '3' \(dtype <U1\); an array of numbers"),
        ([1.0, None], TypeError, r"x is list \(dtype object\)"),
        ({"a": 1}, TypeError, r"x is dict \(dtype object\)"),
        ([[1.0], [2.0, 3.0]], TypeError, "x cannot be read as an array: .*inhomogeneous"),
        (np.array(["2020-01-01"], dtype="M8[D]"), TypeError, r"x is ndarray \(dtype datetime64"),
        (
            np.ma.masked_array([1.0, 2.0], [True, False]),
            TypeError,
            "x is a masked array, whose mask NumPy would drop in silence; pass a plain array$",
        ),
    ],
)
def test_refused_arrays(x, error, message):
    with pytest.raises(error, match=message):
        admit("x", x, 1)


def test_as_array_accepts_whole_numbers_and_booleans():
    assert as_array("x", np.arange(3)).dtype == np.int64
    assert as_array("x", [True, False]).dtype == bool
    special = np.ones(2).view(type("Special", (np.ndarray,), {}))
    assert type(as_array("x", special)) is np.ndarray


def test_real_number_returns_a_float():
    assert real_number("x", 3) == 3.0
    assert isinstance(real_number("x", np.float32(0.5)), float)
    assert real_number("x", np.array(2)) == 2.0


@pytest.mark.parametrize(
    "x, error, message",
    [
        ([1.0], TypeError, r"x is \[1.0\]; one real number is expected"),
        (1j, TypeError, "x is 1j; one real number is expected"),
        (False, TypeError, "x is False; one real number"),
        (np.nan, ValueError, "x is nan; a finite number is expected"),
        (-np.inf, ValueError, "x is -inf; a finite number"),
        ("1", TypeError, "x is str"),
    ],
)
def test_refused_numbers(x, error, message):
    with pytest.raises(error, match=message):
        real_number("x", x)


def test_whole_numbers_are_copied_to_int64():
    for x in (3, np.uint8(3), np.array(3)):
        assert whole_numbers("x", x).dtype == np.int64
        assert whole_numbers("x", x) == 3
    assert whole_numbers("x", []).shape == (0,)
    assert whole_numbers("x", [0, 2], least=0).tolist() == [0, 2]
    x = np.arange(3)
    assert not np.shares_memory(whole_numbers("x", x), x)


@pytest.mark.parametrize(
    "x, error, message",
    [
        (0.0, TypeError, "x has dtype float64; whole numbers are expected"),
        (True, TypeError, "x has dtype bool; whole numbers"),
        ([1.0], TypeError, "x has dtype float64"),
        ([3, -1], ValueError, "x holds -1; at least 0 is expected"),
        (None, TypeError, "x is NoneType"),
    ],
)
def test_refused_whole_numbers(x, error, message):
    with pytest.raises(error, match=message):
        whole_numbers("x", x, least=0)


def test_one_of_returns_a_known_choice():
    assert one_of("x", "a", ("a", "b")) == "a"
    for choice in ("c", None, 3, ["a"]):
        with pytest.raises(ValueError, match=r"x is .*; one of 'a', 'b' is expected"):
            one_of("x", choice, ("a", "b"))


def test_float16_is_computed_in_float32_and_nothing_else_changes():
    kinds = {name: np.ones(1, dtype=name) for name in DTYPES}
    for name in DTYPES:
        assert compute_dtype(kinds[name]) == (np.float32 if name == "float16" else name)
    assert compute_dtype(kinds["float16"], kinds["float16"]) == np.float32
    assert compute_dtype(kinds["float16"], kinds["float64"]) == np.float64
    assert compute_dtype(kinds["float16"], kinds["complex64"]) == np.complex64
    assert compute_dtype(kinds["float64"], kinds["complex64"]) == np.complex128


def test_quiet_holds_in_threads():
    """errstate is local to a thread: the decorator sets it in each."""

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


def test_a_dtype_of_ml_dtypes_is_refused_with_what_to_write():
    kind = type("bfloat16", (np.void,), {"__module__": "ml_dtypes"})  # a stand-in: it may not be installed
    x = np.zeros(2, dtype=np.dtype((kind, [("bits", "u2")])))
    with pytest.raises(TypeError, match=r"^x has dtype .*; write .astype\(np.float32\)$"):
        admit("x", x)
