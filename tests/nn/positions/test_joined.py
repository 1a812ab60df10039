"""Several positions at once act as each alone."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn.positions.joined import joined

X = np.random.default_rng(0).standard_normal((2, 5, 6))


def test_biases_are_summed_and_queries_turned():
    layer = nn.MultiHeadAttention(6, 3, positions=nn.Joined(nn.Rotary(), nn.ALiBi(3), nn.T5Buckets(3)))
    params = layer.init(np.random.default_rng(1))
    assert list(params["positions"]) == ["2"]
    out, saved = layer.forward(params, X)
    q, k, v = (
        np.swapaxes((X @ params["in_proj_weight"][6 * n : 6 * n + 6].T).reshape(2, 5, 3, 2), 1, 2)
        for n in range(3)
    )
    rotary, places = nn.Rotary(), np.arange(5)
    q, k = (rotary.rotate_forward(x, places)[0] for x in (q, k))
    own = nn.t5_buckets(places - places[:, None], 32, 128, True)
    bias = na.alibi(nn.alibi_slopes(3), offset=0).array(5, 5) + params["positions"]["2"]["weight"].T[:, own]
    expected = np.swapaxes(na.attention(q, k, v, bias=bias), 1, 2).reshape(X.shape)
    np.testing.assert_allclose(saved.out_proj.x, expected, rtol=1e-12)


def attended(positions, own):
    """The output, d_query and the gradients of the positions, whose parameters are given."""
    layer = nn.MultiHeadAttention(6, 2, positions=positions, attention="reference")
    params = nn.MultiHeadAttention(6, 2).init(np.random.default_rng(1)) | {"positions": own}
    out, saved = layer.forward(params, X)
    (d_x, *_), d_params = layer.backward(np.random.default_rng(2).standard_normal(out.shape), saved)
    return out, d_x, d_params["positions"]


def test_two_tables_of_distances_act_as_their_sum():
    shaw, rng = nn.Shaw(3, 2), np.random.default_rng(3)
    one, other = ({name: rng.standard_normal((5, 3)) for name in ("key", "value")} for _ in range(2))
    out, d_x, d_own = attended(nn.Joined(shaw, shaw), {"0": one, "1": other})
    expected, d_expected, d_sum = attended(shaw, {name: one[name] + other[name] for name in one})
    np.testing.assert_allclose(out, expected, rtol=1e-11)
    np.testing.assert_allclose(d_x, d_expected, rtol=1e-10, atol=1e-12)
    for place in ("0", "1"):
        for name, d in d_sum.items():
            np.testing.assert_allclose(d_own[place][name], d, rtol=1e-10, atol=1e-12)


def test_a_bias_that_all_examples_share_has_the_sum_of_their_gradients():
    span, shaw = nn.AdaptiveSpan(2, 6, 3), nn.Shaw(3, 2)
    logits, nothing = (
        {"span_logit": np.array([-0.5, 0.2])},
        {name: np.zeros((5, 3)) for name in ("key", "value")},
    )
    out, _, d_own = attended(nn.Joined(shaw, span), {"0": nothing, "1": logits})
    expected, _, d_alone = attended(span, logits)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    np.testing.assert_allclose(d_own["1"]["span_logit"], d_alone["span_logit"], rtol=1e-11)


def test_none_and_one_need_no_joining():
    rotary = nn.Rotary()
    assert joined(None, None) is None
    assert joined(None, rotary) is rotary
    assert isinstance(joined(rotary, nn.ALiBi(2)), nn.Joined)


def test_what_one_of_them_needs_is_asked_of_the_attention():
    both = nn.Joined(nn.Rotary(), nn.Shaw(2, 2))
    for own in (both, nn.Joined(nn.Shaw(2, 2), nn.Rotary())):
        assert own.needs_weights
        assert own.scaled
    with pytest.raises(ValueError, match="'reference' is expected with Joined"):
        nn.MultiHeadAttention(6, 3, positions=both)
    with pytest.raises(ValueError, match="positions are for 2 heads; 3"):
        nn.MultiHeadAttention(6, 3, positions=nn.Joined(nn.Rotary(), nn.ALiBi(2)))


def test_what_is_no_position_is_refused():
    with pytest.raises(TypeError, match="positions holds Linear;"):
        nn.Joined(nn.Rotary(), nn.Linear(3, 5))
