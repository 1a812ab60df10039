"""A correct small pair, and the failing checks of variants of it."""

from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na

X, Y = np.random.default_rng(0).standard_normal((2, 3, 5))


class Gradients(NamedTuple):
    d_x: Any
    d_y: Any


def forward(x: Any, y: Any) -> Any:
    """x² y, with its backward below."""
    return x * x * y, (x, y)


def backward(d_out: Any, saved: Any) -> Gradients:
    x, y = saved
    d_x = (d_out * 2 * x * y).astype(_dtype(x, y, d_out))
    d_y = (d_out * x * x).astype(_dtype(y, x, d_out))
    return Gradients(d_x, d_y)


def _dtype(own: Any, *others: Any) -> Any:
    return np.result_type(own, np.complex64) if any(map(np.iscomplexobj, others)) else own.dtype


def failing(forward: Any, backward: Any, order: int = 1, *, strict: bool = False) -> set[str]:
    report = na.check_vjp(forward, backward, (X, Y), order=order, strict=strict)
    assert not report.ok
    assert not report
    return {f"{finding.gradient} {finding.check}" for finding in report.failures}
