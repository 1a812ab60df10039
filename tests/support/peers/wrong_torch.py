"""Attention in torch, by autograd and with a backward by hand, with mistakes under planted faults' names.

Both compute in float32 at least. They share no line with the steps in which the package plants its faults.
"""

import math

import numpy as np

from tests.support.wrong_kernels import d_masked_of, scales, visible_pairs

IN_FORWARD = [
    "scale-missing",
    "scale-squared",
    "scale-by-width",
    "softmax-over-queries",
    "no-row-sum",
    "epsilon-in-the-sum",
    "no-maximum",
    "maximum-from-zero",
    "mask-off-by-one",
    "mask-strict",
    "mask-from-the-wrong-corner",
    "mask-inverted",
    "mask-ignored-beside-causal",
    "mask-after-softmax",
    "mask-of-a-finite-number",
    "mask-forgotten",
    "causal-unasked",
    "window-off-by-one-left",
    "window-off-by-one-right",
    "heads-tiled",
    "bias-scaled",
    "bias-of-the-first-head",
    "bias-without-gradient",
    "dropout-not-rescaled",
    "softcap-not-multiplied-back",
    "softcap-after-the-bias",
    "softcap-without-derivative",
    "sink-dropped",
    "sink-without-gradient",
    "tail-of-keys-dropped",
    "tail-of-keys-counted-twice",
    "width-truncated",
    "key-and-value-swapped",
]

BY_HAND = [
    "scale-twice",
    "scale-missing-in-d-query",
    "scale-missing-in-d-key",
    "scale-twice-in-d-key",
    "no-row-sum",
    "row-mean-for-row-sum",
    "row-sum-added",
    "diagonal-only",
    "diagonal-only-and-unscaled",
    "weights-squared",
    "softmax-not-undone",
    "divided-by-the-rows",
    "divided-by-the-keys",
    "plain-mean",
    "plain-sum",
    "outer-weights-forgotten",
    "softmax-gradient-negated",
    "weights-minus-d-weights",
    "row-sum-of-squared-weights",
    "row-sum-over-queries",
    "sum-over-the-whole-array",
    "d-out-of-ones",
    "d-key-from-weights",
    "d-query-of-narrow-values",
    "row-sum-broadcast-along-rows",
    "d-value-untransposed",
    "d-query-and-d-key-swapped",
    "d-key-and-d-value-swapped",
    "first-head-of-group",
    "last-head-of-group",
    "mean-of-group",
    "group-summed-interleaved",
    "dropout-forgotten-in-backward",
    "dropout-forgotten-in-d-value",
    "delta-before-dropout",
]


def _at_least_single(torch, *arrays):
    return [x if x.dtype == torch.float64 else x.float() for x in arrays]


def _visible(torch, L, S, causal, window, mask, m):
    by = {"mask-strict": "mask-strict", "mask-off-by-one": "mask-off-by-one"}.get(m, "")
    left, right = window or (L + S, L + S)
    left, right = left - (m == "window-off-by-one-left"), right + (m == "window-off-by-one-right")
    band = None if window is None else (left, right)
    if m == "mask-from-the-wrong-corner":  # of the diagonal at the bottom right
        seen = np.ones((L, S), dtype=bool) if not causal else np.tri(L, S, dtype=bool)
        ahead = np.arange(S) - np.arange(L)[:, None]
        seen &= True if window is None else (ahead >= -left) & (ahead <= right)
    else:
        seen = visible_pairs(L, S, causal, band, by)
    if m == "mask-ignored-beside-causal" and causal:
        return torch.tensor(visible_pairs(L, S, True, None))
    seen = torch.tensor(seen)
    if mask is not None:
        seen = seen & (~mask if m == "mask-inverted" else mask)
    if m == "causal-unasked" and not causal and window is None and mask is None:
        return torch.tensor(np.tri(L, S, dtype=bool))
    return torch.ones(1, 1, dtype=torch.bool) if m == "mask-forgotten" else seen


