"""Whether attention has become slower: pytest benchmarks/test_regression.py --benchmark-autosave, and later
--benchmark-compare --benchmark-compare-fail=median:20%

Needs pytest-benchmark; it is not among the tests, for what it finds depends on the machine.
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
from benchmarks.speed.peers import Case, ours

pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed (see [bench])")

CASES = {
    "small": Case(16, 128, 64),
    "plain": Case(16, 512, 64),
    "causal": Case(4, 1024, 64, see="causal"),
    "window": Case(4, 2048, 64, see="window"),
    "grouped": Case(8, 512, 64, groups=2),
    "decode": Case(8, 1, 64, S=8192),
    "peaked": Case(4, 512, 64, size=20.0),
}


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_fast_attention(benchmark, case, dtype, backward):
    benchmark(ours(case, case.arrays(dtype), backward))


def test_attention(benchmark):
    query, key, value = np.random.default_rng(0).standard_normal((3, 4, 128, 32))
    benchmark(na.attention, query, key, value)


@pytest.mark.parametrize("function", [softmax, layer_norm], ids=["softmax", "layer_norm"])
def test_rows(benchmark, function):
    x, d_out = normal(512, 513), normal(513, 512).T.copy()
    more = [] if function is softmax else [normal(513), normal(513)]
    benchmark(function, x, *more, d_out)


def test_cross_entropy(benchmark):
    targets = np.random.default_rng(0).integers(1000, size=512)
    benchmark(cross_entropy, normal(512, 1000), targets, np.float32(1))


def test_additive_scores(benchmark):
    shapes = [(2, 61, 16), (2, 67, 16), (32, 16), (32, 16), (32,), (32,), (2, 61, 67)]
    benchmark(additive, *(normal(*shape) for shape in shapes))


@pytest.mark.parametrize("make", [pure_adam, adam_in_place], ids=["step", "update"])
def test_adam(benchmark, make):
    benchmark(make(normal(100_000), normal(100_001)[1:]))
