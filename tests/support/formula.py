"""The textbook formula of attention and its gradients, with an error bound for each number.

Independent of the package: heads repeated, sums by einsum, softmax as in a textbook. The bounds are
componentwise, first order in the unit roundoff u, propagated through the formula term by term:

    a product summed over n terms   g(n) Σ |terms|,  g(n) = 4 u sqrt(n + 4): probabilistic (Higham & Mary
                                    2019), and above the rigorous n u as long as n < 20
    a rounding                      u |x|
    storing                         u_s |x| + the spacing of the subnormal numbers

Two computations of one number may differ by at most the sum of their bounds.
"""

import math
from functools import partial

import numpy as np

from numpy_attention.check.reference.oracle import Results
from tests.support.cases import summed_to

U = 2.0**-53
SMALLEST = float(np.finfo(float).smallest_normal)
"""float64 loses relative accuracy below it; 2**52 times the error there, to cover later products."""


def sum_error(n, u):
    """Error bound of a sum of n products, relative to the sum of their magnitudes."""
    return 4 * u * math.sqrt(n + 4)


def g(n):
    """`sum_error` in float64."""
    return sum_error(n, U)


def formula(case, *, textbook=False, scores_error=0.0, bias_error=0.0):
    """(values, bounds) of a case, computed in float64, or by tiles in their dtype, and rounded at the end.

    textbook: allow for a softmax backward that is not pinned at the peak, and for 1 - tanh² as tanh's slope.
    scores_error: earlier error of query, key and scale, as an error of the scores (..., H, L, S).
    bias_error: earlier error of the bias.
    """
    with np.errstate(all="ignore"):
        return _formula(case, textbook, scores_error, bias_error)