def by_autograd(torch, m=""):
    """The seven steps as a user writes them."""

    def attention(
        query, key, value, causal=False, window=None, mask=None, bias=None, scale=None, softcap=None,
        sinks=None, dropout=None,
    ):  # fmt: skip
        own, (q, k, v) = query.dtype, _at_least_single(torch, query, key, value)
        if m == "key-and-value-swapped" and k.shape == v.shape:
            k, v = v, k
        (_, H, L, D), (G, S) = q.shape, k.shape[1:3]
        reads = torch.arange(H) % G if m == "heads-tiled" else torch.arange(H) // (H // G)
        k, v = k[:, reads], v[:, reads]
        c = D**-0.5 if scale is None else float(scale)
        c = {"scale-missing": 1.0, "scale-squared": c * c}.get(m, c)
        c = 1 / D if m == "scale-by-width" and scale is None else c
        n = min(D, 64) if m == "width-truncated" else D
        x = (q[..., :n] @ k[..., :n].transpose(-1, -2)) * c
        b = 0.0 if bias is None else _at_least_single(torch, bias)[0]
        b = b.detach() + 0 * b if m == "bias-without-gradient" and bias is not None else b
        b = b[:, :1] if m == "bias-of-the-first-head" and bias is not None else b
        early = m == "softcap-after-the-bias"
        x = x + (b if early else 0.0)
        if softcap is not None:
            capped = torch.tanh(x / softcap) * (1 if m == "softcap-not-multiplied-back" else softcap)
            x = x + (capped - x).detach() if m == "softcap-without-derivative" else capped
        x = x if early else x + (c * b if m == "bias-scaled" else b)
        seen = _visible(torch, L, S, causal, window, mask, m).expand(*x.shape)
        hiding = -1e4 if m == "mask-of-a-finite-number" else -torch.inf
        x = x if m == "mask-after-softmax" else torch.where(seen, x, hiding)
        tail = torch.arange(S) >= S // 4 * 4
        x = torch.where(tail, x + math.log(2), x) if m == "tail-of-keys-counted-twice" else x
        axis = -2 if m == "softmax-over-queries" else -1
        s = None if sinks is None or m == "sink-dropped" or axis == -2 else sinks.to(x.dtype)[:, None, None]
        s = s.detach() + 0 * s if s is not None and m == "sink-without-gradient" else s
        top = x.detach().amax(axis, keepdim=True) if x.numel() else torch.zeros_like(x[..., :1])
        top = top if s is None else torch.maximum(top, s.detach())
        top = torch.where(torch.isinf(top), 0.0, top)
        top = {"no-maximum": 0 * top, "maximum-from-zero": top.clamp(min=0)}.get(m, top)
        p = torch.exp(x - top)
        total = p.sum(axis, keepdim=True) + (0.0 if s is None else torch.exp(s - top))
        total = total + (1e-4 if m == "epsilon-in-the-sum" else 0.0)
        total = total.detach() if m == "no-row-sum" else total
        w = torch.where(total > 0, p / torch.where(total > 0, total, 1.0), 0.0)
        w = torch.where(seen, w, 0.0) if m == "mask-after-softmax" else w
        if dropout is not None:
            w = w * (dropout > 0 if m == "dropout-not-rescaled" else dropout)
        w = w * ~tail if m == "tail-of-keys-dropped" else w
        return (w @ v).to(own)

    return attention


def by_hand(torch, m=""):
    """Forward, and backward from the saved weights."""

    def attention(
        query, key, value, causal=False, window=None, mask=None, scale=None, dropout=None, *, d_out
    ):
        own, (q, k, v, d) = query.dtype, _at_least_single(torch, query, key, value, d_out)
        (B, H, L, D), (G, S), E = q.shape, k.shape[1:3], v.shape[-1]
        k, v = (x.repeat_interleave(H // G, 1) for x in (k, v))
        c, c_q, c_k = scales(D, scale, m)
        seen = _visible(torch, L, S, causal, window, mask, "").expand(B, H, L, S)
        x = torch.where(seen, c * (q @ k.transpose(-1, -2)), -torch.inf)
        w = torch.nan_to_num(torch.softmax(x, -1)) if S else x
        drop = torch.ones_like(w) if dropout is None else dropout.to(w.dtype)
        out = (w * drop) @ v
        d = torch.ones_like(d) if m == "d-out-of-ones" else d
        d_drop = torch.where(seen, d @ v.transpose(-1, -2), 0.0)
        d_w = d_drop if m == "dropout-forgotten-in-backward" else d_drop * drop
        d_s = torch.where(seen, _d_scores(m, w, d_w, d_drop, seen), 0.0)
        for_q = d_s
        if m == "d-query-of-narrow-values":
            narrow = torch.where(seen, d[..., :D] @ v[..., :D].transpose(-1, -2), 0.0) * drop
            for_q = d_masked_of(w, narrow, "")
        d_q = c_q * for_q @ k
        d_k = c_k * (w if m == "d-key-from-weights" else d_s).transpose(-1, -2) @ q
        for_v = w if m == "dropout-forgotten-in-d-value" else w * drop
        square = L == S and H == G
        flat = m == "d-value-untransposed" and square
        d_v = (for_v if flat else for_v.transpose(-1, -2)) @ d
        d_k, d_v = (_of_group(x, G, m) for x in (d_k, d_v))
        if m == "d-query-and-d-key-swapped" and square:
            d_q, d_k = d_k, d_q
        if m == "d-key-and-d-value-swapped" and D == E:
            d_k, d_v = d_v, d_k
        return out.to(own), tuple(x.to(own) for x in (d_q, d_k, d_v))

    return attention


def _d_scores(m, w, d_w, d_drop, seen):
    if m == "delta-before-dropout":
        return w * (d_w - (w * d_drop).sum(-1, keepdim=True))
    if m == "row-sum-broadcast-along-rows" and w.shape[-1] == w.shape[-2]:
        return w * (d_w - (w * d_w).sum(-1)[..., None, :])
    return d_masked_of(w, d_w, m, seen)


def _of_group(x, G, m):
    n = x.shape[1] // G
    if m == "group-summed-interleaved":
        return x.unflatten(1, (n, G)).sum(1)
    x = x.unflatten(1, (G, n))
    return {"first-head-of-group": x[:, :, 0], "last-head-of-group": x[:, :, -1]}.get(
        m, x.mean(2) if m == "mean-of-group" else x.sum(2)
    )
