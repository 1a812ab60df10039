"""Attention in einsum and row by row, each with mistakes under the names of planted faults.

They share no line with the steps in which the package plants its faults: they show that a diagnosis names a
mistake in code that others wrote.
"""

import math

import numpy as np

IN_SCORES = [
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
    "causal-unasked",
]

IN_SOFTMAX = [
    "no-row-sum",
    "row-mean-for-row-sum",
    "row-sum-added",
    "diagonal-only",
    "weights-squared",
    "softmax-not-undone",
    "diagonal-only-and-unscaled",
    "plain-mean",
    "plain-sum",
    "outer-weights-forgotten",
    "softmax-gradient-negated",
    "divided-by-the-keys",
    "divided-by-the-rows",
    "weights-minus-d-weights",
    "row-sum-of-squared-weights",
    "d-out-of-ones",
]

IN_EINSUM = [
    "softmax-over-queries",
    "row-sum-over-queries",
    "sum-over-the-whole-array",
    "mask-after-softmax",
    "d-key-from-weights",
    "tail-of-keys-dropped",
    "last-keys-dropped-in-d-query",
    "tail-of-keys-counted-twice",
    "first-head-of-group",
    "last-head-of-group",
    "mean-of-group",
    "group-summed-interleaved",
    "bias-without-gradient",
    "bias-scaled",
    "bias-gradient-averaged",
    "bias-of-the-first-head",
    "dropout-forgotten-in-backward",
    "dropout-not-rescaled",
    "dropout-forgotten-in-d-value",
    "softcap-without-derivative",
    "softcap-times-cap",
    "softcap-one-minus-t",
    "softcap-not-multiplied-back",
    "softcap-after-the-bias",
    "sink-dropped",
    "sink-without-gradient",
    "sink-gradient-of-the-wrong-sign",
    "epsilon-in-the-sum",
]

MISTAKES = {"einsum": [*IN_SCORES, *IN_SOFTMAX, *IN_EINSUM], "rows": [*IN_SCORES, *IN_SOFTMAX]}


def visible_pairs(L, S, causal, window, mistake=""):
    """True where a query may attend to a key, the diagonal at the bottom right."""
    ahead = np.arange(S) - (np.arange(L)[:, None] + S - L)
    ahead = ahead + {"mask-strict": 1, "mask-off-by-one": -1}.get(mistake, 0)
    visible = np.ones((L, S), dtype=bool)
    if causal:
        visible &= ahead <= 0
    if window is not None:
        visible &= (ahead >= -window[0]) & (ahead <= window[1])
    return visible


def d_masked_of(w, d, mistake, visible=True):
    """The softmax's backward of one row or of all rows."""

    def total(x):
        return x.sum(axis=-1, keepdims=True)

    S, L = w.shape[-1], w.shape[-2] if w.ndim > 1 else 1
    right = w * (d - total(w * d))
    return {
        "no-row-sum": lambda: w * d,
        "row-mean-for-row-sum": lambda: w * (d - (w * d).mean(axis=-1, keepdims=True)),
        "row-sum-added": lambda: w * (d + total(w * d)),
        "diagonal-only": lambda: w * (1 - w) * d,
        "diagonal-only-and-unscaled": lambda: w * (1 - w) * d,
        "weights-squared": lambda: w * (w * d - total(w * d)),
        "softmax-not-undone": lambda: d * visible,
        "plain-mean": lambda: w * (d - d.mean(axis=-1, keepdims=True)),
        "plain-sum": lambda: w * (d - total(d)),
        "outer-weights-forgotten": lambda: (d - total(w * d)) * visible,
        "softmax-gradient-negated": lambda: -right,
        "divided-by-the-keys": lambda: right / S,
        "divided-by-the-rows": lambda: right / L,
        "weights-minus-d-weights": lambda: (w - d) * visible,
        "row-sum-of-squared-weights": lambda: w * (d - total(w * w * d)),
        "row-sum-over-queries": lambda: w * (d - (w * d).sum(axis=-2, keepdims=True)),
        "sum-over-the-whole-array": lambda: w * (d - (w * d).sum()),
    }.get(mistake, lambda: right)()


def scales(D, scale, mistake):
    """The scale of scores, of d_query and of d_key."""
    c = 1 / math.sqrt(D) if scale is None else float(scale)
    return {
        "scale-missing": (1, 1, 1),
        "scale-squared": (c * c, c * c, c * c),
        "scale-twice": (c, c * c, c * c),
        "scale-missing-in-d-query": (c, 1, c),
        "scale-missing-in-d-key": (c, c, 1),
        "scale-twice-in-d-key": (c, c, c * c),
        "diagonal-only-and-unscaled": (c, 1, 1),
    }.get(mistake, (c, c, c))


