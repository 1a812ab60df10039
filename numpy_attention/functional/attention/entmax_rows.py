"""Rows of entmax: the c at which a row sums to 1, the weights, and their derivatives.

    weights_s = [1 + ε (x_s - c)]₊^(1 / ε)      ε = α - 1 = `order`;   ε = 0: exp(x_s - c)

c is found in real numbers (`_level`), then refined by Newton's method in those of the arguments (`_newton`).
"""

import math

import numpy as np

from ..base.admission import Array
from ..base.arrays import keep_visible

HALVINGS = 64
"""Of the interval of c, for α above 2, where the slope of a weight that begins is infinite."""
FAR = 1e-5
"""The step of the search for c after which two steps of Newton reach the last digit."""
SERIES = [1 / math.factorial(n + 2) for n in reversed(range(17))]
"""Coefficients of φ(y) = (exp(y) - 1 - y) / y² at 0, highest power first: to the last digit for |y| < 1."""
ODD = [1 / (2 * n + 1) for n in reversed(range(12))]
"""Those of atanh(r) / r by r²: to the last digit for |r| < 1 / 7."""


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


def entmax_rows(columns: Array, order: Array) -> tuple[Array, Array]:
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


def slope_by_alpha(weights: Array, order: Array) -> Array:
    """∂c / ∂α at a fixed weight, (∂weights / ∂α) / derivatives: -(log p)² ψ(y), y = -ε log p,

    ψ(y) = (1 - (1 + y) exp(-y)) / y², 1 / 2 at 0; near 0 it is exp(-y) φ(y).
    """
    logs = np.log(np.where(weights == 0, 1, weights))
    y = -order * logs
    near, decayed = np.abs(y.real) < 1, np.exp(-y)
    far = (1 - (1 + y) * decayed) / np.where(near, 1, y) ** 2
    psi = np.where(near, decayed * np.polyval(SERIES, np.where(near, y, 0)), far)
    return np.asarray(-logs * logs * psi)
