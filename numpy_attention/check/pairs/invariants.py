"""The contract of every pair besides its derivative: pure, linear in the cotangent, shapes and dtypes."""

from __future__ import annotations  # np.random costs 15 ms when first touched

import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from .calls import Call, as_outputs, as_tuple, by_name, direction_of, is_float_array, like_outputs, over
from .differences import extrapolated
from .report import Finding

ALLOWED = 1e-12
"""Allowed difference, relative to the largest entry, from another order of summation."""

EPS = float(np.finfo(float).eps)

Gradients = dict[str, Any]


def invariants(
    call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator, tidy: bool = True
) -> Iterator[Finding]:
    """Findings of every check, for the differentiable arguments `variables`; exceptions become findings."""
    always = (_pure, _same_bits, _linear, _complex_linear, _layouts)
    for check in (*always, _own_memory, _tidy, _small) if tidy else always:
        name = check.__doc__ or ""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                outcomes = list(check(call, variables, cotangents, rng))
        except Exception as error:
            outcomes = [("all", np.inf, f"{type(error).__name__}: {error}")]
        for gradient, ratio, where in outcomes:
            yield Finding(name.rstrip("."), gradient, ratio, where)


_Outcomes = Iterator[tuple[str, float, str]]


def _pass_or_fail(passed: bool) -> float:
    """The ratio of a check that has no error to measure."""
    return 0.0 if passed else np.inf


def _results(call: Call, cotangents: Any, **changed: Any) -> tuple[tuple[Any, ...], Gradients]:
    out, saved = call.outputs(**changed)
    return as_tuple(out), by_name(call.backward(cotangents, saved), call)


def _present(gradients: Gradients, variables: Sequence[str]) -> Iterator[tuple[str, Array]]:
    """The gradients of the variables, by name, that are not None."""
    return ((name, np.asarray(gradients[name])) for name in variables if gradients[name] is not None)


def _pure(call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator) -> _Outcomes:
    """arguments unchanged."""
    arrays = {f"argument {name}": x for name, x in call.arguments.items() if isinstance(x, np.ndarray)}
    arrays |= {f"cotangent {n}": np.asarray(c) for n, c in enumerate(as_tuple(cotangents))}
    before = {name: array.tobytes() for name, array in arrays.items()}
    _results(call, cotangents)
    changed = [name for name, array in arrays.items() if array.tobytes() != before[name]]
    yield "all", _pass_or_fail(not changed), ", ".join(changed)


def _same_bits(call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator) -> _Outcomes:
    """same bits on a second call."""
    out, saved = call.outputs()
    first = by_name(call.backward(cotangents, saved), call)
    kept = {name: gradient.tobytes() for name, gradient in _present(first, variables)}
    again, _ = call.outputs()
    same = all(_bits(a) == _bits(b) for a, b in zip(as_tuple(out), as_tuple(again), strict=True))
    yield "out", _pass_or_fail(same), ""
    second = by_name(call.backward(cotangents, saved), call)
    for name, gradient in _present(second, variables):
        yield f"d_{name}", _pass_or_fail(gradient.tobytes() == kept[name]), ""


def _bits(array: Any) -> bytes:
    return np.asarray(array).tobytes()


def _own_memory(call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator) -> _Outcomes:
    """no memory shared with arguments, other results or a later call."""
    outs, gradients = _results(call, cotangents)
    results = {f"d_{name}": gradient for name, gradient in _present(gradients, variables)}
    if len(outs) == 1:  # a step's several outputs may also stand in saved
        results["out"] = np.asarray(outs[0])
    others = {name: x for name, x in call.arguments.items() if isinstance(x, np.ndarray)}
    others |= {f"the cotangent {n}": np.asarray(c) for n, c in enumerate(as_tuple(cotangents))}
    _, later = _results(call, cotangents)
    others |= {f"d_{name} of a later call": gradient for name, gradient in _present(later, variables)}
    pairs = [*combinations(results.items(), 2), *product(results.items(), others.items())]
    shared = [f"{a} and {b}" for (a, x), (b, y) in pairs if np.shares_memory(x, y)]
    yield "all", _pass_or_fail(not shared), "; ".join(shared)


def _linear(call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator) -> _Outcomes:
    """linear in the cotangent, and 0 for 0."""
    _, saved = call.outputs()
    other = like_outputs(cotangents, lambda c: rng.standard_normal(c.shape))
    pairs = zip(as_tuple(cotangents), as_tuple(other), strict=True)
    zero = like_outputs(cotangents, lambda c: np.zeros(c.shape))
    combined = as_outputs(cotangents, [-0.75 * c + 1.5 * d for c, d in pairs])
    sides = [by_name(call.backward(c, saved), call) for c in (cotangents, other, combined, zero)]
    for name, g in _present(sides[0], variables):
        h, both, nothing = (np.asarray(side[name]) for side in sides[1:])
        error = np.abs(both - (-0.75 * g + 1.5 * h)).max(initial=0)
        scale = np.abs(g).max(initial=0) + np.abs(h).max(initial=0)
        yield f"d_{name}", float(over(error, ALLOWED * scale)), ""
        yield f"d_{name}", _pass_or_fail(not nothing.any()), "the cotangent is 0"


