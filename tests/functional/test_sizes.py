"""Every pair at one large odd size, beyond the sizes of its examples and of every block, with all options."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.pairs.calls import call_of, is_float_array, like_outputs
from numpy_attention.check.pairs.examples import ELEMENTS, INF, Example, normal, spread
from numpy_attention.check.pairs.rules import FUNCTIONS
from tests.support.shares import share

L, S, D, E, H = 131, 257, 3, 2, 2
QKV = (normal(H, L, D), normal(1, S, D), normal(1, S, E))
SCORES, VISIBLE = normal(1, H, L, S), normal(L, S) > -1
OPTIONS = {
    "mask": na.window(200, 3, "bottom_right"),
    "bias": normal(H, 1, S),
    "softcap": 2.0,
    "sinks": normal(H),
    "dropout": na.dropout(3, 0.3),
}
ROWS = (normal(L, S),)
MASKED = (np.where(VISIBLE, SCORES, -INF), normal(1, H), np.broadcast_to(VISIBLE, SCORES.shape))
WEIGHTED = {"label_smoothing": 0.2, "weight": spread(0.2, 3.0, S)}
PARTS = [normal(n, *shape)[-1] for n in (1, 2, 3) for shape in ((L, 67), (1, L))]

LARGE = {
    "score": (QKV[0][None], QKV[1][None], spread(0.5, 1.5, H, 1, 1)),
    "softcap": (SCORES, 1.5),
    "bias": (SCORES, normal(H, 1, S)),
    "mask": (SCORES, MASKED[2]),
    "softmax_step": MASKED,
    "dropout": (SCORES, na.dropout_multipliers(5, 0.4, SCORES.shape)),
    "values": (SCORES, QKV[2][None]),
    **dict.fromkeys(("sigmoid weights", "sparsemax", "entmax"), MASKED),
    "entmax step of any alpha": (*MASKED, {"alpha": spread(1.0, 2.0, H, 1, 1)}),
    "alpha_entmax": (*ROWS, spread(1.0, 2.0, L, 1)),
    "entmax_attention": (*QKV, {**OPTIONS, "alpha": spread(1.0, 2.0, H, 1, 1)}),
    "span_bias": (np.abs(np.arange(L)[:, None] - np.arange(S)), spread(2.0, 90.0, H, 1, 1), 31.0),
    **dict.fromkeys(
        ("attention", "blockwise_attention", "fast_attention", "attention with weights and lse"),
        (*QKV, OPTIONS),
    ),
    "attend": (SCORES[0], QKV[2], OPTIONS),
    "merge of attention": [part if part.ndim == 2 and len(part) > 1 else part[0] for part in PARTS],
    "alibi": (*QKV, spread(0.1, 0.9, H), "bottom_right"),
    "relative": (*QKV, normal(H, 67), (np.arange(S) + np.arange(L)[:, None]) % 67),
    "dot_scores": (*QKV[:2], {"scale": spread(0.5, 1.5, L, 1)}),
    "general_scores": (QKV[0], QKV[2], normal(D, E)),
    "additive_scores": (normal(67, D), normal(L, E), normal(5, D), normal(5, E), normal(5), normal(1, 5)[0]),
    "concat_scores": (QKV[0], QKV[2], normal(D + E)),
    "cosine_scores": (*QKV[:2], np.array(3.0)),
    "location_scores": (normal(7, 1, L, D), normal(H, D), np.array(0.5)),
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp"), ROWS),
    "linear": (normal(4099, 3), normal(67, 3), normal(67)),
    **{rule.name: ROWS for rule in FUNCTIONS if ELEMENTS[0] in rule.examples},
    "layer_norm": (*ROWS, normal(S), normal(1, S)[0]),
    "rms_norm": (*ROWS, normal(S)),
    "embedding": (np.arange(4099) * 7 % 131, normal(S, 3)),
    "rotary": (normal(3, L, 66), np.arange(L)),
    "cross_entropy": (*ROWS, np.arange(L) % 67, {**WEIGHTED, "ignore_index": 5}),
    "cross_entropy of distributions": (*ROWS, spread(0.0, 1.0, L, S), WEIGHTED),
    "binary_cross_entropy": (spread(0.01, 0.99, L, S), VISIBLE),
    "binary_cross_entropy_with_logits": (*ROWS, spread(0.0, 1.0, L, S), {"pos_weight": spread(0, 4, S)}),
    "mean_squared_error": (*ROWS, normal(S, L).T),
    "mean_absolute_error": (*ROWS, normal(S, L).T),
}
"""Positional arguments of each pair, and options in a dict at the end."""


def large(name):
    *args, last = LARGE[name]
    return Example("large", (*args,), last) if isinstance(last, dict) else Example("large", (*args, last))


@pytest.mark.parametrize("rule", share(FUNCTIONS, every=3))
def test_backward_is_the_derivative_of_forward(rule):
    report = rule.check(large(rule.name))
    assert report.ok, report


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("rule", [r for r in FUNCTIONS if not r.step], ids=lambda rule: rule.name)
def test_long_sums_keep_the_digits_of_the_dtype(rule, dtype):
    call = call_of(rule.forward, rule.backward, large(rule.name).args, large(rule.name).kwargs)
    arrays = {name: x.astype(dtype) for name, x in call.arguments.items() if is_float_array(x)}
    gradients = {}
    for kind in (dtype, "float64"):
        out, saved = call.outputs(**{name: x.astype(kind) for name, x in arrays.items()})
        gradients[kind] = call.backward(like_outputs(out, lambda x, kind=kind: np.ones(x.shape, kind)), saved)
    eps = np.finfo(dtype).eps
    for narrow, exact in zip(flat(gradients[dtype]), flat(gradients["float64"]), strict=True):
        allowed = 16 * eps * np.abs(exact).max()
        if rule.name == "linear" and narrow.shape == arrays["weight"].shape:
            allowed = max(allowed, 4 * eps / 2 * in_order(arrays["x"]).max())
        assert np.abs(narrow - exact).max() <= allowed


def in_order(terms):
    """Root of the sum of all squared partial sums of each column.

    A product may add its terms one after another: some BLAS kernels do, with AVX-512 all. Each of the sums
    on the way is rounded, by at most eps / 2 of it, in random directions.
    """
    return np.sqrt((terms.astype(np.float64).cumsum(axis=0) ** 2).sum(axis=0))


def flat(gradients):
    """All arrays among gradients."""
    if isinstance(gradients, (dict, tuple)):
        each = gradients.values() if isinstance(gradients, dict) else gradients
        return [array for one in each for array in flat(one)]
    return [] if gradients is None else [gradients]
