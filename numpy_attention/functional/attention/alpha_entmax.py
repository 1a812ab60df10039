"""entmax of any α, with its gradient by α: between softmax (α = 1) and sparsemax (α = 2), and beyond.

    weights_s = [1 + ε (x_s - c)]₊^(1 / ε)      ε = α - 1, c such that a row sums to 1;   ε = 0: exp(x_s - c)

With τ = ε c - 1 it is [(α - 1) x_s - τ]₊^(1 / (α - 1)), the form of the papers. This form has a limit at
α = 1, where c is the lse of softmax. Any α above 0 will do; weights are exactly 0 only above 1. Above 2 the
slope of a weight that is about to begin is infinite, and gradients near there lose digits.
"""

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
    promote,
    round_to,
    shape_repr,
    unbroadcast,
    upcast,
    whole_number,
)
from ..base.stable import entry_at_peak
from .entmax_rows import entmax_rows, slope_by_alpha
from .normalisers import NormaliserSaved, centred, gradients_of_columns, weights_of_columns
from .steps import Normalised


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
    formula = partial(entmax_rows, order=order if order.ndim else order[None])
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
    factor = slope_by_alpha(columns.weights, cast_optional(alpha - 1, columns.weights))
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
