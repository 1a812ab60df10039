"""Right candidates for the steps of attention and what is made of them, in plain NumPy.

Each is a pair that computes in float64 and returns the inputs' dtype, in another form than the package's.
`wrong_steps` changes them.
"""

from functools import wraps

import numpy as np


def each(function, x):
    """A function of an array, or of each of several."""
    return tuple(map(function, x)) if isinstance(x, tuple) else function(x)


def pair(forward, backward):
    """The pair of a function and of its gradients by name, from the cotangents and the arguments."""

    @wraps(forward)
    def run(**arguments):
        floats = [x for x in arguments.values() if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        wide = {n: x.astype(float) if any(x is y for y in floats) else x for n, x in arguments.items()}
        with np.errstate(all="ignore"):
            return each(lambda x: np.asarray(x, floats[0].dtype), forward(**wide)), (wide, floats[0].dtype)

    def back(d, saved):
        wide, dtype = saved
        with np.errstate(all="ignore"):
            gradients = backward(each(lambda x: np.asarray(x, float), d), **wide)
        return {name: np.asarray(x, dtype) for name, x in gradients.items() if x is not None}

    return run, back


def to_shape(d, shape):
    """Sum over the axes along which an array of this shape was broadcast."""
    d = np.asarray(d.sum(axis=tuple(range(d.ndim - len(shape)))))
    return d.sum(axis=tuple(n for n, size in enumerate(shape) if size == 1), keepdims=True)


def repeated(key, query):
    """Keys or values, once for each query head."""
    return key if key.ndim < 3 else np.repeat(key, query.shape[-3] // key.shape[-3], axis=-3)


def grouped(d, key):
    """Gradients of repeated keys or values, summed over each group."""
    return d if d.shape == key.shape else d.reshape(*key.shape[:-2], -1, *key.shape[-2:]).sum(axis=-3)


# ---------------------------------------------------------------------------------------- the steps


def score(query, key, scale):
    return scale * np.einsum("...ld,...sd->...ls", query, repeated(key, query))


def score_back(d, query, key, scale):
    scaled = scale * d
    return {
        "d_query": np.einsum("...ls,...sd->...ld", scaled, repeated(key, query)),
        "d_key": grouped(np.einsum("...ls,...ld->...sd", scaled, query), key),
        "d_scale": to_shape(d * score(query, key, 1.0), np.shape(scale)),
    }


def softcap(scores, softcap):
    less = np.expm1(-2 * np.abs(scores / softcap))
    return softcap * np.sign(scores) * -less / (less + 2)


def softcap_back(d, scores, softcap):
    return {"d_scores": d / np.cosh(scores / softcap) ** 2}


def bias(capped, bias):
    return np.add(capped, bias)


def bias_back(d, capped, bias):
    return {"d_capped": d, "d_bias": to_shape(d, bias.shape)}


def mask(biased, visible):
    out, visible = np.full(biased.shape, -np.inf), np.broadcast_to(visible, biased.shape)
    out[visible] = biased[visible]
    return out


def mask_back(d, biased, visible):
    return {"d_biased": d * visible}


def columns_of(masked, sinks):
    column = np.full((*masked.shape[:-1], 1), -np.inf)
    if sinks is not None:
        column[...] = sinks[..., None, None]
    return np.concatenate([masked, column], axis=-1)


def softmax_step(masked, sinks=None):
    columns = columns_of(masked, sinks)
    lse = np.logaddexp.reduce(columns, axis=-1)
    return np.exp(masked - lse[..., None]), lse


def softmax_step_back(d, masked, sinks=None):
    columns = columns_of(masked, sinks)
    weights = np.exp(columns - np.logaddexp.reduce(columns, axis=-1, keepdims=True))
    d_columns = np.concatenate([d[0], 0 * d[1][..., None]], axis=-1)
    inner = d_columns - (weights * d_columns).sum(axis=-1, keepdims=True) + d[1][..., None]
    d_columns = weights * inner
    d_sinks = None if sinks is None else to_shape(d_columns[..., -1].sum(axis=-1), sinks.shape)
    return {"d_masked": d_columns[..., :-1], "d_sinks": d_sinks}


def dropout(weights, multipliers):
    return np.where(multipliers == 0, 0, weights * multipliers)


def dropout_back(d, weights, multipliers):
    return {"d_weights": d * multipliers}


def values(thinned, value):
    return np.einsum("...ls,...se->...le", thinned, repeated(value, thinned))


def values_back(d, thinned, value):
    return {
        "d_thinned": np.einsum("...le,...se->...ls", d, repeated(value, thinned)),
        "d_value": grouped(np.einsum("...ls,...le->...se", thinned, d), value),
    }


# -------------------------------------------------------------------------------- other normalisers


def sigmoid(masked):
    return np.exp(-np.logaddexp(0, -masked))


def sigmoid_back(d, masked):
    return {"d_masked": d / (2 * np.cosh(masked / 2)) ** 2}


def project(x, power=1):
    """max(x - τ, 0)^power, τ such that each row sums to 1, by bisection."""
    x = x - x.max(axis=-1, keepdims=True)
    low, high = -np.ones((*x.shape[:-1], 1)), np.zeros((*x.shape[:-1], 1))
    for _ in range(80):
        tau = (low + high) / 2
        enough = (np.maximum(x - tau, 0) ** power).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(enough, tau, low), np.where(enough, high, tau)
    return np.maximum(x - high, 0) ** power


def sparsemax(masked):
    return project(masked)


def entmax(masked):
    return project(masked / 2, power=2)


def normaliser_back(forward, slopes):
    """d_masked = slopes * (d - the mean of d weighted by the slopes)."""

    def back(d, masked):
        slope = slopes(forward(masked))
        mean = (slope * d).sum(axis=-1, keepdims=True) / slope.sum(axis=-1, keepdims=True)
        return {"d_masked": slope * (d - mean)}

    return back


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


# --------------------------------------------------------------------------- the merge of two parts


def merge_with(
    shares=lambda a, b: (sigmoid(a - b), sigmoid(b - a)), lse=np.logaddexp,
    slope=lambda p, mean, d_lse: p - mean + d_lse, d_part=lambda share, d: share * d,
):  # fmt: skip
    def columns(lse_1, lse_2):
        return [np.asarray(share)[..., None] for share in shares(lse_1, lse_2)]

    def forward(out_1, lse_1, out_2, lse_2):
        first, second = columns(lse_1, lse_2)
        return first * out_1 + second * out_2, lse(lse_1, lse_2)

    def backward(d, out_1, lse_1, out_2, lse_2):
        found, parts = {}, [*zip(columns(lse_1, lse_2), (out_1, out_2), strict=True)]
        mean = sum((share * d[0] * out).sum(axis=-1) for share, out in parts)
        for n, (share, out) in enumerate(parts, start=1):
            inner = slope((d[0] * out).sum(axis=-1), mean, d[1])
            found |= {f"d_out_{n}": d_part(share, d[0]), f"d_lse_{n}": share[..., 0] * inner}
        return found

    return pair(forward, backward)


# --------------------------------------------------------------------------- attention with a bias


def attention(query, key, value, bias, scale=None):
    """out, and a function from d_out to all gradients."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    weights = softmax(score(query, key, scale) + bias)

    def back(d):
        d_values = values_back(d, weights, value)
        d_weights = d_values["d_thinned"]
        d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
        d_score = score_back(d_scores, query, key, scale)
        return {"d_query": d_score["d_query"], "d_key": d_score["d_key"],
                "d_value": d_values["d_value"]}, d_scores  # fmt: skip

    return values(weights, value), back


def alibi_with(distance=np.abs, slope=lambda m: -m, gradient=lambda d, L: d, shift=1, scale=None):
    def parts(query, key, value, slopes, offset):
        ahead = np.arange(key.shape[-2]) - np.arange(query.shape[-2])[:, None] - shift * offset
        far = np.broadcast_to(distance(ahead), ahead.shape)
        return far, attention(query, key, value, slope(slopes)[..., None, None] * far, scale)

    def forward(query, key, value, slopes, offset=0):
        return parts(query, key, value, slopes, offset)[1][0]

    def backward(d, query, key, value, slopes, offset=0):
        far, (_, back) = parts(query, key, value, slopes, offset)
        gradients, d_bias = back(d)
        d_slopes = to_shape(-(far * d_bias).sum(axis=(-2, -1)), slopes.shape)
        return gradients | {"d_slopes": gradient(d_slopes, query.shape[-2])}

    return pair(forward, backward)


def scattered(d_bias, table, buckets):
    d_table = np.zeros(table.shape)
    np.add.at(d_table, (..., buckets), to_shape(d_bias, (*table.shape[:-1], *buckets.shape)))
    return d_table


def relative_with(read=lambda t, buckets: t[..., buckets], gradient=scattered, factor=lambda D: 1.0):
    def forward(query, key, value, table, buckets):
        bias = factor(query.shape[-1]) * read(table, buckets)
        return attention(query, key, value, bias)[0]

    def backward(d, query, key, value, table, buckets):
        _, back = attention(query, key, value, factor(query.shape[-1]) * read(table, buckets))
        gradients, d_bias = back(d)
        return gradients | {"d_table": gradient(d_bias, table, buckets)}

    return pair(forward, backward)


# ------------------------------------------------------------------------------------ all of them

BOTH = {
    "score": (score, score_back),
    "softcap": (softcap, softcap_back),
    "bias": (bias, bias_back),
    "mask": (mask, mask_back),
    "softmax_step": (softmax_step, softmax_step_back),
    "dropout": (dropout, dropout_back),
    "values": (values, values_back),
    "sigmoid weights": (sigmoid, sigmoid_back),
    "sparsemax": (sparsemax, normaliser_back(sparsemax, lambda p: 1.0 * (p > 0))),
    "entmax": (entmax, normaliser_back(entmax, np.sqrt)),
}
"""Forward and backward of each."""
RIGHT = {name: pair(*functions) for name, functions in BOTH.items()} | {
    "merge of attention": merge_with(), "alibi": alibi_with(), "relative": relative_with(),
}  # fmt: skip
"""A right candidate of each rule but `attend`."""
