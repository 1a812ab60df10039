"""Compare a backward with the derivative of its forward by the complex step, exact to the last digits.

    f(x + i h d) = f(x) + i h f'(x) d + O(h²),   so   Im f(x + i h d) / h = f'(x) d,   h = 1e-100

No nearby numbers are subtracted, so nothing cancels (Squire and Trapp 1998). With a random cotangent c and
random directions d, <c, f'(x) d> must equal <gradient, d>. A forward without complex numbers, as those of
frameworks are, is differentiated by `differences`.
"""

from __future__ import annotations  # np.random costs 15 ms when first touched

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...functional.base.admission import Array, explained
from .calls import (
    Call,
    by_name,
    call_of,
    direction_of,
    is_float_array,
    like_outputs,
    over,
    refusal_of_complex,
    size_of,
)
from .differences import extrapolated
from .invariants import Gradients, invariants
from .report import Finding, Report

H = 1e-100
EPS = float(np.finfo(float).eps)
ALLOWED = 1e-12
"""Relative to Σ |gradient| |direction|: some thousand roundings, and far below any fault."""

DIRECTIONS = 3
ELEMENTS = 64
"""Largest argument that is also compared element by element."""


@explained
def check_vjp(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    order: int = 1,
    seed: int = 0,
    tidy: bool = True,
    strict: bool = False,
) -> Report:
    """Check a pair: out, saved = forward(*args, **kwargs); gradients = backward(d_out, saved).

    Every array of floating dtype among args and kwargs is differentiated if backward returns a gradient for
    it: a NamedTuple or dict with d_<argument>, by forward's parameter names; a plain tuple in the order of
    the arrays; or a bare gradient of the first. An array without one is held fixed and listed in
    `report.constants`.

    Parameters
    ----------
    forward, backward : the pair; out is an array, or a tuple of arrays, and d_out then likewise. If forward
        takes complex arguments, the complex step differentiates it; else central differences do, with
        Richardson extrapolation and an estimate of their error, which `report.undecided` states.
    args, kwargs : arguments of forward.
    order : 1 compares backward with forward's derivative; 2 also differentiates backward, and compares
        Hessian-vector products with differences of the gradient and, by symmetry, with each other.
    seed : seed of the cotangent and the directions.
    tidy : False skips dtypes, shared memory and short axes, for a step of a larger pair.
    strict : True demands complex arguments and every memory layout, as this package's own pairs take them.

    Returns
    -------
    Report
        `report.ok`, `report.findings`; it prints as a table. Besides derivatives it covers: arguments
        unchanged, no shared memory, the same bits in a second call, linearity in the cotangent, zero for
        zero, each gradient in its argument's shape and dtype (float16 and float32 too, where forward takes
        them), memory layouts (unless refused), lengths 0 and 1. A formula that loses digits can fail like a
        wrong one: the textbook softmax backward on a row where one score leads by 30, say.

    Raises
    ------
    TypeError, ValueError
        If there is nothing to differentiate, or order is neither 1 nor 2.

    Examples
    --------
    >>> def square_forward(x):
    ...     return x * x, x
    >>> def square_backward(d_out, x):
    ...     return 3 * d_out * x
    >>> report = check_vjp(square_forward, square_backward, [np.array([1.0, 2.0])])
    >>> report.ok, report.failures[0].gradient
    (False, 'd_x')

    References
    ----------
    Squire, Trapp 1998, "Using complex variables to estimate derivatives of real functions"; Ridders 1982.
    """
    if isinstance(order, bool) or order not in (1, 2):
        raise ValueError(f"order is {order!r}; 1 or 2 is expected")
    if not isinstance(args, Sequence):
        raise TypeError(f"args is {type(args).__name__}; a list of the arguments by place is expected")
    for name, x in (*enumerate(args), *(kwargs or {}).items()):
        if isinstance(x, np.ndarray) and x.dtype.kind == "c":
            raise TypeError(f"argument {name} is complex; the complex step needs real arrays")
    call = call_of(forward, backward, args, kwargs or {})
    call = call._replace(real="" if strict else refusal_of_complex(call))
    rng = np.random.default_rng(seed)
    out, saved = call.outputs()
    cotangents = like_outputs(out, lambda array: rng.standard_normal(array.shape))
    gradients = by_name(call.backward(cotangents, saved), call)
    arrays = [name for name, x in call.arguments.items() if is_float_array(x)]
    if not arrays:
        raise TypeError("there is no array of floating dtype among the arguments: nothing to differentiate")
    variables = [name for name in arrays if name in gradients]
    unknown = [name for name, d in gradients.items() if d is not None and name not in call.arguments]
    findings = [Finding("is named after an argument", f"d_{name}", np.inf) for name in unknown]
    found = list(invariants(call, variables, cotangents, rng, tidy))
    refused = (
        []
        if strict
        else [f for f in found if not f.ok and f.check == "any memory layout" and f.gradient == "all"]
    )
    findings += [finding for finding in found if finding not in refused]
    undecided = [f"{finding.check}: {finding.where}" for finding in refused]
    perturbed_arguments = {name: _perturbed(call.arguments[name], rng) for name in variables}
    try:
        noise = call.gradients(cotangents, **perturbed_arguments)
    except Exception:
        noise = gradients
    for name in variables:
        findings += _first_order(call, name, cotangents, gradients[name], noise[name], rng)
    shapes_match = all(np.shape(gradients[name]) == call.arguments[name].shape for name in variables)
    if order == 2 and shapes_match:
        findings += _second_order(call, variables, cotangents, rng)
    title = getattr(forward, "__name__", type(forward).__name__).removesuffix("_forward")
    if call.real:
        undecided.append(f"complex arguments: {call.real}; differences were taken, extrapolated to step 0")
    constants = tuple(name for name in arrays if name not in variables)
    return Report(title, tuple(findings), constants, tuple(undecided))


