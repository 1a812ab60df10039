"""Layers: frozen values of their sizes, with the parameters outside, in nested dicts of arrays.

    params = layer.init(rng)
    out, saved = layer.forward(params, *inputs, **options)
    d_inputs, d_params = layer.backward(d_out, saved)

Read `parameters`, then `multi_head_attention`; `token_scores` and `temperature` are parts of `classifier`;
`self_attention` is a multi-head attention below such a classifier. Imports NumPy, `functional` and `optim`.
"""

from .multi_head_attention import MultiHeadAttention
from .weights.files import load_weights, save_weights
from .weights.torch_names import from_torch, to_torch

__all__ = ["MultiHeadAttention", "from_torch", "load_weights", "save_weights", "to_torch"]
