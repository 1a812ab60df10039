"""Somebody's attention in NumPy, right and wrong, for the referee to judge."""

import numpy as np


def plain(query, key, value, causal=False, bias=None, scale=None, *, d_out):
    """The formula and its gradients, in the dtype that came in; bottom-right, heads repeated."""
    group = query.shape[1] // key.shape[1]
    keys, values = np.repeat(key, group, 1), np.repeat(value, group, 1)
    scale = query.dtype.type(query.shape[-1] ** -0.5 if scale is None else scale)
    scores = scale * (query @ keys.swapaxes(-1, -2))
    if bias is not None:
        scores = scores + bias
    L, S = scores.shape[-2:]
    if causal:
        scores = np.where(np.tri(L, S, S - L, dtype=bool), scores, -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True, initial=-1e30))
    weights = powers / powers.sum(-1, keepdims=True)
    out = weights @ values
    d_scores = weights * (d_out @ values.swapaxes(-1, -2) - (d_out * out).sum(-1, keepdims=True))

    def of_keys(x):
        return x.reshape(*key.shape[:2], group, *x.shape[2:]).sum(2)

    gradients = (
        scale * d_scores @ keys,
        of_keys(scale * d_scores.swapaxes(-1, -2) @ query),
        of_keys(weights.swapaxes(-1, -2) @ d_out),
    )
    if bias is not None:
        axes = tuple(n for n in range(4) if bias.shape[n] == 1)
        gradients += (d_scores.sum(axes, keepdims=True),)
    return out, gradients


def simple(query, key, value, *, d_out):
    """No options."""
    return plain(query, key, value, d_out=d_out)


def spoiled(change):
    """`simple`, with (out, d_query, d_key, d_value) changed."""

    def attention(query, key, value, *, d_out):
        out, gradients = plain(query, key, value, d_out=d_out)
        out, *gradients = change(out, *gradients)
        return out, tuple(gradients)

    return attention
