"""Mistakes planted in attention, by what they are called: the rows of the matrix of laws and faults."""

import numpy as np

from numpy_attention.functional.steps import Normalised

from ..properties import faults as f
from ..properties.faults import planted


def _score(change):
    """The gradients of step 1, changed."""
    return planted("score", backward=lambda right, d, saved: change(right(d, saved), saved))


def _softmax(change):
    """d_masked of step 5, changed by (d_weights, d_lse as a column, weights, what is right)."""

    def backward(right, d, saved):
        found = right(d, saved)
        return found._replace(d_masked=change(d[0], d[1][..., None], saved.weights, found.d_masked))

    return planted("softmax", backward=backward)


def _mean(weights, d):
    return (weights * d).sum(axis=-1, keepdims=True)


def _first_of_group(right, d_scores, saved):
    d = right(d_scores, saved)
    heads, groups = saved.query.shape[-3], saved.key.shape[-3]
    alone = np.where(np.arange(heads)[:, None, None] % (heads // groups) == 0, d_scores, 0)
    return d._replace(d_key=right(alone, saved).d_key)


def _over_queries(right, masked, sinks, visible):
    """Softmax along the wrong axis."""
    result, saved = right(masked, sinks, visible)
    turned, _ = right(np.swapaxes(masked, -1, -2), None, None)
    weights = np.nan_to_num(np.swapaxes(turned.weights, -1, -2))
    return Normalised(weights, result.lse), saved._replace(weights=weights)


def _sink_gets_the_last_value(right, thinned, value, visible):
    out, saved = right(thinned, value, visible)
    left = np.where(thinned.any(axis=-1, keepdims=True), 1 - thinned.sum(axis=-1, keepdims=True), 0)
    last = value[..., -1:, :]
    return out + left * np.repeat(last, out.shape[-3] // last.shape[-3], axis=-3), saved


def _tail_dropped(right, thinned, value, visible):
    kept = np.where(np.arange(thinned.shape[-1]) < thinned.shape[-1] - 1, thinned, 0)
    return right(kept, value, visible)


def _dropout_backward(change):
    return planted(
        "dropout",
        backward=lambda right, d, saved: d if saved.multipliers is None else change(right, d, saved),
    )


def _both(scaled):
    return planted(
        "score",
        lambda right, query, key, scale, visible: right(query, key, scaled * scale, visible),
        lambda right, d, saved: (x := right(d, saved))._replace(d_scale=scaled * x.d_scale),
    )


PLANTED = {
    "scale forgotten in d_query": _score(lambda d, saved: d._replace(d_query=d.d_query / saved.scale[..., :1])
        if np.ndim(saved.scale) else d._replace(d_query=d.d_query / saved.scale)),
    "scale twice in d_key": _score(lambda d, saved: d._replace(d_key=d.d_key * 0.5)),
    "scale twice in d_query and d_key": _score(
        lambda d, saved: d._replace(d_query=d.d_query * 0.5, d_key=d.d_key * 0.5)),
    "scale missing, forward and backward": _both(np.sqrt(3)),
    "d_scale doubled": _score(lambda d, saved: d._replace(d_scale=2 * d.d_scale)),
    "d_query of the next component": _score(
        lambda d, saved: d._replace(d_query=np.roll(d.d_query, 1, axis=-1))),
    "heads tiled, not repeated": f.HEADS_TILED,
    "d_key from the first head of a group": planted("score", backward=_first_of_group),
    "softcap: times tanh": f.TIMES_TANH,
    "softcap: no derivative": planted("softcap", backward=lambda right, d, saved: d),
    "bias: gradient lost": f.BIAS_LOST,
    "bias: gradient averaged": planted("bias", backward=lambda right, d, saved: (
        x := right(d, saved))._replace(d_bias=None if x.d_bias is None else x.d_bias / 2)),
    "mask: forgotten": f.MASK_FORGOTTEN,
    "mask: finite fill": f.MASK_FINITE,
    "mask: off by one": f.MASK_OFF_BY_ONE,
    "softmax: not normalised": f.NOT_NORMALISED,
    "softmax: over the queries": planted("softmax", _over_queries),
    "softmax: row mean forgotten": f.ROW_MEAN_FORGOTTEN,
    "softmax: row mean added": _softmax(lambda d, d_lse, w, right: w * (d + _mean(w, d) + d_lse)),
    "softmax: mean without weights": _softmax(
        lambda d, d_lse, w, right: w * (d - d.mean(axis=-1, keepdims=True) + d_lse)),
    "softmax: diagonal only": _softmax(lambda d, d_lse, w, right: w * (1 - w) * d + w * d_lse),
    "lse: in bits": f.LSE_IN_BITS,
    "lse: without its shift": f.LSE_WITHOUT_ITS_SHIFT,
    "lse: without gradient": f.LSE_WITHOUT_GRADIENT,
    "sink: forgotten in the forward": f.SINK_FORGOTTEN,
    "sink: without gradient": f.SINK_WITHOUT_GRADIENT,
    "sink: with a value": planted("values", _sink_gets_the_last_value),
    "dropout: not scaled up": f.DROPOUT_UNSCALED,
    "dropout: forgotten on the way back": _dropout_backward(lambda right, d, saved: d),
    "dropout: other places on the way back": _dropout_backward(
        lambda right, d, saved: d * np.roll(np.broadcast_to(saved.multipliers, d.shape), 1, -1)),
    "values: last key dropped": planted("values", _tail_dropped),
    "values: too large": f.VALUES_TOO_LARGE,
    "d_value of the next key": planted("values", backward=lambda right, d, saved: (
        x := right(d, saved))._replace(d_value=np.roll(x.d_value, 1, axis=-2))),
    "d_value never zero": f.D_VALUE_NEVER_ZERO,
}  # fmt: skip