def einsum_attention(mistake=""):
    """Batched, by einsum; gradients of query, key, value, bias and sinks."""
    m = mistake

    def attention(
        query, key, value, causal=False, window=None, mask=None, bias=None, scale=None, softcap=None,
        sinks=None, dropout=None, *, d_out,
    ):  # fmt: skip
        own = query.dtype
        work = np.dtype(own if own.name in ("float32", "float64") else "float32")
        q, k, v, d_out = (np.asarray(x, dtype=work) for x in (query, key, value, d_out))
        (_, H, L, D), (_, G, S, _) = q.shape, k.shape
        reads = np.arange(H) % G if m == "heads-tiled" else np.arange(H) // (H // G)
        k, v = k[:, reads], v[:, reads]
        c, c_q, c_k = (work.type(x) for x in scales(D, scale, m))
        visible = visible_pairs(L, S, causal, window, m)[None, None]
        if mask is not None:
            visible = visible & mask
        if m == "mask-forgotten":
            visible = np.ones_like(visible)
        if m == "causal-unasked" and not causal and window is None and mask is None:
            visible = np.tri(L, S, dtype=bool)[None, None]
        b = work.type(0) if bias is None else np.asarray(bias, dtype=work)
        if m == "bias-of-the-first-head" and bias is not None:
            b = b[:, :1]
        x = np.einsum("bhld,bhsd->bhls", q, k) * c
        if m == "bias-scaled":
            b = c * b
        if m == "softcap-after-the-bias" and softcap is not None:
            x = x + b
        capped = x if softcap is None else softcap * np.tanh(x / softcap)
        if m == "softcap-not-multiplied-back" and softcap is not None:
            capped = capped / work.type(softcap)
        biased = capped if m == "softcap-after-the-bias" and softcap is not None else capped + b
        masked = np.where(visible | (m == "mask-after-softmax"), biased, -np.inf).astype(work)
        tail = np.arange(S) >= S // 4 * 4
        if m == "tail-of-keys-counted-twice":
            masked = masked + np.where(tail, work.type(math.log(2)), work.type(0))
        sink = None if sinks is None or m == "sink-dropped" else np.asarray(sinks, dtype=work)[:, None, None]
        axis = -2 if m == "softmax-over-queries" else -1
        top = masked.max(axis=axis, keepdims=True)
        top = top if sink is None or axis == -2 else np.maximum(top, sink)
        top = np.where(np.isfinite(top), top, 0).astype(work)
        powers = np.exp(masked - top)
        summed = powers.sum(axis=axis, keepdims=True)
        of_sink = 0 if sink is None or axis == -2 else np.exp(sink - top)
        summed = summed + of_sink + (work.type(1e-4) if m == "epsilon-in-the-sum" else 0)
        with np.errstate(all="ignore"):
            w = np.where(visible & (summed > 0), powers / summed, 0).astype(work)
        drop = work.type(1) if dropout is None else np.asarray(dropout, dtype=work)
        if m == "dropout-not-rescaled" and dropout is not None:
            drop = (drop > 0).astype(work)
        thinned = w * drop
        seen = thinned * ~tail if m == "tail-of-keys-dropped" else thinned
        out = np.einsum("bhls,bhse->bhle", seen, v)

        if m == "d-out-of-ones":
            d_out = np.ones_like(d_out)
        d_w = np.einsum("bhle,bhse->bhls", d_out, v)
        d_w = d_w if m == "dropout-forgotten-in-backward" else d_w * drop
        d_w = np.where(visible, d_w, 0)
        for_v = w if m == "dropout-forgotten-in-d-value" else thinned
        d_v = np.einsum("bhls,bhle->bhse", for_v, d_out)
        d_x = np.where(visible, d_masked_of(w, d_w, m), 0)
        d_b = d_x
        if softcap is not None and m != "softcap-without-derivative":
            t = np.tanh(x / softcap)
            d_x = d_x * (1 - t if m == "softcap-one-minus-t" else 1 - t * t)
            d_b = d_x if m == "softcap-after-the-bias" else d_b
            d_x = d_x * work.type(softcap if m == "softcap-times-cap" else 1)
        for_q = d_x * ~tail if m == "last-keys-dropped-in-d-query" else d_x
        for_k = (
            d_x
            if m != "d-key-from-weights"
            else _plain_softmax(c * np.einsum("bhld,bhsd->bhls", q, k), visible)
        )
        d_q = np.einsum("bhls,bhsd->bhld", for_q * c_q, k)
        d_k = np.einsum("bhls,bhld->bhsd", for_k * c_k, q)

        def of_group(d):
            n = H // G
            if m in ("heads-tiled", "group-summed-interleaved"):
                return d.reshape(d.shape[0], n, G, *d.shape[2:]).sum(axis=1)
            d = d.reshape(d.shape[0], G, n, *d.shape[2:])
            if m == "first-head-of-group":
                return d[:, :, 0]
            if m == "last-head-of-group":
                return d[:, :, -1]
            return d.mean(axis=2) if m == "mean-of-group" else d.sum(axis=2)

        grads = {"d_query": d_q, "d_key": of_group(d_k), "d_value": of_group(d_v)}
        if bias is not None:
            d_b = d_b * c if m == "bias-scaled" else d_b
            axes = tuple(n for n in range(4) if bias.shape[n] == 1)
            whole = d_b.sum(axis=axes, keepdims=True)
            whole = whole * work.type(whole.size / d_b.size) if m == "bias-gradient-averaged" else whole
            grads["d_bias"] = 0 * whole if m == "bias-without-gradient" else whole
        if sinks is not None:
            share = np.zeros_like(summed) if sink is None else of_sink / np.where(summed == 0, 1, summed)
            d_sink = -(share[..., 0] * (w * d_w).sum(axis=-1)).sum(axis=(0, 2))
            sign = {"sink-without-gradient": 0, "sink-gradient-of-the-wrong-sign": -1}.get(m, 1)
            grads["d_sinks"] = sign * d_sink
        return {n: np.asarray(g).astype(own) for n, g in {"out": out, **grads}.items()}

    return attention


