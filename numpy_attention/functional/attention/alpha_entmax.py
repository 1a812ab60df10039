"""entmax of any α, with its gradient by α: between softmax (α = 1) and sparsemax (α = 2), and beyond.

    weights_s = [1 + ε (x_s - c)]₊^(1 / ε)      ε = α - 1, c such that a row sums to 1;   ε = 0: exp(x_s - c)

With τ = ε c - 1 it is [(α - 1) x_s - τ]₊^(1 / (α - 1)), the form of the papers. This form has a limit at
α = 1, where c is the lse of softmax. Any α above 0 will do; weights are exactly 0 only above 1. Above 2 the
slope of a weight that is about to begin is infinite, and gradients near there lose digits.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import (
    Pair,
    accurate_sum,
    backward_of,
    cast_optional,
    check_broadcast,
    cotangent,
    gradient_like,
    keep_visible,
    promote,
    round_to,
    shape_repr,
    unbroadcast,
    upcast,
    whole_number,
)
from ..base.stable import entry_at_peak
from .normalisers import NormaliserSaved, centred, gradients_of_columns, weights_of_columns
from .steps import Normalised

HALVINGS = 64
"""Of the interval of c, for α above 2, where the slope of a weight that begins is infinite."""
FAR = 1e-5
"""The step of the search for c after which two steps of Newton reach the last digit."""
SERIES = [1 / math.factorial(n + 2) for n in reversed(range(17))]
"""Coefficients of φ(y) = (exp(y) - 1 - y) / y² at 0, highest power first: to the last digit for |y| < 1."""
ODD = [1 / (2 * n + 1) for n in reversed(range(12))]
"""Those of atanh(r) / r by r²: to the last digit for |r| < 1 / 7."""


# ------------------------------------------------------------------------------------------ rows


def _log1p_quotient(t: Array) -> Array:
    """log(1 + t) / t, 1 at 0. Complex t near 0 by 2 atanh(t / (2 + t)), whose derivative cancels nothing."""
    if t.dtype.kind != "c":
        return np.where(t == 0, 1, np.log1p(t) / np.where(t == 0, 1, t))
    near = np.abs(t.real) < 0.25
    r = np.where(near, t / (2 + t), 0)
    return np.where(near, 2 / (2 + t) * np.polyval(ODD, r * r), np.log(1 + t) / np.where(near, 1, t))


def _powers(rows: Array, c: Array, order: Array) -> tuple[Array, Array]:
    """The weights p = [1 + ε (x - c)]₊^(1 / ε), and their derivatives by x at a fixed c, p^(1 - ε).

    Above α = 2 c near 1 / ε would lose the digits of weights. There c is -log of the weight of an entry of 0,
    and p = exp(-c) [1 + ε x exp(ε c)]₊^(1 / ε).
    """
    steep = order.real > 1
    distance = rows - c
    if steep.any():
        distance = np.where(steep, np.where(rows == 0, 0, rows * np.exp(order * c)), distance)
    inside = np.isfinite(rows) & (1 + (order * distance).real > 0)
    distance = np.where(inside, distance, 0)
    logs = distance * _log1p_quotient(order * distance) - np.where(steep, c, 0)
    return keep_visible(np.exp(logs), inside), keep_visible(np.exp((1 - order) * logs), inside)


def _newton(rows: Array, c: Array, order: Array) -> Array:
    """c after one step of Newton's method towards rows that sum to 1.

    Above α = 2 a step may pass a kink: only its imaginary part is taken.
    """
    weights, derivatives = _powers(rows, c, order)
    steep = order.real > 1
    slope = (derivatives * np.where(steep, np.exp(-order * c), 1)).sum(axis=-1, keepdims=True)
    step = (weights.sum(axis=-1, keepdims=True) - 1) / np.where((slope == 0) | ~np.isfinite(slope), 1, slope)
    return np.asarray(c + np.where(steep, step - step.real, step))


def _expm1_quotient(y: Array) -> Array:
    """(exp(y) - 1) / y, 1 at 0."""
    return np.where(y == 0, 1, np.expm1(y) / np.where(y == 0, 1, y))


def _level(rows: Array, order: Array) -> Array:
    """c of real rows whose largest entry is 0, close enough for `_newton`: the root of log_ε Σ weights.

    log_ε(x) = (x^ε - 1) / ε makes it linear for ties, and for ε = 0. For α <= 2 it is convex: Newton
    converges from the left. Above that, the interval of c is halved. A row that is done keeps its c: no bit
    of it depends on other rows.
    """
    c = np.zeros((*np.broadcast_shapes(rows.shape[:-1], order.shape[:-1]), 1), rows.dtype)
    low, high = c, c + math.log(rows.shape[-1])
    done = np.zeros(c.shape, dtype=bool)
    for _ in range(HALVINGS):
        weights, derivatives = _powers(rows, c, order)
        log_total = np.log(weights.sum(axis=-1, keepdims=True))
        step = np.exp((1 - order) * log_total) * log_total * _expm1_quotient(order * log_total)
        newton = c + step / derivatives.sum(axis=-1, keepdims=True)
        low, high = np.where(log_total >= 0, c, low), np.where(log_total < 0, c, high)
        following = np.where(order <= 1, newton, (low + high) / 2)
        done = done | ~np.isfinite(log_total)  # fully masked, or not finite
        c, done = np.where(done, c, following), done | ((np.abs(following - c) < FAR) & (order <= 1))
        if done.all():
            break
    return np.asarray(c)


def _rows(columns: Array, order: Array) -> tuple[Array, Array]:
    """Weights and their derivatives of rows whose largest entry is 0.

    The last two steps of Newton are taken in complex numbers where the arguments are: exact to first order.
    Above α = 2 rows sum to 1 only as far as the digits of their entries go, and are divided by their sum.
    """
    if not columns.shape[-1]:
        none = columns.astype(np.result_type(columns, order))
        return none, none.copy()
    c = _level(columns.real, order.real)
    for _ in range(2):
        c = _newton(columns, c, order)
    weights, derivatives = _powers(columns, c, order)
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where((order.real > 1) & (total != 0), total, 1), derivatives


def _by_alpha(weights: Array, order: Array) -> Array:
    """∂c / ∂α at a fixed weight, (∂weights / ∂α) / derivatives: -(log p)² ψ(y), y = -ε log p,

    ψ(y) = (1 - (1 + y) exp(-y)) / y², 1 / 2 at 0; near 0 it is exp(-y) φ(y).
    """
    logs = np.log(np.where(weights == 0, 1, weights))
    y = -order * logs
    near, decayed = np.abs(y.real) < 1, np.exp(-y)
    far = (1 - (1 + y) * decayed) / np.where(near, 1, y) ** 2
    psi = np.where(near, decayed * np.polyval(SERIES, np.where(near, y, 0)), far)
    return np.asarray(-logs * logs * psi)


# ------------------------------------------------------------------------------------------ step 5


@shape_repr
class EntmaxStepSaved(NamedTuple):
    """α, which broadcasts to the rows (..., H, L, 1), and what all normalisers save."""

    alpha: Array
    columns: NormaliserSaved


@shape_repr
class EntmaxStepGradients(NamedTuple):
    """In the forward's order; d_sinks is None if sinks were."""

    d_masked: Array
    d_sinks: Array | None
    d_alpha: Array


