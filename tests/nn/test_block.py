"""The parts of a transformer block."""

import pytest

from numpy_attention import nn


def test_options_reach_the_parts():
    layer = nn.TransformerDecoderLayer(
        8, 4, 12, activation="geglu", eps=0.1, dropout=0.2, norm="rms", bias=False, kv_heads=2,
        head_width=6, sinks=True, softcap=3.0, positions=nn.Rotary(), attention="fast",
    )  # fmt: skip
    attention = layer.self_attn
    assert (attention.kv_heads, attention.head_width, attention.dropout) == (2, 6, 0.2)
    assert (attention.bias, attention.sinks, attention.softcap) == (False, True, 3.0)
    assert (attention.positions, attention.attention) == (nn.Rotary(), "fast")
    assert layer.multihead_attn.positions is None
    assert layer.norm1 == layer.norm2 == layer.norm3 == nn.RMSNorm(8, eps=0.1)
    assert layer.feed_forward == nn.FeedForward(8, 12, activation="geglu", bias=False, dropout=0.2)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"norm": "batch"}, ValueError, "TransformerEncoderLayer: norm is 'batch'; one of 'layer', 'rms'"),
        ({"norm_first": 1}, TypeError, "TransformerEncoderLayer: norm_first is 1; True or False"),
        ({"heads": 3}, ValueError, "MultiHeadAttention: heads is 3; a number that divides width, 8"),
        ({"activation": "tanh"}, ValueError, "FeedForward: activation is 'tanh' \\(did you mean"),
        ({"dropout": 2.0}, ValueError, r"MultiHeadAttention: dropout is 2.0; a probability in \[0, 1\)"),
        ({"hidden": 0}, ValueError, "FeedForward: hidden holds 0; at least 1"),
    ],
)
def test_sizes_that_make_no_block(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        nn.TransformerEncoderLayer(**{"width": 8, "heads": 4, "hidden": 5} | options)