def _plain_softmax(scores, visible):
    masked = np.where(visible, scores, -np.inf)
    top = masked.max(axis=-1, keepdims=True)
    powers = np.exp(masked - np.where(np.isfinite(top), top, 0))
    return powers / np.maximum(powers.sum(axis=-1, keepdims=True), 1e-30)


def rows_attention(mistake=""):
    """Row by row, keys compressed to the visible ones; without bias, softcap, sinks and dropout."""
    m = mistake

    def attention(query, key, value, causal=False, window=None, scale=None, *, d_out):
        (B, H, L, D), (G, S) = query.shape, key.shape[1:3]
        own = query.dtype
        work = np.dtype(own if own.name in ("float32", "float64") else "float32")
        query, key, value, d_out = (np.asarray(x, dtype=work) for x in (query, key, value, d_out))
        out, d_q, d_k, d_v = (np.zeros(x.shape, work) for x in (d_out, query, key, value))
        c, c_q, c_k = scales(D, scale, m)
        visible = visible_pairs(L, S, causal, window, m)
        if m == "mask-forgotten":
            visible[...] = True
        if m == "causal-unasked" and not causal and window is None:
            visible = np.tri(L, S, dtype=bool)
        for b, h, i in np.ndindex(B, H, L):
            g = h % G if m == "heads-tiled" else h * G // H
            seen = np.flatnonzero(visible[i])
            if not seen.size:
                continue
            keys, values = key[b, g, seen], value[b, g, seen]
            scores = work.type(c) * (keys @ query[b, h, i])
            powers = np.exp(scores - scores.max())
            w = powers / powers.sum()
            out[b, h, i] = w @ values
            d = np.ones_like(d_out[b, h, i]) if m == "d-out-of-ones" else d_out[b, h, i]
            d_v[b, g, seen] += np.outer(w, d)
            whole_w, whole_d = np.zeros((2, S), work)
            whole_w[seen], whole_d[seen] = w, values @ d
            d_s = d_masked_of(whole_w, whole_d, m)[seen]
            if m == "divided-by-the-rows":
                d_s = d_s / work.type(L)
            d_q[b, h, i] = work.type(c_q) * (d_s @ keys)
            d_k[b, g, seen] += work.type(c_k) * np.outer(d_s, query[b, h, i])
        return tuple(x.astype(own) for x in (out, d_q, d_k, d_v))

    def returned(*arguments, **options):
        out, *gradients = attention(*arguments, **options)
        return out, gradients

    returned.__signature__ = __import__("inspect").signature(attention)
    return returned


KERNELS = {"einsum": einsum_attention, "rows": rows_attention}