@quiet
def entmax_step_forward(
    masked: Array, sinks: Array | None = None, visible: Array | None = None, *, alpha: Array
) -> tuple[Normalised, EntmaxStepSaved]:
    """weights = [1 + ε (masked - c)]₊^(1 / ε), ε = alpha - 1."""
    check_broadcast("alpha", alpha, (*masked.shape[:-1], 1), "the rows of the scores")
    order = cast_optional(alpha - 1, masked)
    formula = partial(_rows, order=order if order.ndim else order[None])
    normalised, saved = weights_of_columns(formula, masked, sinks, visible, sums_to_one=True)
    return normalised, EntmaxStepSaved(alpha, saved)


@backward_of(EntmaxStepSaved)
def entmax_step_backward(d_normalised: tuple[Array, Array], saved: EntmaxStepSaved) -> EntmaxStepGradients:
    """From weights = [1 + ε (masked - c)]₊^(1 / ε), whose rows sum to 1:

    d = d_weights - their mean, weighted by the derivatives p^(1 - ε);  d_masked = derivatives * d
    d_alpha = -Σ derivatives * d * (log p)² ψ(-ε log p), ψ(y) = (1 - (1 + y) exp(-y)) / y²

    derivatives * d sums to 0: subtracting the factor's entry at the peak changes only the rounding.
    """
    alpha, columns = saved
    d_masked, d_sinks = gradients_of_columns(d_normalised, columns, sums_to_one=True)
    factor = _by_alpha(columns.weights, cast_optional(alpha - 1, columns.weights))
    factor = factor - entry_at_peak(factor, columns.derivatives)
    d_rows = columns.derivatives * centred(d_normalised[0], columns) * factor
    d_alpha = unbroadcast(accurate_sum(d_rows, axis=-1, keepdims=True), alpha.shape)
    return EntmaxStepGradients(d_masked, d_sinks, d_alpha)


