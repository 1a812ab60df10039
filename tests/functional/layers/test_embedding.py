"""embedding."""

import numpy as np
import pytest

import numpy_attention as na

TABLE = np.arange(21.0).reshape(7, 3)


def test_rows_by_number() -> None:
    out, saved = na.embedding_forward([[2, 0], [6, 2]], TABLE)
    assert out[0, 0].tolist() == out[1, 1].tolist() == [6, 7, 8]
    d_weight = na.embedding_backward(np.ones((2, 2, 3)), saved)
    assert d_weight[:, 0].tolist() == [1, 0, 2, 0, 0, 0, 1]
    assert not np.shares_memory(out, TABLE)


def test_a_row_looked_up_often_is_summed_without_loss() -> None:
    """A million float32 gradients of one row: their sum is rounded once."""
    indices = np.zeros(10**5, dtype=int)
    d_out = np.full((10**5, 1), 0.1, dtype=np.float32)
    _, saved = na.embedding_forward(indices, np.zeros((1, 1), dtype=np.float32))
    assert na.embedding_backward(d_out, saved)[0, 0] == np.float32(10**5 * float(np.float32(0.1)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex128"])
def test_rows_of_one_index_are_summed_in_float64_and_rounded_once(dtype: str) -> None:
    rng = np.random.default_rng(0)
    indices, d_out = rng.integers(0, 5, (11, 13)), rng.standard_normal((11, 13, 3)).astype(dtype)
    _, saved = na.embedding_forward(indices, TABLE.astype(dtype))
    expected = np.zeros(TABLE.shape, np.result_type(dtype, np.float64))
    np.add.at(expected, indices, d_out)
    atol = indices.size * np.finfo(float).eps * abs(d_out).max()
    np.testing.assert_allclose(na.embedding_backward(d_out, saved), expected.astype(dtype), rtol=0, atol=atol)


@pytest.mark.parametrize("rows, width, shape", [(7, 0, (2,)), (7, 3, ()), (0, 3, (0, 2)), (7, 0, (0,))])
def test_no_width_and_nothing_looked_up(rows: int, width: int, shape: tuple[int, ...]) -> None:
    out, saved = na.embedding_forward(np.zeros(shape, int), np.zeros((rows, width)))
    assert out.shape == (*shape, width)
    assert na.embedding_backward(np.ones(out.shape), saved).shape == (rows, width)


@pytest.mark.parametrize(
    "indices, error, sentence",
    [
        ([7], ValueError, "indices holds 7; less than 7, the rows of weight, is expected"),
        ([-1], ValueError, "indices holds -1; at least 0 is expected"),
        ([1.0], TypeError, "indices has dtype float64; whole numbers"),
        ([True], TypeError, "indices has dtype bool; whole numbers"),
    ],
)
def test_invalid_arguments(indices: list[float], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        na.embedding(indices, TABLE)
    with pytest.raises(ValueError, match=r"weight has shape \(7,\); \(rows, width\)"):
        na.embedding([0], np.zeros(7))