def _formula(case, textbook, scores_error, bias_error):
    visible, group = case.visible, case.group
    info, tiled = np.finfo(case.computed_in), case.path != "attention"
    U, SMALLEST = float(info.eps) / 2, float(info.smallest_normal)
    g = partial(sum_error, u=U)
    textbook = textbook or tiled
    *_, L, S = case.shape
    D, E = case.query.shape[-1], case.value.shape[-1]

    def repeated(x):
        return x.astype(float) if group == 1 else np.repeat(x.astype(float), group, axis=-3)

    def product(equation, x, y):
        """A sum of products, and the sum of their magnitudes."""
        return np.einsum(equation, x, y), np.einsum(equation, abs(x), abs(y))

    query = np.broadcast_to(case.query.astype(float), (*case.shape[:-1], D))
    key, value = repeated(case.key), repeated(case.value)
    scale = np.asarray(case.scale_used, dtype=float)
    bias = 0 if case.bias is None else np.where(np.isneginf(case.bias), 0, case.bias).astype(float)
    multipliers = 1.0 if case.multipliers is None else case.multipliers.astype(float)
    d_out = case.d_out.astype(float)
    d_weights = 0 if case.d_weights is None else case.d_weights.astype(float)
    d_lse = 0 if case.d_lse is None else case.d_lse.astype(float)[..., None]

    # forward: x is a value, e_x its error bound
    dots, e_dots = product("...ld,...sd->...ls", query, key)
    e_dots = g(D) * e_dots
    scores = scale * dots
    e_scores = abs(scale) * e_dots + U * abs(scores) + scores_error
    rounded = U if tiled else 0  # tiles round every argument to their compute dtype
    capped, e_capped, slope, e_slope = _capped(scores, e_scores, case.softcap, textbook, U, SMALLEST)
    biased = capped + bias
    e_biased = e_capped + U * abs(biased) + rounded * abs(bias) + bias_error
    columns, e_columns = np.where(visible, biased, -np.inf), np.where(visible, e_biased, 0)
    if case.sinks is not None:
        sink = np.broadcast_to(case.sinks.astype(float)[..., None, None], (*case.shape[:-1], 1))
        columns, e_columns = (
            np.concatenate([columns, sink], -1),
            np.concatenate([e_columns, rounded * abs(sink)], -1),
        )
    top = columns.max(axis=-1, keepdims=True, initial=-np.inf)
    powers = np.where(np.isneginf(columns), 0, np.exp(columns - top))
    summed = powers.sum(axis=-1, keepdims=True)
    shares = np.where(summed > 0, powers / summed, 0)
    lse = np.where(summed > 0, top + np.log(summed), -np.inf)
    e_columns = np.where(np.isneginf(columns), 0, e_columns + U * abs(columns - top))
    if tiled:  # weights are recomputed from the stored lse, maybe in another base
        e_columns = np.where(np.isneginf(columns), 0, e_columns + 4 * U * (abs(lse) + abs(columns)))
    spread = _spread(shares, columns - lse, e_columns)
    e_lse = np.where(
        summed > 0, spread + g(S + 1) * (1 + math.log(S + 2)) + (5 if tiled else 2) * U * abs(lse), 0
    )
    lost = SMALLEST if tiled else SMALLEST * U  # tiles may flush subnormal numbers to 0
    e_shares = _grown(shares, columns - lse, e_columns + spread + g(S + 1)) + np.where(
        np.isneginf(columns), 0, lost
    )
    weights, e_weights = shares[..., :S], e_shares[..., :S]
    thinned = weights * multipliers
    e_thinned = e_weights * multipliers + U * thinned
    out, a_out = product("...ls,...se->...le", thinned, value)
    e_out = np.einsum("...ls,...se->...le", e_thinned, abs(value)) + g(S) * a_out

    # backward
    d_thinned, a_d_thinned = product("...le,...se->...ls", d_out, value)
    d_shares = np.where(visible, d_thinned * multipliers + d_weights, 0)
    e_d_shares = g(E) * a_d_thinned * multipliers + U * (abs(d_thinned * multipliers) + abs(d_shares))
    e_d_shares = np.where(visible, e_d_shares, 0)
    if case.sinks is not None:
        zero = np.zeros((*case.shape[:-1], 1))
        d_shares, e_d_shares = np.concatenate([d_shares, zero], -1), np.concatenate([e_d_shares, zero], -1)
    pin, size = _pin(d_shares, shares, e_shares, textbook)
    mean = (shares * (d_shares - pin)).sum(axis=-1, keepdims=True)
    a_mean = (shares * size).sum(axis=-1, keepdims=True)
    d_columns = shares * (d_shares - pin - mean + d_lse)
    e_mean = (shares * e_d_shares + e_shares * size).sum(axis=-1, keepdims=True) + g(S + 1) * a_mean
    if tiled:  # delta = d_out · out, with the errors of out and of the product
        of_out = (e_thinned + (g(S) + g(E)) * thinned) * a_d_thinned
        e_mean = e_mean + of_out.sum(axis=-1, keepdims=True)
    e_d_columns = e_shares * abs(d_shares - pin - mean + d_lse) + (shares + e_shares) * (
        e_d_shares + e_mean + 4 * U * (size + a_mean + abs(d_lse))
    )
    d_biased, e_d_biased = d_columns[..., :S], e_d_columns[..., :S]
    d_scores = d_biased * slope
    e_d_scores = e_d_biased * slope + abs(d_biased) * e_slope + U * abs(d_scores)
    d_dots = scale * d_scores
    e_d_dots = abs(scale) * e_d_scores + U * abs(d_dots)
    d_query, a_d_query = product("...ls,...sd->...ld", d_dots, key)
    e_d_query = np.einsum("...ls,...sd->...ld", e_d_dots, abs(key))
    d_key, a_d_key = product("...ls,...ld->...sd", d_dots, query)
    e_d_key = np.einsum("...ls,...ld->...sd", e_d_dots, abs(query))
    d_value, a_d_value = product("...ls,...le->...se", thinned, d_out)
    e_d_value = np.einsum("...ls,...le->...se", e_thinned, abs(d_out))
    a_d_scale = abs(d_scores * dots)
    e_d_scale = e_d_scores * abs(dots) + abs(d_scores) * e_dots

    # sum to each argument's shape: (value, error so far, sum of magnitudes, terms summed before)
    def back(d, e, a, terms, argument, heads=None):
        if argument is None:
            return None, None
        if heads is not None and group > 1:
            d, e, a = (x.reshape(*x.shape[:-3], heads, group, *x.shape[-2:]).sum(axis=-3) for x in (d, e, a))
        shape = np.shape(argument)
        terms *= group * max(1, d.size // max(1, math.prod(shape)))
        return summed_to(d, shape), summed_to(e, shape) + g(terms) * summed_to(a, shape)

    heads = case.key.shape[-3] if case.key.ndim > 2 else None
    d_sink, e_d_sink = d_columns[..., S:].sum(axis=(-1, -2)), e_d_columns[..., S:].sum(axis=(-1, -2))
    a_d_sink = abs(d_columns[..., S:]).sum(axis=(-1, -2))
    pairs = [
        (out, e_out),
        (weights, e_weights),
        (lse[..., 0], e_lse[..., 0]),
        back(d_query, e_d_query, a_d_query, S, case.query),
        back(d_key, e_d_key, a_d_key, L, case.key, heads),
        back(d_value, e_d_value, a_d_value, L, case.value, heads),
        back(d_biased, e_d_biased, abs(d_biased), 1, case.bias),
        back(d_scores * dots, e_d_scale, a_d_scale, 1, case.scale),
        back(d_sink, e_d_sink, a_d_sink, L, case.sinks),
    ]
    values = Results(*[value for value, _ in pairs])
    if tiled:
        values = values.without("weights")
    return values, _stored(case, values, Results(*[bound for _, bound in pairs]))


def _spread(shares, logs, e):
    """Largest increase of log Σ exp(logs) if each of logs, exp of which is a share, increases by up to e."""
    if e.max(initial=0) < 1:
        return np.log1p((shares * np.expm1(e)).sum(axis=-1, keepdims=True))
    grown = np.where(np.isneginf(logs) | np.isnan(logs), -np.inf, logs + e)
    top = np.maximum(grown.max(axis=-1, keepdims=True, initial=-np.inf), 0)
    return top + np.log(np.maximum(np.exp(grown - top).sum(axis=-1, keepdims=True), np.exp(-top)))


def _grown(shares, logs, e):
    """Error bound of a share whose logarithm has error e; at most 1."""
    largest = np.where(np.isnan(logs), 0, np.exp(np.minimum(logs + e, 0)))
    return np.where(e < 1, shares * np.expm1(np.minimum(e, 1)), np.maximum(largest, shares))


def _capped(scores, e_scores, softcap, textbook, U, SMALLEST):
    """Step 2 and its slope sech², each with its error bound; the slope is bounded over the whole interval."""
    if softcap is None:
        return scores, e_scores, np.ones(()), np.zeros(())
    x, e_x = abs(scores) / softcap, e_scores / softcap
    capped = softcap * np.tanh(scores / softcap)
    slope, steepest = (4 / (np.exp(y) + np.exp(-y)) ** 2 for y in (x, np.maximum(x - e_x, 0)))
    e_capped = e_scores * steepest + (4 if globals()["U"] == U else 12) * U * abs(capped)
    e_slope = 2 * steepest * np.minimum(e_x, 1) + (8 + 4 * x) * U * slope + (4 * U if textbook else SMALLEST)
    return capped, e_capped, slope, e_slope


def _pin(d_shares, shares, e_shares, textbook):
    """The value subtracted from each row of d_shares, and the size of the rest for every possible peak."""
    if textbook or not shares.shape[-1]:
        return np.zeros((*shares.shape[:-1], 1)), abs(d_shares)
    pin = np.take_along_axis(d_shares, shares.argmax(axis=-1, keepdims=True), axis=-1)
    near = shares + e_shares >= (shares - e_shares).max(axis=-1, keepdims=True)
    high = np.where(near, d_shares, -np.inf).max(axis=-1, keepdims=True)
    low = np.where(near, d_shares, np.inf).min(axis=-1, keepdims=True)
    return pin, np.maximum(abs(d_shares - high), abs(d_shares - low))


def _stored(case, values, bounds):
    """`bounds` plus the rounding to each result's dtype."""
    dtypes = Results(
        np.result_type(case.query, case.key, case.value),
        case.computed_in,
        case.computed_in,
        *[None if x is None else np.asarray(x).dtype for x in (case.query, case.key, case.value)],
        *[None if x is None else np.asarray(x).dtype for x in (case.bias, case.scale, case.sinks)],
    )

    def stored(value, bound, dtype):
        if value is None:
            return None
        info = np.finfo(dtype)
        u = float(info.eps) / 2
        finite = np.where(np.isfinite(value), abs(value), 0)
        return bound + (u + 2 * U) * finite + float(info.smallest_subnormal) + SMALLEST

    found = Results(*map(stored, values, bounds, dtypes))
    return found if case.path == "attention" else found.without("weights")