ENTMAX_STEP = Pair(entmax_step_forward, entmax_step_backward)
"""Step 5 with alpha as an argument more: see `entmax_step`."""


def admit_alpha(alpha: npt.ArrayLike) -> Array:
    """Finite numbers above 0."""
    array = admit("alpha", alpha)
    wrong = array[~(np.isfinite(array) & (array.real > 0))]
    if wrong.size:
        raise ValueError(f"alpha holds {wrong[0]}; finite numbers above 0 are expected")
    return array


@explained
def entmax_step(alpha: npt.ArrayLike) -> Pair:
    """entmax of this α in place of softmax: attention_with(STEPS._replace(softmax=entmax_step(alpha))).

    Parameters
    ----------
    alpha : finite numbers above 0, broadcasting to (..., H, L, 1), say (H, 1, 1). The step's backward gives
        d_alpha too, which `entmax_attention` returns.

    Returns
    -------
    Pair
        With the signature of the softmax step. lse remains log Σ exp(masked).

    Raises
    ------
    TypeError, ValueError
        Unless alpha holds finite numbers above 0.

    Examples
    --------
    >>> from numpy_attention.functional.attention.attend import attend_forward
    >>> from numpy_attention.functional.attention.steps import STEPS
    >>> steps = STEPS._replace(softmax=entmax_step(2.0))
    >>> attend_forward(np.array([[0.0, 0.5, -1.0]]), np.eye(3), steps=steps)[0]
    array([[0.25, 0.75, 0.  ]])

    References
    ----------
    Peters, Niculae, Martins 2019; Correia, Niculae, Martins 2019, "Adaptively Sparse Transformers".
    """
    return ENTMAX_STEP._replace(forward=partial(entmax_step_forward, alpha=admit_alpha(promote(alpha))))


# ------------------------------------------------------------------------------------------ any rows


@shape_repr
class AlphaEntmaxSaved(NamedTuple):
    """The arguments, and what the step saved of the rows, the axis moved last."""

    x: Array
    alpha: Array
    axis: int
    step: EntmaxStepSaved


@shape_repr
class AlphaEntmaxGradients(NamedTuple):
    """In the forward's order."""

    d_x: Any
    d_alpha: Any


