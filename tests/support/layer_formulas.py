"""Transformer layers by their equations, apart from the package's: one example and one head at a time."""

import numpy as np

from numpy_attention.optim.trees import flatten, unflatten


def random_params(layer, seed=1):
    """Parameters, none of them special: no bias is 0 and no weight of a norm 1."""
    rng = np.random.default_rng(seed)
    return unflatten({n: rng.normal(scale=0.6, size=shape) for n, shape in flatten(layer.shapes()).items()})


def linear(p, x):
    return x @ p["weight"].T + p.get("bias", 0)


def normed(p, x, norm, eps=1e-5):
    if norm == "layer":
        x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps) * p["weight"] + p.get("bias", 0)


def silu(x):
    return x / (1 + np.exp(-x))


def feed_forward(p, x, activation):
    hidden = linear(p["linear1"], x)
    hidden = silu(linear(p["gate"], x)) * hidden if activation == "swiglu" else np.maximum(hidden, 0)
    return linear(p["linear2"], hidden)


def attention(p, x, memory, heads, visible):
    """Heads side by side; every query sees the keys where `visible` (T, S)."""
    w, b = p["in_proj_weight"], p.get("in_proj_bias", np.zeros(len(p["in_proj_weight"])))
    (wq, wk, wv), (bq, bk, bv) = np.split(w, 3), np.split(b, 3)
    D, rows = x.shape[-1] // heads, []
    for own, keys in zip(x, memory, strict=True):
        found = []
        for h in range(heads):
            cut = slice(h * D, (h + 1) * D)
            q, k, v = own @ wq[cut].T + bq[cut], keys @ wk[cut].T + bk[cut], keys @ wv[cut].T + bv[cut]
            shares = np.where(visible, np.exp(q @ k.T / np.sqrt(D)), 0)
            found.append(shares / shares.sum(axis=1, keepdims=True) @ v)
        rows.append(np.concatenate(found, axis=1))
    return linear(p["out_proj"], np.stack(rows))


def beside(p, x, inner, norm_first, norm):
    """x + inner(norm(x)), or norm(x + inner(x))."""
    return x + inner(normed(p, x, norm)) if norm_first else normed(p, x + inner(x), norm)


def encoder_layer(p, x, heads, visible, norm_first=False, activation="relu", norm="layer"):
    form = norm_first, norm
    x = beside(p["norm1"], x, lambda y: attention(p["self_attn"], y, y, heads, visible), *form)
    return beside(p["norm2"], x, lambda y: feed_forward(p, y, activation), *form)


def decoder_layer(p, x, memory, heads, visible, norm_first=False, activation="relu", norm="layer"):
    form = norm_first, norm
    x = beside(p["norm1"], x, lambda y: attention(p["self_attn"], y, y, heads, visible), *form)
    x = beside(p["norm2"], x, lambda y: attention(p["multihead_attn"], y, memory, heads, True), *form)
    return beside(p["norm3"], x, lambda y: feed_forward(p, y, activation), *form)
