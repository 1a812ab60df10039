"""Random arrays, and all outputs and gradients of attention on them."""

import numpy as np

import numpy_attention as na


def drawn(*shapes, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def all_numbers(query, key, value, seed=1, **options):
    """All outputs and gradients, with random cotangents for out, weights and lse."""
    out, saved = na.attention_forward(query, key, value, **options)
    d_out, d_weights, d_lse = drawn(out.shape, saved.weights.shape, saved.lse.shape, seed=seed)
    gradients = na.attention_backward(d_out, saved, d_weights=d_weights, d_lse=d_lse)
    return [np.asarray(x) for x in (out, saved.weights, saved.lse, *gradients) if x is not None]