# --------------------------------------------------------------------------------------- derivatives


def _perturbed(x: Array, rng: np.random.Generator) -> Array:
    """The array with random entries moved towards 0 by about one unit in the last place."""
    return np.asarray(x * (1 - 4 * EPS * rng.integers(0, 2, x.shape)))


def _first_order(
    call: Call, name: str, cotangents: Any, gradient: Any, perturbed: Any, rng: np.random.Generator
) -> list[Finding]:
    """<c, f'(x) d> = <gradient, d> in random directions, and along each axis where there are few.

    The gradient's change under a perturbation of the arguments' last digits is allowed besides: no formula
    can be more accurate than that.
    """
    check = "derivative of forward"
    if gradient is None:
        return [Finding(check, f"d_{name}", np.inf, "None, though the argument is not None")]
    x, gradient = call.arguments[name], np.asarray(gradient)
    if gradient.shape != x.shape:
        return [Finding(check, f"d_{name}", np.inf, f"shape {gradient.shape}, not {x.shape}")]
    noise = 4 * np.abs(np.asarray(perturbed) - gradient)
    try:
        findings = []
        for draw in range(DIRECTIONS if x.size else 0):
            d = direction_of(x, rng)
            slope, rounding = _slope(call, name, d, cotangents)
            allowed = float(((ALLOWED * np.abs(gradient) + noise) * np.abs(d)).sum()) + rounding
            ratio = over(abs(slope - (gradient * d).sum()), allowed)
            stated = f", estimated error {rounding / (abs(slope) or 1.0):.0e}" if call.real else ""
            findings.append(Finding(check, f"d_{name}", ratio, f"direction {draw + 1}{stated}"))
        if 0 < x.size <= ELEMENTS:
            findings.append(_element_by_element(call, name, cotangents, gradient, noise))
        return findings
    except Exception as raised:
        return [Finding("takes complex arguments", f"d_{name}", np.inf, f"{type(raised).__name__}: {raised}")]


def _element_by_element(call: Call, name: str, cotangents: Any, gradient: Array, noise: Array) -> Finding:
    """Every partial derivative; the allowed error is relative to the largest."""
    slopes, rounding = np.zeros(gradient.shape), np.zeros(gradient.shape)
    x = call.arguments[name]
    steps = np.where(np.isfinite(x) & (x != 0) & bool(call.real), np.abs(x), size_of(x))
    for index in np.ndindex(gradient.shape):
        d = np.zeros(gradient.shape)
        d[index] = steps[index]
        slopes[index], rounding[index] = _slope(call, name, d, cotangents)
    slopes, rounding = slopes / steps, rounding / steps
    allowed = ALLOWED * float(np.abs(gradient).max()) + noise + rounding
    ratios = np.asarray(over(np.abs(slopes - gradient), allowed))
    worst = np.unravel_index(np.argmax(np.where(np.isnan(ratios), np.inf, ratios)), ratios.shape)
    index = tuple(map(int, worst))
    where = f"{index}: {gradient[index]:.16g}, forward's is {slopes[index]:.16g}"
    return Finding("each element", f"d_{name}", float(ratios[index]), where)


