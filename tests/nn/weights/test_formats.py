"""Numbers of bfloat16 and float8 by hand, and back; every code of a byte."""

import numpy as np
import pytest

from numpy_attention.nn.weights.formats import (
    NARROW_FORMATS,
    NUMPY_FORMATS,
    SIZES,
    read_numbers,
    too_large,
    write_numbers,
)

BY_HAND = {
    "BF16": {
        0x3F80: 1.0,
        0xC040: -3.0,
        0x0001: 2.0**-133,
        0x7F7F: 255 * 2.0**120,
        0xFF80: -np.inf,
        0x8000: -0.0,
    },
    "F8_E4M3": {
        0x38: 1.0,
        0xB8: -1.0,
        0x01: 2.0**-9,
        0x07: 7 * 2.0**-9,
        0x08: 2.0**-6,
        0x7E: 448.0,
        0x80: -0.0,
    },
    "F8_E5M2": {0x3C: 1.0, 0x01: 2.0**-16, 0x04: 2.0**-14, 0x7B: 57344.0, 0x7C: np.inf, 0xFC: -np.inf},
}
NAN = {"BF16": [0x7FC0, 0x7F81], "F8_E4M3": [0x7F, 0xFF], "F8_E5M2": [0x7D, 0x7E, 0x7F, 0xFD]}


def unsigned(code):
    return f"<u{SIZES[code]}"


def decoded(code, codes):
    return read_numbers(code, np.array(codes, unsigned(code)).view(np.uint8))


@pytest.mark.parametrize("code", NARROW_FORMATS)
def test_numbers_by_hand(code):
    numbers = decoded(code, list(BY_HAND[code]))
    assert numbers.dtype == np.float32
    assert numbers.tolist() == list(BY_HAND[code].values())
    assert np.signbit(numbers).tolist() == [
        bool(x < 0 or 1 / x < 0) if x else str(x) == "-0.0" for x in BY_HAND[code].values()
    ]
    assert np.isnan(decoded(code, NAN[code])).all()


@pytest.mark.parametrize("code", NARROW_FORMATS)
def test_every_code_is_written_as_it_was_read(code):
    codes = np.arange(2 ** (8 * SIZES[code])).astype(unsigned(code))
    numbers = decoded(code, codes)
    written = write_numbers(code, numbers).view(unsigned(code))
    number = ~np.isnan(numbers)
    np.testing.assert_array_equal(written[number], codes[number])
    assert np.isnan(decoded(code, written[~number])).all()


@pytest.mark.parametrize("code", NARROW_FORMATS)
def test_rounding_is_to_the_nearest_ties_to_even(code):
    """Between neighbouring numbers a < b, with even and odd codes: a quarter, the middle, three quarters."""
    count = 2 ** (8 * SIZES[code] - 1)
    numbers = decoded(code, range(count))
    finite = numbers[np.isfinite(numbers)].astype(np.float64)
    low, high, codes = finite[:-1], finite[1:], np.arange(len(finite) - 1)
    for share, expected in ((0.25, codes), (0.5, codes + codes % 2), (0.75, codes + 1)):
        between = low + share * (high - low)
        np.testing.assert_array_equal(write_numbers(code, between).view(unsigned(code)), expected)
        minus = write_numbers(code, -between).view(unsigned(code))
        np.testing.assert_array_equal(minus, expected + count)


def test_a_float64_is_rounded_once():
    """1 + 2^-8 + 2^-40 is above the middle of 1 and the next bfloat16; float32 would make it the middle."""
    assert (
        decoded("BF16", write_numbers("BF16", np.array([1 + 2.0**-8 + 2.0**-40])).view("<u2")) == 1 + 2.0**-7
    )


@pytest.mark.parametrize("code", [*NARROW_FORMATS, "F16", "F32", "F64"])
def test_numbers_beyond_the_largest_are_found(code):
    largest = NARROW_FORMATS[code].largest if code in NARROW_FORMATS else np.finfo(NUMPY_FORMATS[code]).max
    assert too_large(code, np.array([1.0, -float(largest)])) is None
    assert too_large(code, np.array([np.nan])) is None
    assert (too_large(code, np.array([np.inf])) is None) == (code != "F8_E4M3")
    if code != "F64":
        assert too_large(code, np.array([0.0, -2.0 * float(largest)])) == -2 * float(largest)


@pytest.mark.parametrize("code", NUMPY_FORMATS)
def test_numpys_own_formats_are_views(code):
    numbers = np.arange(6).astype(NUMPY_FORMATS[code])
    raw = write_numbers(code, numbers.astype(numbers.dtype.newbyteorder(">")).reshape(2, 3).T.copy().T)
    read = read_numbers(code, raw)
    assert np.shares_memory(read, raw)
    np.testing.assert_array_equal(read, numbers)
    assert read_numbers(code, np.concatenate([np.zeros(1, np.uint8), raw])[1:]).flags.aligned


def test_bools_are_any_byte_but_0():
    assert read_numbers("BOOL", np.array([0, 1, 2], np.uint8)).tolist() == [False, True, True]
    assert write_numbers("BOOL", np.array([[True], [False]])).tolist() == [1, 0]
