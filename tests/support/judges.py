"""Assertions on two sets of results: within error bounds, or bit for bit equal."""

import numpy as np

from numpy_attention.check.reference.oracle import Results


def close(left, right, rtol=1e-13, atol=0.0):
    """numpy.allclose without its absolute tolerance of 1e-8."""
    return np.allclose(left, right, rtol=rtol, atol=atol)


def assert_within(got, expected, *bounds):
    """Each entry of `got` is within the sum of `bounds` of `expected`; None where `expected` is None."""
    for name, x, y, *allowed in zip(Results._fields, got, expected, *bounds, strict=True):
        if y is None:
            assert x is None, f"{name} is not None, but None is expected"
            continue
        assert np.shape(x) == np.shape(y), f"{name} has shape {np.shape(x)}, not {np.shape(y)}"
        x, y = np.atleast_1d(x), np.atleast_1d(y)
        largest = min(float(np.finfo(x.dtype).max), float(np.finfo(y.dtype).max))
        if largest < np.finfo(float).max:  # compare overflowed entries as the largest number
            x, y = (np.clip(z.astype(float), -largest, largest) for z in (x, y))
        with np.errstate(invalid="ignore"):
            wrong = ~((x == y) | (abs(x - y) <= sum(allowed)))
        if wrong.any():
            at = tuple(map(int, np.argwhere(wrong)[0]))
            bound = np.broadcast_to(sum(allowed), x.shape)[at]
            raise AssertionError(f"{name} at {at} is {x[at]}, not {y[at]} within {bound:.3g}")


def assert_same_bits(got, expected):
    """All bits are equal, signs of zeros included."""
    for name, x, y in zip(Results._fields, got, expected, strict=True):
        assert (x is None) == (y is None), f"{name}: {x} and {y}"
        if x is None:
            continue
        assert np.shape(x) == np.shape(y), name
        x, y = np.atleast_1d(x), np.atleast_1d(y)
        assert x.dtype == y.dtype, name
        differ = bits(x) != bits(y)
        at = np.argwhere(differ)[:1]
        assert not differ.any(), f"{name} at {at} is {x[differ][0]}, not {y[differ][0]}"


def bits(x):
    """The bits of floating-point numbers, as unsigned integers."""
    return np.ascontiguousarray(x).view(f"u{x.itemsize}")