def _slope(call: Call, name: str, d: Array, cotangents: Any) -> tuple[float, float]:
    """<c, f'(x) d>, and the allowed error of computing it: 16 roundings, or that of differences."""
    x = call.arguments[name]
    if call.real:
        slopes, errors = extrapolated(lambda t: call.weighted(cotangents, **{name: x + t * d}))
        return float(slopes.sum()), float(errors[np.isfinite(errors)].sum())  # infinite: out is
    slopes = call.weighted(cotangents, np.imag, **{name: x + 1j * H * d}) / H
    return float(slopes.sum()), 16 * EPS * float(np.abs(slopes).sum())


def _second_order(
    call: Call, variables: Sequence[str], cotangents: Any, rng: np.random.Generator
) -> list[Finding]:
    """Hessian-vector products through backward by the complex step.

    <u, H v> = <v, H u> up to a perturbation of the arguments' last digits; and H v equals the central
    difference of the gradient, (g(x + t v) - g(x - t v)) / 2t, whose accuracy two steps t estimate.
    """
    arguments = {name: call.arguments[name] for name in variables}
    u, v = ({name: direction_of(x, rng) for name, x in arguments.items()} for _ in range(2))
    if call.real:
        return _second_order_by_differences(call, cotangents, u, v)
    try:
        Hu, Hv = _hessian_vector(call, cotangents, u), _hessian_vector(call, cotangents, v)
    except Exception as raised:
        where = f"{type(raised).__name__}: {raised}"
        return [Finding("backward takes complex arguments", "all", np.inf, where)]
    left, right = _inner(u, Hv), _inner(v, Hu)
    size = _inner(u, Hv, np.abs) + _inner(v, Hu, np.abs)
    perturbed_arguments = {name: _perturbed(x, rng) for name, x in arguments.items()}
    perturbed = [_hessian_vector(call, cotangents, d, perturbed_arguments) for d in (u, v)]
    noise = _inner(v, {name: perturbed[0][name] - Hu[name] for name in u}, np.abs)
    noise += _inner(u, {name: perturbed[1][name] - Hv[name] for name in u}, np.abs)
    ratio = over(abs(left - right), ALLOWED * size + 4 * noise)
    findings = [Finding("second order is symmetric", "all", ratio)]
    try:
        (ahead, wide), (_, narrow) = (_gradient_change(call, cotangents, v, step) for step in (1e-5, 5e-6))
    except Exception:  # outside the domain there is nothing to compare with
        return findings
    for name in variables:
        rounding = 8 * EPS * float(np.abs(np.asarray(ahead[name])).max(initial=0)) / 5e-6
        apart = np.abs(wide[name] - narrow[name])  # large at a kink and on steep slopes
        scale = float(np.abs(narrow[name]).max(initial=0))
        error = np.abs(narrow[name] - Hv[name])
        ratio = np.asarray(over(error, 1e-6 * scale + 10 * apart + rounding))
        findings.append(Finding("second order is the gradient's change", f"d_{name}", ratio.max(initial=0)))
    return findings


def _second_order_by_differences(call: Call, cotangents: Any, u: Gradients, v: Gradients) -> list[Finding]:
    """<u, H v> = <v, H u>, both by differences of the gradient."""

    def product(left: Gradients, right: Gradients) -> tuple[float, float]:
        def along(t: float) -> Array:
            moved = {name: call.arguments[name] + t * d for name, d in right.items()}
            gradients = call.gradients(cotangents, **moved)
            return np.concatenate([np.ravel(left[name] * gradients[name]) for name in left])

        slopes, errors = extrapolated(along)
        return float(slopes.sum()), float(errors.sum())

    (first, first_error), (second, second_error) = product(u, v), product(v, u)
    ratio = over(abs(first - second), first_error + second_error)
    return [Finding("second order is symmetric", "all", ratio)]


def _gradient_change(call: Call, cotangents: Any, v: Gradients, step: float) -> tuple[Gradients, Gradients]:
    """Gradients one step ahead along v, and their central difference."""
    ahead, behind = (
        call.gradients(cotangents, **{name: call.arguments[name] + t * d for name, d in v.items()})
        for t in (step, -step)
    )
    slopes = {name: (np.asarray(ahead[name]) - np.asarray(behind[name])) / (2 * step) for name in v}
    return ahead, slopes


def _hessian_vector(
    call: Call, cotangents: Any, v: dict[str, Array], at: dict[str, Array] | None = None
) -> dict[str, Array]:
    moved = {name: (at or call.arguments)[name] + 1j * H * d for name, d in v.items()}
    gradients = call.gradients(cotangents, **moved)
    return {name: np.imag(gradients[name]) / H for name in v}


def _inner(u: dict[str, Array], v: dict[str, Array], of: Callable[[Any], Any] = np.asarray) -> float:
    return float(sum(of(u[name] * v[name]).sum() for name in u))