@quiet
def alpha_entmax_forward(
    x: npt.ArrayLike, alpha: npt.ArrayLike, axis: int = -1
) -> tuple[Any, AlphaEntmaxSaved]:
    """entmax, with what its backward needs: see `alpha_entmax`."""
    x, alpha, axis = admit("x", x, 1), admit_alpha(alpha), whole_number("axis", axis)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis is {axis}; a whole number from {-x.ndim} to {x.ndim - 1} is expected")
    axis %= x.ndim
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    check_broadcast("alpha", alpha, shape, "the shape of x, 1 along its axis,")
    (rows,) = upcast(x)
    rows = np.moveaxis(rows, axis, -1)
    (weights, _), saved = entmax_step_forward(
        rows, visible=rows.real != -np.inf, alpha=_moved(alpha, x.ndim, axis)
    )
    return round_to(np.moveaxis(weights, -1, axis), x), AlphaEntmaxSaved(x, alpha, axis, saved)


@backward_of(AlphaEntmaxSaved)
def alpha_entmax_backward(d_out: npt.ArrayLike, saved: AlphaEntmaxSaved) -> AlphaEntmaxGradients:
    """Undo out = [1 + ε (x - c)]₊^(1 / ε), ε = alpha - 1: see `entmax_step_backward`."""
    x, alpha, axis, step = saved
    d_rows = np.moveaxis(cotangent("d_out", d_out, x.shape, x), axis, -1)
    d_x, _, d_alpha = entmax_step_backward((d_rows, np.zeros(d_rows.shape[:-1], d_rows.dtype)), step)
    d_alpha = np.moveaxis(d_alpha, -1, axis)
    return AlphaEntmaxGradients(gradient_like(np.moveaxis(d_x, -1, axis), x), gradient_like(d_alpha, alpha))


def _moved(alpha: Array, axes: int, axis: int) -> Array:
    """alpha with as many axes as x, that of the rows last."""
    return np.moveaxis(alpha.reshape((1,) * (axes - alpha.ndim) + alpha.shape), axis, -1)


@explained
def alpha_entmax(x: npt.ArrayLike, alpha: npt.ArrayLike, axis: int = -1) -> Any:
    """entmax of any α: softmax at 1, sparsemax at 2; the higher, the more weights are exactly 0.

        out = argmax over the simplex of <p, x> + H(p),   H(p) = Σ (p - p^α) / (α (α - 1))
            = [(α - 1) x - τ]₊^(1 / (α - 1)), τ such that a row sums to 1

    Parameters
    ----------
    x : at least one axis. Entries of -inf get weight 0, in fully masked rows too.
    alpha : finite numbers above 0, differentiable, broadcasting to x with 1 along `axis`, say (H, 1, 1) for
        scores (B, H, L, S). They never promote the dtype.
    axis : the axis over which the weights sum to 1.

    Returns
    -------
    The shape of x. Derivative, with s = out^(2 - α) on the support and d the cotangent less its mean weighted
    by s: d_x = s * d, d_alpha = Σ d * (out - (α - 1) out log(out) - s) / (α - 1)², whose limit at α = 1 is
    -Σ d * out log(out)² / 2.

    Raises
    ------
    TypeError, ValueError
        Unless x is an array of numbers with this axis, and alpha holds finite numbers above 0 that fit.

    Examples
    --------
    >>> alpha_entmax([[0.0, 0.5, -1.0]], [[1.0], [1.5], [2.0]])
    Traceback (most recent call last):
    ValueError: alpha has shape (3, 1), which does not broadcast to the shape of x, 1 along its axis, (1, 1)
    >>> alpha_entmax([[0.0, 0.5, -1.0]] * 3, [[1.0], [1.5], [2.0]]).round(4)
    array([[0.3315, 0.5465, 0.122 ],
           [0.324 , 0.6712, 0.0048],
           [0.25  , 0.75  , 0.    ]])

    References
    ----------
    Peters, Niculae, Martins 2019, equation 10; Correia, Niculae, Martins 2019, proposition 1, for d_alpha.
    """
    return alpha_entmax_forward(promote(x), promote(alpha), axis)[0]
