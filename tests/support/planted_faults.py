"""Mistakes planted in one of the seven steps, which the properties must detect.

Some are those of `check/faults/`; the others are made up, one for each property.
"""

import numpy as np

import numpy_attention as na
from numpy_attention.check.faults import fault
from numpy_attention.functional.attention.steps import Normalised


def planted(step, forward=None, backward=None):
    """The steps with one of them wrapped: forward(right, *arguments), backward(right, d_out, saved)."""
    right = getattr(na.STEPS, step)

    def wrong_forward(*arguments):
        return forward(right.forward, *arguments)

    def wrong_backward(d_out, saved):
        return backward(right.backward, d_out, saved)

    pair = na.Pair(
        wrong_forward if forward else right.forward, wrong_backward if backward else right.backward
    )
    return na.STEPS._replace(**{step: pair})


def after(change):
    """A forward that changes the main result of the right one."""

    def forward(right, *arguments):
        result, saved = right(*arguments)
        return change(result, *arguments), saved

    return forward


def steps(name):
    """The steps with a fault of the package planted."""
    return fault(name).steps


HEADS_TILED = steps("heads-tiled")
GROUP_INTERLEAVED = steps("group-summed-interleaved")
KEY_UNSCALED = steps("scale-missing-in-d-key")
CAP_NOT_RESTORED = steps("softcap-not-multiplied-back")
BIAS_LOST = steps("bias-without-gradient")
MASK_FORGOTTEN = steps("mask-forgotten")
MASK_FINITE = steps("mask-of-a-finite-number")
MASK_OFF_BY_ONE = steps("mask-off-by-one")
LSE_IN_BITS = steps("lse-in-wrong-base")
LSE_WITHOUT_ITS_SHIFT = steps("lse-without-maximum")
LSE_WITHOUT_GRADIENT = steps("lse-without-gradient")
SINK_FORGOTTEN = steps("sink-dropped")
SINK_WITHOUT_GRADIENT = steps("sink-without-gradient")
ROW_SUM_FORGOTTEN = steps("no-row-sum")

# ------------------------------------------------------------------------------------------ 1 score


def _positions(axis):
    def change(scores, *_):
        n = np.arange(scores.shape[axis]) if scores.ndim >= -axis else np.zeros(1)
        return scores + n.reshape(-1, *(1,) * (-1 - axis))

    return change


SCORES_BY_KEY_INDEX = planted("score", after(_positions(-1)))
SCORES_BY_HEAD_INDEX = planted("score", after(_positions(-3)))
SCORES_BY_BATCH_INDEX = planted("score", after(_positions(-4)))


def _rows_differ(scores, *_):
    return scores * (1 + np.arange(scores.shape[-2])[:, None])


SCORES_BY_QUERY_INDEX = planted("score", after(_rows_differ))
SCORES_BY_FIRST_ENTRY = planted(
    "score", after(lambda scores, query, *_: scores + query[..., :1] ** 2 * scores)
)


def _unscaled(right, d_scores, saved):
    d = right(d_scores, saved)
    return d._replace(d_query=d.d_query / np.where(saved.scale == 0, 1, saved.scale).max(initial=-1e9))


SCALE_UNDONE = planted("score", backward=_unscaled)
KEY_NOT_SELECTED = planted("score", backward=lambda right, d, saved: right(d, saved._replace(visible=None)))
SCORES_WITHOUT_NAN = planted("score", after(lambda scores, *_: np.nan_to_num(scores)))

# --------------------------------------------------------------------------- 2 softcap, 3 bias, 4 mask

TIMES_TANH = planted(
    "softcap",
    after(lambda capped, scores, softcap, _: capped if softcap is None else scores * np.tanh(scores)),
)
MASK_HALVES = planted(
    "mask", after(lambda masked, biased, visible: masked if visible is None else masked / 2)
)

# ---------------------------------------------------------------------------------------- 5 softmax


def _weights(change):
    return after(lambda result, *_: Normalised(change(result.weights), result.lse))


NOT_NORMALISED = planted("softmax", _weights(lambda weights: 1.0001 * weights))
DIVIDED_BY_THE_BATCH = planted(
    "softmax",
    backward=lambda right, d, saved: right(d, saved)._replace(
        d_masked=right(d, saved).d_masked / max(1, saved.weights.shape[0])
    ),
)

# ---------------------------------------------------------------------------- 6 dropout, 7 values

DROPOUT_UNSCALED = planted(
    "dropout",
    after(lambda thinned, weights, multipliers, _: thinned if multipliers is None else 0.6 * thinned),
)
VALUES_RECTIFIED = planted("values", after(lambda out, *_: abs(out)))
VALUES_TOO_LARGE = planted("values", after(lambda out, *_: 3 * out))
VALUES_NOT_SELECTED = planted(
    "values", after(lambda out, thinned, value, _: na.STEPS.values.forward(thinned, value)[0])
)
VALUES_WITHOUT_NAN = planted("values", after(lambda out, *_: np.nan_to_num(out)))
VALUES_IN_SINGLE = planted("values", after(lambda out, *_: out.astype(np.float32).astype(out.dtype)))
D_OUT_WITHOUT_NAN = planted("values", backward=lambda right, d, saved: right(np.nan_to_num(d), saved))
D_OUT_SQUARED = planted("values", backward=lambda right, d, saved: right(d * abs(d), saved))
D_VALUE_NEVER_ZERO = planted(
    "values", backward=lambda right, d, saved: (x := right(d, saved))._replace(d_value=x.d_value + 1e-3)
)


class ChangingStep:
    """A step whose result changes slightly with each call."""

    calls = 0

    def __call__(self, out, *_):
        self.calls += 1
        return out * (1 + 1e-12 * self.calls)


def different_each_call():
    return planted("values", after(ChangingStep()))
