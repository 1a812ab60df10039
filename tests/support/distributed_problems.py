"""Problems of `numpy_attention.distributed`: arrays of dask in odd chunks, and the numbers of `attention`."""

import numpy as np

import numpy_attention as na
from numpy_attention.check.reference.error_bounds import bounds
from numpy_attention.check.reference.inputs import Inputs
from numpy_attention.check.rounding.error_analysis import FLOAT32, FLOAT64

B, H, G, L, S, D, E = 2, 6, 3, 17, 23, 5, 7
CHUNKS = {"query": ((1, 1), (4, 2), (7, 7, 3)), "key": ((1, 1), (2, 1), (5, 11, 7))}
"""Of batch, heads and positions."""

RNG = np.random.default_rng(11)
FEW = na.visible(RNG.random((B, 1, L, S)) < 0.2)
PROBLEMS = {
    "plain": {},
    "causal, sinks": {"mask": na.causal("top_left"), "sinks": RNG.standard_normal(H)},
    "window, dropout": {"mask": na.window(3, 2, align="top_left"), "dropout": na.dropout(3, 0.3)},
    "fully masked rows": {"mask": na.causal("bottom_right") & na.padding([3, 19]) & ~na.prefix(2)},
    "few pairs, scale, softcap": {"mask": FEW, "scale": 0.4, "softcap": 3.0},
    "bias, multipliers": {
        "bias": RNG.standard_normal((H, L, S)), "dropout": RNG.integers(0, 2, (B, 1, 1, S)) * 2.0,
    },
    "alibi, a scale for each row": {
        "bias": na.alibi(RNG.random(H), "top_left"), "scale": RNG.random((H, L, 1)) + 0.1,
    },
    "relative": {"bias": na.relative(RNG.standard_normal((H, 4)), RNG.integers(0, 4, (L, S)))},
}  # fmt: skip


def inputs_of(name, dtype=np.float64):
    rng = np.random.default_rng(5)
    shapes = (B, H, L, D), (B, G, S, D), (1, G, S, E), (B, H, L, E), (B, H, L)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    query, key, value, d_out, d_lse = arrays
    return Inputs(query, key, value, d_out=d_out, d_lse=d_lse, **PROBLEMS[name])


def as_dask(da, inputs):
    """query, key, value, d_out and d_lse in chunks."""
    query, key = CHUNKS["query"], CHUNKS["key"]
    chunks = (*query, -1), (*key, -1), (-1, *key[1:], -1), (-1, -1, 5, 2), (-1, 3, 5)
    arrays = *inputs.arguments, inputs.d_out, inputs.d_lse
    return [da.from_array(x, chunks=each) for x, each in zip(arrays, chunks, strict=True)]


def flat(results):
    """Arrays by name; of a bias value, its parameter's gradient."""
    named = {name: x[0] if isinstance(x, tuple) else x for name, x in results._asdict().items()}
    return {name: x for name, x in named.items() if x is not None}


def over_bounds(got, inputs, dtype):
    """The largest error over its bound, for out, lse and each gradient.

    The bound of a parameter is the sum of the bounds of its biases, times how far each of them moves with it.
    """
    bounded = bounds(inputs, FLOAT32 if dtype == np.float32 else FLOAT64)
    _, saved = na.attention_forward(*inputs.arguments, **inputs.keywords)
    expected = {"out": bounded.out.value, "lse": bounded.lse.value}
    expected |= flat(na.attention_backward(inputs.d_out, saved, d_lse=inputs.d_lse))
    ratios = {}
    for name, right in expected.items():
        error = getattr(bounded, name).error
        if name == "d_bias" and not isinstance(inputs.bias, np.ndarray):
            error = np.abs(flat_parameter(inputs.bias, error))
        difference = np.abs(np.where(np.isneginf(right), 0, got[name] - right))
        own = np.finfo(right.dtype).eps * np.abs(np.where(np.isneginf(right), 0, right))
        allowed = error + own + np.finfo(dtype).tiny
        assert (np.isneginf(got[name]) == np.isneginf(right)).all()
        ratios[name] = float((difference / allowed).max())
    return ratios


def flat_parameter(bias, error):
    """Σ error |∂bias/∂parameter|: both kinds have one sign for all pairs of a head."""
    return bias.gradients(np.broadcast_to(error, (*error.shape[:-2], L, S)).astype(float))[0]
