"""Attention problems that are hard to compute, named by the reason."""

import numpy as np

from numpy_attention.check.reference.inputs import Inputs

L, S, D, E = 5, 7, 3, 2


def plain(seed, length=L, keys=S, width=D, size=1.0, **options):
    """Standard normals times `size`, one head, with d_weights and d_lse."""
    rng = np.random.default_rng(seed)
    query, key = size * rng.standard_normal((length, width)), size * rng.standard_normal((keys, width))
    value, d_out = rng.standard_normal((keys, E)), rng.standard_normal((length, E))
    d_weights, d_lse = rng.standard_normal((length, keys)), rng.standard_normal(length)
    return Inputs(query, key, value, d_out, d_weights, d_lse, **options)


def winning():
    """In every row one score leads by about 36, at a different key."""
    inputs = plain(1)
    bias = np.random.default_rng(2).standard_normal((L, S))
    bias[np.arange(L), np.arange(L)] += 36
    return inputs.replace(bias=bias)


def cancelling():
    """|query · key| is 1e-12 of the sum of its terms' magnitudes."""
    inputs = plain(3, size=30.0)
    query = np.abs(inputs.query) + 1
    key = inputs.key.copy()
    query[:] = query[:1]  # one direction, so that one key can be orthogonal to all
    key[:, -1] = -(query[0, :-1] @ key[:, :-1].T) / query[0, -1]
    key[:, -1] *= 1 + 1e-12 * np.arange(S)
    return inputs.replace(query=query, key=key)


def tied():
    """Every score twice, so the largest weight is tied."""
    inputs = plain(4, keys=8)
    key = np.repeat(inputs.key[:4], 2, axis=0)
    return inputs.replace(key=key)


def nearly_tied():
    """Two scores so close that rounding decides which is larger."""
    inputs = plain(5, size=6.0)
    key = inputs.key.copy()
    key[1] = np.nextafter(key[0], np.inf)
    return inputs.replace(key=key)


def subnormal():
    """Queries, values and cotangents below the smallest normal number."""
    inputs = plain(6)
    names = ("query", "value", "d_out", "d_weights", "d_lse")
    small = {name: getattr(inputs, name) * 1e-310 for name in names}
    return inputs.replace(**small)


def subnormal_weights():
    """One key takes almost everything: the weights of the others reach below the smallest normal number."""
    inputs = plain(7)
    return inputs.replace(bias=np.tile([0.0, -700, -708, -712, -735, -744, -800], (L, 1)))


def saturated():
    """Scores at ±20 times the softcap, where tanh is 1 - 8e-18."""
    inputs = plain(8, width=1)
    key = np.array([[-20.0], [20.0], [19.0], [-1.0], [0.5], [20.5], [1e4]])
    return inputs.replace(query=np.sign(inputs.query), key=key, scale=1.0, softcap=1.0)


def far():
    """Scores of ±1e4."""
    return plain(9, size=100.0)


def far_with_sinks():
    """Scores of ±1e4 behind a sink that is larger than some and smaller than others."""
    return plain(10, size=100.0, sinks=np.array(3000.0))


HARD = {
    "the winning score 36 ahead": winning(),
    "products that cancel": cancelling(),
    "tied rows": tied(),
    "nearly tied": nearly_tied(),
    "subnormal numbers": subnormal(),
    "subnormal weights": subnormal_weights(),
    "softcap saturated": saturated(),
    "scores of ±1e4": far(),
    "scores of ±1e4 and a sink": far_with_sinks(),
    "one key": plain(11, keys=1),
    "4,096 keys": plain(12, length=2, keys=4096),
    "one query, 1,021 keys, peaked": plain(13, length=1, keys=1021, size=6.0),
}


def cast(inputs, dtype):
    """Every float array in `dtype`."""
    with np.errstate(over="ignore", under="ignore"):
        return inputs.replace(
            **{
                name: x.astype(dtype)
                for name, x in inputs.items()
                if isinstance(x, np.ndarray) and x.dtype.kind == "f"
            }
        )
