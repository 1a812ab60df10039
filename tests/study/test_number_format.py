"""Arrays as text: digits, aligned points, zeros, and blocks side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from numpy_attention.study.number_format import WIDTH, array_block, format_few, format_rows, side_by_side


@pytest.mark.parametrize(
    "x, printed",
    [
        ([[1, -2], [30, 0]], ["1  -2", "30   0"]),
        ([[0.5, -1.25]], ["0.5000  -1.2500"]),
        ([[1.0, 1e-9]], ["1.0000  1.0e-09"]),
        ([[0.5, 0.0, -0.0]], ["0.5000  0  0"]),
        ([[123.456, 0.1]], ["123.456  0.100"]),
        ([[0.0123456, 0.5e-2]], ["0.01235  0.00500"]),
        ([[1.23456e7, 1]], ["1.235e+07  1.000e+00"]),
        ([[12345.5]], ["12345.5"]),
        ([[99999.5, 1.25]], ["99999.5  1.2"]),
        ([[4.2e-6]], ["4.200e-06"]),
        ([[0.5, -np.inf, np.nan]], ["0.5000  -inf  nan"]),
        ([[-np.inf]], ["-inf"]),
        ([[True, False]], ["yes  no"]),
        ([], []),
        (0.25, ["0.2500"]),
    ],
)
def test_rows_of_numbers(x, printed):
    assert [" ".join(row.split()) for row in format_rows(x)] == [" ".join(row.split()) for row in printed]


def test_points_are_aligned_and_infinities_at_the_right():
    assert format_rows([[10.5, -np.inf], [-0.25, 1.5], [0, 2e-9]]) == [
        "10.5000     -inf",
        "-0.2500  1.5000 ".rstrip(),
        " 0       2.0e-09",
    ]


@given(arrays(float, array_shapes(max_dims=2, max_side=3), elements=st.floats(-1e12, 1e12)))
def test_printed_numbers_read_back_and_only_zero_prints_as_zero(x):
    for row, printed in zip(np.atleast_2d(x), format_rows(x), strict=True):
        for number, cell in zip(row, printed.split(), strict=True):
            assert (float(cell) == 0) == (number == 0)
            assert abs(float(cell) - number) <= max(0.05 * abs(number), 5e-324)


def test_few_shows_at_most_four_entries():
    assert format_few([1, 2, 3, 4]) == "1, 2, 3, 4"
    assert format_few(np.arange(6).reshape(2, 3)) == "0, 1, 2, …"
    assert format_few(-0.125) == "-0.1250"
    assert format_few([]) == ""


def test_blocks_of_one_two_and_three_axes():
    assert array_block("x", 0.5).title == "x"
    assert array_block("x", [1, 2]) == ("x (2,)", ["1  2"])
    assert array_block("x", [1, 2], shape=False, column=True) == ("x", ["1", "2"])
    assert array_block("x", range(10)).lines == ["0  1  2  3  4  5  6  7", "8  9"]
    assert array_block("x", [[[1, 2], [3, 4]]]) == ("x (1, 2, 2)", ["[..., 0]", "1  3", "[..., 1]", "2  4"])


def test_blocks_wrap_at_the_width():
    blocks = [array_block("x" * n, [[1]], shape=False) for n in (10, 10, 30)]
    assert list(side_by_side(blocks, width=24)) == [
        "x" * 10 + "    " + "x" * 10,
        "1             1",
        "",
        "x" * 30,
        "1",
    ]
    assert len(list(side_by_side(blocks, width=58))) == 2
    assert len(list(side_by_side(blocks, width=57))) == 5
    assert next(side_by_side(blocks[:2], gap=1)) == "x" * 10 + " " + "x" * 10
    assert list(side_by_side([])) == []
    eights = [array_block("x", np.full((2, 8), -1.5e30))]
    assert max(map(len, side_by_side(eights))) <= WIDTH - 4