def _tidy(call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator) -> _Outcomes:
    """output and gradients in the shape and dtype of the arguments."""
    floats = [name for name, x in call.arguments.items() if is_float_array(x)]
    for dtype in ("float16", "float32"):
        changed = {name: call.arguments[name].astype(dtype) for name in floats}
        try:
            out, saved = call.outputs(**changed)
        except Exception:
            continue  # forward does not take this dtype
        narrow = as_outputs(out, [np.asarray(c).astype(dtype) for c in as_tuple(cotangents)])
        gradients = by_name(call.backward(narrow, saved), call)
        if not isinstance(out, tuple):
            own = np.asarray(out).dtype
            yield "out", _pass_or_fail(own == dtype), "" if own == dtype else f"{own} for {dtype}"
        for name, gradient in _present(gradients, variables):
            x = changed[name]
            right = gradient.shape == x.shape and gradient.dtype == x.dtype
            where = f"{gradient.dtype}{gradient.shape} for {x.dtype}{x.shape}"
            yield f"d_{name}", _pass_or_fail(right), "" if right else where


def _complex_linear(
    call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator
) -> _Outcomes:
    """no conjugation: i times the cotangent gives i times the gradients."""
    if call.real:
        return
    _, saved = call.outputs()
    real = by_name(call.backward(cotangents, saved), call)
    rotated = as_outputs(cotangents, [1j * np.asarray(c) for c in as_tuple(cotangents)])
    for name, gradient in _present(by_name(call.backward(rotated, saved), call), variables):
        right = np.asarray(real[name])
        error, scale = np.abs(gradient - 1j * right).max(initial=0), np.abs(right).max(initial=0)
        yield f"d_{name}", float(over(error, ALLOWED * scale)), ""


def _small(call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator) -> _Outcomes:
    """lengths 0 and 1, wherever forward accepts them."""
    lengths = {n for name in variables for n in call.arguments[name].shape if n > 1}
    for length in sorted(lengths):
        for small in (1, 0):
            cut = {
                n: _shorten(x, length, small) for n, x in call.arguments.items() if isinstance(x, np.ndarray)
            }
            try:
                out, saved = call.outputs(**cut)
            except Exception:
                continue  # this axis cannot be cut alone
            where = f"every axis of length {length} cut to {small}"
            ones = as_outputs(out, [rng.standard_normal(np.shape(array)) for array in as_tuple(out)])
            gradients = by_name(call.backward(ones, saved), call)
            for name in variables:
                gradient = np.asarray(gradients.get(name))
                right = gradient.shape == cut[name].shape
                yield f"d_{name}", _pass_or_fail(right), where if right else f"{where}: {gradient.shape}"
                if right and gradient.size and np.isfinite(gradient).all():
                    yield f"d_{name}", _derivative_error(call, cut, name, ones, out, gradient, rng), where


def _derivative_error(
    call: Call, changed: dict[str, Array], name: str, cotangents: Any, out: Any, gradient: Array,
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """Ratio of the gradient's error against the complex step in one direction to the allowed error."""
    direction = direction_of(changed[name], rng)
    if call.real:
        x, arguments = changed[name], dict[str, Any](changed)
        slopes, errors = extrapolated(
            lambda t: call.weighted(cotangents, **arguments | {name: x + t * direction})
        )
        error = abs(slopes.sum() - (gradient * direction).sum())
        return float(over(error, errors[np.isfinite(errors)].sum()))
    moved, _ = call.outputs(**changed | {name: changed[name] + 1e-100j * direction})
    slope = size = 0.0
    for c, array, value in zip(as_tuple(cotangents), as_tuple(moved), as_tuple(out), strict=True):
        slope += (c * np.imag(array) / 1e-100).sum()
        size += np.abs(c * np.where(np.isfinite(value), value, 0)).sum()
    expected = gradient * direction
    allowed = ALLOWED * np.abs(expected).sum() + 16 * EPS * size
    return float(over(abs(slope - expected.sum()), allowed))


def _shorten(x: Array, length: int, small: int) -> Array:
    return x[tuple(slice(small) if n == length else slice(None) for n in x.shape)].copy()


def _layouts(call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator) -> _Outcomes:
    """any memory layout."""
    outs, plain = _results(call, cotangents)
    scale = max((np.abs(g).max(initial=0) for _, g in _present(plain, variables)), default=0.0)
    for layout in (_columns_first, _backwards, _every_second):
        changed = {name: _read_only(layout, call.arguments[name]) for name in variables}
        strided = like_outputs(cotangents, lambda c, layout=layout: _read_only(layout, c))  # type: ignore[misc]
        strided_outs, gradients = _results(call, strided, **changed)
        close = all(
            np.allclose(a, b, ALLOWED, ALLOWED, True) for a, b in zip(outs, strided_outs, strict=True)
        )
        yield "out", _pass_or_fail(close), layout.__name__.strip("_")
        for name, gradient in _present(gradients, variables):
            error = np.abs(gradient - np.asarray(plain[name])).max(initial=0)
            yield f"d_{name}", float(over(error, ALLOWED * scale)), layout.__name__.strip("_")


def _read_only(layout: Callable[[Array], Array], x: Array) -> Array:
    array = np.asarray(layout(x))
    array.flags.writeable = False
    return array


def _columns_first(x: Array) -> Array:
    return np.array(x, order="F")


def _backwards(x: Array) -> Array:
    every = (slice(None, None, -1),) * x.ndim
    return x[every].copy()[every]


def _every_second(x: Array) -> Array:
    sparse = np.full(tuple(2 * n for n in x.shape), np.nan, dtype=x.dtype)
    every = (slice(None, None, 2),) * x.ndim
    sparse[every] = x
    return sparse[every]
