"""Attention with entmax of any α: beside its parts, its limits, and what is refused."""

import numpy as np
import pytest

import numpy_attention as na

RNG = np.random.default_rng(0)
QUERY, KEY, VALUE = (RNG.standard_normal((2, h, n, 3)) for h, n in ((6, 5), (3, 7), (3, 7)))
ALPHA = np.linspace(1, 2, 6)[:, None, None]


def test_it_is_entmax_of_the_scores() -> None:
    keys, values = (x.repeat(2, axis=1) for x in (KEY, VALUE))
    expected = na.alpha_entmax(na.dot_scores(QUERY, keys), ALPHA) @ values
    np.testing.assert_allclose(na.entmax_attention(QUERY, KEY, VALUE, alpha=ALPHA), expected, rtol=1e-13)


def test_at_1_it_is_attention_and_so_are_its_gradients() -> None:
    options = {"mask": na.causal("bottom_right"), "sinks": RNG.standard_normal(6), "softcap": 2.0}
    out, saved = na.entmax_attention_forward(QUERY, KEY, VALUE, **options, alpha=np.array(1.0))
    expected, saved_softmax = na.attention_forward(QUERY, KEY, VALUE, **options)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    d_out, d_weights = RNG.standard_normal(out.shape), RNG.standard_normal(saved.weights.shape)
    got = na.entmax_attention_backward(d_out, saved, d_weights=d_weights)
    wanted = na.attention_backward(d_out, saved_softmax, d_weights=d_weights)
    for name in ("d_query", "d_key", "d_value", "d_sinks"):
        np.testing.assert_allclose(getattr(got, name), getattr(wanted, name), rtol=1e-10, atol=1e-14)
    assert got.d_bias is None
    assert got.d_scale is None
    assert got.d_alpha.shape == ()


def test_no_look_ahead_to_the_bit() -> None:
    mask, later = na.causal(offset=0), KEY.copy()
    later[:, :, 3:] = 1e3
    one, other = (na.entmax_attention(QUERY, key, VALUE, mask=mask, alpha=ALPHA) for key in (KEY, later))
    np.testing.assert_array_equal(one[:, :, :3], other[:, :, :3])


def test_float32_is_computed_in_float64_and_rounded_once() -> None:
    narrow = [x.astype(np.float32) for x in (QUERY, KEY, VALUE)]
    out = na.entmax_attention(*narrow, alpha=ALPHA)
    wide = na.entmax_attention(*(x.astype(float) for x in narrow), alpha=ALPHA)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, wide.astype(np.float32))


def test_alpha_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"alpha has shape \(6,\), which does not broadcast to the rows"):
        na.entmax_attention(QUERY, KEY, VALUE, alpha=np.ones(6))
    with pytest.raises(ValueError, match=r"alpha holds 0\.0;"):
        na.entmax_attention(QUERY, KEY, VALUE, alpha=0.0)
