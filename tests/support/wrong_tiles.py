"""Attention tile by tile with a running maximum and sum, with mistakes under the names of planted faults."""

import math

import numpy as np

from tests.support.wrong_kernels import d_masked_of, scales, visible_pairs

ONLINE = [
    "stale-maximum",
    "sum-not-rescaled",
    "output-not-rescaled",
    "last-block-only",
    "no-maximum",
    "maximum-from-zero",
    "maximum-from-1e4",
    "epsilon-in-the-sum",
    "tail-of-keys-dropped",
    "tail-of-keys-counted-twice",
    "lse-in-wrong-base",
    "lse-without-maximum",
    "mask-missing-in-backward",
    "row-sum-of-last-block",
    "last-keys-dropped-in-d-query",
    "last-rows-dropped-in-d-key",
    "last-block-of-rows-dropped-in-d-value",
]

IN_BACKWARD = [
    "scale-missing",
    "scale-squared",
    "scale-twice",
    "scale-missing-in-d-query",
    "scale-missing-in-d-key",
    "scale-twice-in-d-key",
    "mask-strict",
    "mask-off-by-one",
    "mask-forgotten",
    "heads-tiled",
    "no-row-sum",
    "row-mean-for-row-sum",
    "row-sum-added",
    "diagonal-only",
    "weights-squared",
    "softmax-not-undone",
    "outer-weights-forgotten",
    "softmax-gradient-negated",
    "divided-by-the-keys",
    "divided-by-the-rows",
    "weights-minus-d-weights",
    "d-out-of-ones",
    "first-head-of-group",
    "mean-of-group",
]
TILED = [*ONLINE, *IN_BACKWARD]

LEAST = {"maximum-from-zero": 0.0, "maximum-from-1e4": -1e4}
TILE, HALF = 4, ("stale-maximum", "sum-not-rescaled", "output-not-rescaled", "last-block-only",
                 "row-sum-of-last-block")  # fmt: skip
"""The tile's length, and the mistakes that are made where the keys come in two tiles."""


def tiled_attention(mistake=""):
    """Gradients of query, key and value; weights are computed anew from lse in backward."""
    m = mistake

    def attention(query, key, value, causal=False, window=None, mask=None, scale=None, *, d_out):
        own, arrays = query.dtype, (query, key, value, d_out)
        work = np.dtype(own if own.name in ("float32", "float64") else "float32").type
        query, key, value, d_out = (np.asarray(x, dtype=work) for x in arrays)
        (B, H, L, D), (_, G, S, _), n = query.shape, key.shape, query.shape[1] // key.shape[1]
        reads = np.arange(H) % G if m == "heads-tiled" else np.arange(H) // n
        q, k, v = query, key[:, reads], value[:, reads]
        c, c_q, c_k = map(work, scales(D, scale, m))
        seen = visible_pairs(L, S, causal, window, m) & (True if mask is None else mask)
        seen = np.broadcast_to(seen | (m == "mask-forgotten"), (B, H, L, S))
        ends = [S // 2, S] if m in HALF else [*range(TILE, S, TILE), S]
        tiles = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        tail = tiles[-1] if S % TILE else slice(0, 0)
        used = [t for t in tiles if m != "last-block-only" or t.stop == S]
        twice = [tail] if m == "tail-of-keys-counted-twice" else []

        def scores(t):
            x = c * (q @ k[:, :, t].swapaxes(-1, -2))
            return np.where(seen[..., t], x, work(-np.inf))

        top = np.full((B, H, L, 1), LEAST.get(m, -np.inf), work)
        total, out = np.zeros_like(top), np.zeros(d_out.shape, work)
        with np.errstate(all="ignore"):
            for t in (*used, *twice):
                x = scores(t)
                new = np.maximum(top, x.max(axis=-1, keepdims=True, initial=-np.inf))
                old, shift = (np.where(np.isfinite(y), y, 0) for y in (top, new))
                shift = np.zeros_like(shift) if m == "no-maximum" else shift
                grown = np.where(np.isfinite(top), np.exp(top - shift), 0)
                grown = np.ones_like(grown) if m == "no-maximum" else grown
                p = np.exp(x - shift)
                stale = np.exp(x - old) if m == "stale-maximum" and np.isfinite(top).any() else p
                stale = np.where(np.isfinite(top), stale, p)
                total = total * (1 if m == "sum-not-rescaled" else grown) + stale.sum(-1, keepdims=True)
                kept = out * (1 if m == "output-not-rescaled" else grown)
                dropped = m == "tail-of-keys-dropped" and t == tail
                out, top = kept + (0 if dropped else p @ v[:, :, t]), new
            total = total + work(1e-4 if m == "epsilon-in-the-sum" else 0)
            out = np.where(total == 0, 0, out / total)
            shift = np.where(np.isfinite(top), 0 if m in ("lse-without-maximum", "no-maximum") else top, 0)
            lse = shift + np.log(total)
            lse = lse / work(math.log(2)) if m == "lse-in-wrong-base" else lse

            w = np.zeros((B, H, L, S), work)
            for t in (*used, *twice):
                hidden = m == "mask-missing-in-backward"
                x = c * (q @ k[:, :, t].swapaxes(-1, -2)) if hidden else scores(t)
                w[..., t] += np.where(np.isneginf(lse), 0, np.exp(np.minimum(x - lse, work(80))))
            d = np.ones_like(d_out) if m == "d-out-of-ones" else d_out
            d_w = np.where(seen | (m == "mask-missing-in-backward"), d @ v.swapaxes(-1, -2), 0)
            last = np.arange(S) >= S // 2
            d_s = w * (d_w - (w * d_w * last).sum(-1, keepdims=True))
            if m in ONLINE and m != "row-sum-of-last-block":
                d_s = w * (d_w - (d * out).sum(-1, keepdims=True))
            d_s = d_s if m in ONLINE else d_masked_of(w, d_w, m, seen)
        keys, rows = np.arange(S) < S // TILE * TILE, np.arange(L)[:, None]
        for_q = d_s * keys if m == "last-keys-dropped-in-d-query" else d_s
        for_k = d_s * (rows < L // TILE * TILE) if m == "last-rows-dropped-in-d-key" else d_s
        cut = m == "last-block-of-rows-dropped-in-d-value"
        for_v = w * (rows < (L - 1) // TILE * TILE) if cut else w
        d_k, d_v = c_k * for_k.swapaxes(-1, -2) @ q, for_v.swapaxes(-1, -2) @ d

        def of_keys(x):
            if m == "heads-tiled":
                return x.reshape(B, n, G, *x.shape[2:]).sum(1)
            x = x.reshape(B, G, n, *x.shape[2:])
            return x[:, :, 0] if m == "first-head-of-group" else x.sum(2) / work(n if "mean-of" in m else 1)

        results = {"out": out, "d_query": c_q * for_q @ k, "d_key": of_keys(d_k), "d_value": of_keys(d_v)}
        return {name: x.astype(own) for name, x in results.items()}

    return attention
