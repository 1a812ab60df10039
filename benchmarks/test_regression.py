"""Detect slowdowns: pytest benchmarks/test_regression.py --benchmark-autosave, and later
--benchmark-compare --benchmark-compare-fail=median:20%

Needs pytest-benchmark. Not part of the test suite, because its result depends on the machine. Each test also
asserts that the timed call returns finite numbers, so that a broken call is not timed.
"""

import numpy as np
import pytest

import numpy_attention as na
from benchmarks.speed.functions import (
    adam_in_place,
    additive,
    cross_entropy,
    layer_norm,
    normal,
    pure_adam,
    softmax,
)
from benchmarks.speed.peers import SpeedCase, ours
from benchmarks.speed.turns import arrays

pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed (see [bench])")

CASES = {
    "tiny": SpeedCase(1, 16, 16),
    "small": SpeedCase(16, 128, 64),
    "small, causal": SpeedCase(16, 128, 64, see="causal"),
    "plain": SpeedCase(16, 512, 64),
    "causal": SpeedCase(4, 1024, 64, see="causal"),
    "window": SpeedCase(4, 2048, 64, see="window"),
    "grouped": SpeedCase(8, 512, 64, groups=2),
    "decode": SpeedCase(8, 1, 64, S=8192),
    "peaked": SpeedCase(4, 512, 64, size=20.0),
}


def finite(result):
    """True if every array of a result is finite and not all zero."""
    return all(np.isfinite(x).all() and x.any() for x in arrays(result))


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_fast_attention(benchmark, case, dtype, backward):
    assert finite(benchmark(ours(case, case.arrays(dtype), backward)))


def test_attention(benchmark):
    query, key, value = np.random.default_rng(0).standard_normal((3, 4, 128, 32))
    assert finite(benchmark(na.attention, query, key, value))


@pytest.mark.parametrize("function", [softmax, layer_norm], ids=["softmax", "layer_norm"])
def test_rows(benchmark, function):
    x, d_out = normal(512, 513), normal(513, 512).T.copy()
    parameters = [] if function is softmax else [normal(513), normal(513)]
    assert finite(benchmark(function, x, *parameters, d_out))


def test_cross_entropy(benchmark):
    targets = np.random.default_rng(0).integers(1000, size=512)
    assert finite(benchmark(cross_entropy, normal(512, 1000), targets, np.float32(1)))


def test_additive_scores(benchmark):
    shapes = [(2, 61, 16), (2, 67, 16), (32, 16), (32, 16), (32,), (32,), (2, 61, 67)]
    assert finite(benchmark(additive, *(normal(*shape) for shape in shapes)))


@pytest.mark.parametrize("make", [pure_adam, adam_in_place], ids=["step", "update"])
def test_adam(benchmark, make):
    assert finite(benchmark(make(normal(100_000), normal(100_001)[1:])))
