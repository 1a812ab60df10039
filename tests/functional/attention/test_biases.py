"""alibi and relative: biases as values, with gradients and tiles."""

import numpy as np
import pytest

import numpy_attention as na

RNG = np.random.default_rng(0)
B, H, L, S, D = 2, 3, 5, 7, 3
QUERY, KEY, VALUE = (RNG.standard_normal((B, H, n, D)) for n in (L, S, S))
D_OUT = RNG.standard_normal((B, H, L, D))
SLOPES = np.array([0.5, 0.25, 0.125])
BUCKETS = np.clip(np.arange(S) - np.arange(L)[:, None], -2, 2) + 2
TABLE = RNG.standard_normal((H, 5))

VALUES = {
    "alibi": (na.alibi(SLOPES, "bottom_right"), lambda p: na.alibi(p, "bottom_right"), SLOPES),
    "relative": (na.relative(TABLE, BUCKETS), lambda p: na.relative(p, BUCKETS), TABLE),
}


def test_by_hand() -> None:
    assert na.alibi([2.0, 1.0]).array(3, 3)[0].tolist() == [[0, -2, -4], [-2, 0, -2], [-4, -2, 0]]
    assert na.alibi(1.0, offset=4).array(1, 6).tolist() == [[-4, -3, -2, -1, 0, -1]]
    assert na.relative([5.0, 6.0], [[0, 1, 0]]).array(1, 3).tolist() == [[5, 6, 5]]


@pytest.mark.parametrize("name", VALUES)
def test_a_bias_value_equals_its_array_forward_and_backward(name: str) -> None:
    bias, _, parameter = VALUES[name]
    mask = na.causal("bottom_right")
    out, saved = na.attention_forward(QUERY, KEY, VALUE, bias=bias, mask=mask)
    plain_out, plain_saved = na.attention_forward(QUERY, KEY, VALUE, bias=bias.array(L, S), mask=mask)
    np.testing.assert_array_equal(out, plain_out)
    grads, plain = na.attention_backward(D_OUT, saved), na.attention_backward(D_OUT, plain_saved)
    np.testing.assert_array_equal(grads.d_query, plain.d_query)
    (d_parameter,) = grads.d_bias
    assert d_parameter.shape == parameter.shape
    if name == "alibi":
        distance = abs(np.arange(S) - np.arange(L)[:, None] - (S - L))
        expected = -(plain.d_bias * distance).sum(axis=(-1, -2))
        assert grads.d_bias._fields == ("d_slopes",)
    else:
        expected = np.stack([(plain.d_bias * (n == BUCKETS)).sum(axis=(-1, -2)) for n in range(5)], axis=-1)
        assert grads.d_bias._fields == ("d_table",)
    np.testing.assert_allclose(d_parameter, expected, rtol=0, atol=L * S * 1e-15)


@pytest.mark.parametrize("name", VALUES)
def test_tiles_and_their_gradients_add_up(name: str) -> None:
    bias, _, _ = VALUES[name]
    whole, d_bias = bias.array(L, S), RNG.standard_normal((H, L, S))
    total = 0
    for rows in (slice(0, 2), slice(2, L)):
        for columns in (slice(0, 3), slice(3, S)):
            np.testing.assert_array_equal(bias.tile(rows, columns, L, S), whole[..., rows, columns])
            total = total + bias.tile_gradient(d_bias[..., rows, columns], rows, columns, L, S)
    np.testing.assert_allclose(
        bias.wrap_gradient(total)[0], bias.gradients(d_bias)[0], rtol=0, atol=L * S * 1e-15
    )


@pytest.mark.parametrize("name", VALUES)
def test_dtypes_and_attend(name: str) -> None:
    _, make, parameter = VALUES[name]
    bias = make(parameter.astype(np.float32))
    out, saved = na.attend_forward(
        RNG.standard_normal((B, H, L, S)).astype("float16"), VALUE.astype("float16"), bias=bias
    )
    assert out.dtype == np.float16
    assert na.attend_backward(D_OUT, saved).d_bias[0].dtype == np.float32


def test_a_table_entry_of_minus_infinity_masks() -> None:
    table = np.array([0.0, -np.inf])
    buckets = np.array([[0, 1, 0]])
    key = np.array([[1.0], [np.nan], [2.0]])
    out, saved = na.attention_forward([[1.0]], key, key, bias=na.relative(table, buckets))
    assert np.isfinite(out).all()
    grads = na.attention_backward(np.ones((1, 1)), saved)
    assert grads.d_key[1, 0] == 0
    assert grads.d_bias.d_table[1] == 0


@pytest.mark.parametrize(
    "call, sentence",
    [
        (
            lambda: na.alibi(SLOPES).array(2, 3),
            "na.alibi(<slopes (3,)>) over 2 queries and 3 keys: say where",
        ),
        (lambda: na.alibi(SLOPES, "top_left", offset=1), "align is 'top_left' and offset is 1; one of"),
        (lambda: na.alibi(SLOPES, "left"), "align is 'left' (did you mean 'top_left'?); one of"),
        (lambda: na.alibi(SLOPES, offset=[1, 2]), "offset has shape (2,); one whole number"),
        (lambda: na.alibi([True]), "slopes has dtype bool"),
        (lambda: na.relative(TABLE, BUCKETS + 1), "buckets holds 5; less than 5, the"),
        (lambda: na.relative(TABLE, BUCKETS - 1), "buckets holds -1; at least 0"),
        (lambda: na.relative(TABLE, BUCKETS[0]), "buckets has shape (7,); (L, S) is expected"),
        (lambda: na.relative(TABLE, BUCKETS * 1.0), "buckets has dtype float64; whole numbers"),
        (lambda: na.relative(1.0, BUCKETS), "table has shape (); at least 1 axis"),
        (lambda: na.relative(TABLE, BUCKETS).array(7, 5), "is for (L, S) = (5, 7); there are (7, 5)"),
        (
            lambda: na.attention(QUERY, KEY, VALUE, bias=na.relative(TABLE[:2], BUCKETS)),
            "bias has shape (2, 5, 7)",
        ),
    ],
)
def test_refused_arguments(call, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((TypeError, ValueError)) as refused:
        call()
    assert sentence in str(refused.value)


@pytest.mark.parametrize("offset", [2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)])
def test_offsets_of_alibi_do_not_wrap_around(offset: int) -> None:
    """Distances in float64: right to their last digit, on every path."""
    bias = na.alibi([1.0], offset=offset)
    distances = [[abs(j - (i + offset)) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(bias.array(2, 3)[0], -np.array(distances, float), rtol=2.0**-52)
    x = np.ones((1, 3, 1))
    for attention in (na.attention, na.blockwise_attention, na.fast_attention):
        assert np.isfinite(attention(x, x, x, bias=bias)).all()
