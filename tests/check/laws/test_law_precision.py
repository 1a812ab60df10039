"""Laws on low-precision kernels in the usual style: correct ones pass, wrong ones fail."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.laws import laws
from numpy_attention.check.rounding.error_analysis import BFLOAT16, FLOAT32
from numpy_attention.functional.masks.kinds import Band


def single(x):
    """Kept in float32."""
    return np.asarray(x, dtype=np.float32)


def brain(x):
    """Kept in bfloat16: the upper half of a float32, rounded to even."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


STORED = {"float32": (single, FLOAT32), "bfloat16": (brain, BFLOAT16)}


class Kernel:
    """Attention in float32 that stores in `store`: weights made again from lse, row means from out."""

    def __init__(self, store, fault=""):
        self.store, self.fault = store, fault

    def scores(self, query, key, mask, scale=None):
        scores = query @ np.swapaxes(key, -1, -2) * single(scale or 1 / np.sqrt(query.shape[-1]))
        L, S = scores.shape[-2:]
        return scores if mask is None else np.where(mask.array(L, S), scores, single(-np.inf))

    def forward(self, query, key, value, mask=None):
        scores = self.scores(query, key, mask)
        top = scores.max(axis=-1, keepdims=True)
        powers = np.exp(scores - top)
        summed = powers.sum(axis=-1, keepdims=True)
        return self.store(self.store(powers) @ value / summed), (top + np.log(summed))[..., 0]

    def again(self, query, key, value, mask=None):
        if mask is not None and not isinstance(mask, Band):
            raise NotImplementedError("this kernel takes causal masks only")
        return self.forward(self.store(query), self.store(key), self.store(value), mask)

    def backward(self, query, key, value, out, lse, d_out, d_lse, mask=None):
        weights = np.exp(self.scores(query, key, mask) - lse[..., None])
        mean = (d_out * out).sum(axis=-1, keepdims=True) - d_lse[..., None]
        mean = 0 * mean if self.fault == "row mean forgotten" else mean
        d_scores = weights * (d_out @ np.swapaxes(value, -1, -2) - mean) / single(np.sqrt(query.shape[-1]))
        d_scores = self.store(d_scores)
        d_key = np.swapaxes(d_scores, -1, -2) @ query
        d_key = d_key / 2 if self.fault == "d_key halved" else d_key
        d_value = np.swapaxes(self.store(weights), -1, -2) @ d_out
        if self.fault == "last values lost":
            d_value[..., -16:, :] = 0
        return tuple(map(self.store, (d_scores @ key, d_key, d_value)))


def report_of(storage, seed, fault="", L=None):
    """The laws held against the kernel, on a problem of its own."""
    store, precision = STORED[storage]
    rng, kernel = np.random.default_rng(seed), Kernel(store, fault)
    L, D = L or int(rng.choice([1, 2, 5, 17, 64, 130])), 64 if L else int(rng.choice([1, 3, 16, 64]))
    sizes = (1, 1, 1, 1) if fault else (rng.choice([1e-6, 0.3, 3, 10, 100]), 1, rng.choice([1e-3, 1, 50]), 1)
    query, key, value, d_out = (store(size * rng.standard_normal((2, L, D))) for size in sizes)
    d_lse = single(rng.standard_normal((2, L)))
    mask = na.causal() if rng.integers(2) else None
    out, lse = kernel.forward(query, key, value, mask)
    gradients = kernel.backward(query, key, value, out, lse, d_out, d_lse, mask)
    grads = dict(zip(("d_query", "d_key", "d_value"), gradients, strict=True))
    spec = dict(mask=mask, lse=lse, d_lse=d_lse, precision=FLOAT32, storage=precision)
    return laws(query, key, value, out, d_out, grads, spec, again=kernel.again)


@pytest.mark.parametrize("storage", STORED)
def test_correct_kernels_pass(storage: str) -> None:
    worst = []
    for seed in range(30):
        report = report_of(storage, seed)
        assert report.ok, str(report)
        worst.append(report.worst.ratio)
    assert np.median(worst) > 0.01  # what is allowed is not a hundred times what is needed


@pytest.mark.parametrize(
    "storage, fault, law",
    [
        ("float32", "row mean forgotten", 1),
        ("float32", "d_key halved", 1),
        ("float32", "last values lost", 4),
        ("bfloat16", "row mean forgotten", 1),
        ("bfloat16", "last values lost", 4),
    ],
)
def test_wrong_kernels_are_detected_at_length_256(storage: str, fault: str, law: int) -> None:
    for seed in range(3):
        failures = report_of(storage, seed, fault, L=256).failures
        assert f"law {law}," in " ".join(finding.check for finding in failures)
