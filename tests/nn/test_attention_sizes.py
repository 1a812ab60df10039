"""Sizes and options of a multi-head attention that make none, each in a sentence."""

import pytest

from numpy_attention import nn


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"kv_heads": 4}, ValueError, "kv_heads is 4; a divisor of heads, 6, is expected"),
        ({"head_width": 0}, ValueError, "head_width holds 0; at least 1"),
        ({"out_bias": 1}, TypeError, "out_bias is 1; True or False"),
        ({"dropout": 1.0}, ValueError, r"dropout is 1.0; a probability in \[0, 1\)"),
        ({"score": "dots"}, ValueError, r"score is 'dots' \(did you mean 'dot'\?\)"),
        ({"query_key_norm": "batch"}, ValueError, "query_key_norm is 'batch'; one of 'layer', 'rms'"),
        ({"attention": "flash"}, ValueError, "attention is 'flash'"),
        ({"softcap": 0.0}, ValueError, "softcap is 0.0; a positive number"),
        ({"softcap": "a"}, TypeError, "softcap is str 'a'"),
        ({"score": "additive", "attention": "fast"}, ValueError, "attention is 'fast'; None or 'reference'"),
        ({"score": "additive", "scale": 0.5}, ValueError, "scale is 0.5; None is expected"),
        ({"positions": "rotary"}, TypeError, r"positions is str; nn.Rotary\(\)"),
        ({"positions": nn.Rotary(6)}, ValueError, "width of positions is 6; an even number <= 2"),
        ({"positions": nn.ALiBi(4)}, ValueError, "positions are for 4 heads; 6, as the attention has"),
        ({"positions": nn.T5Buckets(4)}, ValueError, "positions are for 4 heads; 6, as the attention has"),
        ({"positions": nn.Shaw(2, 3)}, ValueError, "attention is None; 'reference' is expected with Shaw"),
        ({"positions": nn.Shaw(3, 3)}, ValueError, "positions are for head_width 3; 2 is expected"),
        ({"positions": nn.TransformerXL(6, 3, 4)}, ValueError, "positions are for 6 heads of width 3"),
    ],
)
def test_options_that_make_no_layer(options, error, message):
    with pytest.raises(error, match=f"^MultiHeadAttention: {message}"):
        nn.MultiHeadAttention(12, 6, **options)


def test_shapes_of_every_option():
    layer = nn.MultiHeadAttention(
        12, 6, kv_heads=3, head_width=4, key_width=5, bias=False, out_bias=True, add_bias_kv=True, gate=True,
        sinks=True, query_key_norm="rms", score="concat",
    )  # fmt: skip
    assert layer.shapes() == {
        "q_proj_weight": (24, 12),
        "k_proj_weight": (12, 5),
        "v_proj_weight": (12, 12),
        "bias_k": (1, 1, 12),
        "bias_v": (1, 1, 12),
        "sinks": (6,),
        "score": {"weight": (6, 8)},
        "q_norm": {"weight": (4,)},
        "k_norm": {"weight": (4,)},
        "gate": {"weight": (24, 12)},
        "out_proj": {"weight": (12, 24), "bias": (12,)},
    }
