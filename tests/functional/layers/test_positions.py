"""Rotary and sinusoidal positions."""

import numpy as np
import pytest

import numpy_attention as na

EPS = np.finfo(float).eps
RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 5, 8))


def test_a_quarter_turn_by_hand() -> None:
    quarter = [np.pi / 2]
    np.testing.assert_allclose(na.rotary([[1.0, 2.0]], quarter), [[-2, 1]], atol=4 * EPS)
    row = [[1.0, 2.0, 3.0, 4.0]]
    np.testing.assert_allclose(na.rotary(row, quarter, base=1.0), [[-2, 1, -4, 3]], atol=8 * EPS)
    np.testing.assert_allclose(
        na.rotary(row, quarter, base=1.0, layout="halves"), [[-3, -4, 1, 2]], atol=8 * EPS
    )
    np.testing.assert_allclose(na.rotary(row, quarter, base=1.0, width=2), [[-2, 1, 3, 4]], atol=8 * EPS)


def test_the_rates_fall_by_the_base() -> None:
    turned = na.rotary([[1.0, 0.0, 1.0, 0.0]], [1.0], base=100.0)[0]
    np.testing.assert_allclose(turned, [np.cos(1), np.sin(1), np.cos(0.1), np.sin(0.1)], rtol=4 * EPS)


@pytest.mark.parametrize("layout", ["interleaved", "halves"])
@pytest.mark.parametrize("width", [None, 4, 0])
def test_products_depend_on_the_difference_of_positions(layout: str, width: int | None) -> None:
    query, key, place = X[0], X[1], np.arange(5)
    options = {"layout": layout, "width": width}

    def scores(shift: float) -> np.ndarray:
        turned = (na.rotary(x, place + shift, **options) for x in (query, key))
        return next(turned) @ np.swapaxes(next(turned), -1, -2)

    # an angle of size 100 is off by 100 eps
    np.testing.assert_allclose(scores(100.0), scores(0.0), rtol=0, atol=100 * 50 * EPS)
    lengths = np.linalg.norm(na.rotary(X, place, **options), axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(X, axis=-1), rtol=8 * EPS)


def test_backward_turns_back() -> None:
    out, saved = na.rotary_forward(X, np.arange(5), layout="halves", width=6)
    np.testing.assert_allclose(na.rotary_backward(out, saved), X, rtol=0, atol=8 * EPS * abs(X).max())


def test_positions_broadcast_and_may_be_fractions() -> None:
    batch = np.array([[0.5, 1, 2, 3, 4], [7, 7, 7, 7, 7]])[:, None]
    out = na.rotary(X, batch)
    np.testing.assert_array_equal(out[1, 2], na.rotary(X[1, 2], np.full(5, 7)))
    np.testing.assert_array_equal(na.rotary(X, [3]), na.rotary(X, [3] * 5))


def test_float32_angles_are_computed_in_float64() -> None:
    x = X.astype(np.float32)
    exact = na.rotary(x.astype(float), np.arange(5) + 1e6)
    # two products and a sum, each rounded to float32
    np.testing.assert_allclose(
        na.rotary(x, np.arange(5) + 1e6), exact, rtol=0, atol=3 * 2.0**-24 * 2 * abs(X).max()
    )


def test_sinusoidal() -> None:
    table = na.sinusoidal(np.arange(3), 4, base=100.0)
    assert table.shape == (3, 4)
    np.testing.assert_allclose(table[2], [np.sin(2), np.cos(2), np.sin(0.2), np.cos(0.2)], rtol=4 * EPS)
    assert table[0].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("positions", [(), (0,), (3, 0), (0, 3)])
@pytest.mark.parametrize("width", [0, 4])
def test_no_positions_and_no_width(positions: tuple[int, ...], width: int) -> None:
    assert na.sinusoidal(np.zeros(positions), width).shape == (*positions, width)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: na.rotary(X[..., :7], np.arange(5)), "the last axis of x is 7; an even whole number"),
        (lambda: na.rotary(X, np.arange(5), width=3), "width is 3; an even whole number"),
        (lambda: na.rotary(X, np.arange(5), width=10), "width is 10; an even whole number <= 8"),
        (lambda: na.rotary(X, np.arange(4)), r"positions has shape \(4,\), which does not broadcast"),
        (
            lambda: na.rotary(X, [[[[[0]]]]]),
            r"positions has shape \(1, 1, 1, 1, 1\), which does not broadcast",
        ),
        (lambda: na.rotary(X, [np.nan] * 5), "positions holds nan; finite numbers are expected"),
        (lambda: na.rotary(X, [True] * 5), "positions has dtype bool; real numbers"),
        (
            lambda: na.rotary(X, np.arange(5), layout="half"),
            "layout is 'half' .*; one of 'interleaved', 'halves'",
        ),
        (lambda: na.rotary(X, np.arange(5), base=0.0), "base is 0.0; a positive number"),
        (lambda: na.sinusoidal([0], 3), "width is 3; an even whole number"),
    ],
)
def test_invalid_arguments(call, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()
