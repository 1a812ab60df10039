"""Binary cross-entropy, of probabilities and of logits.

    loss = -(t log p + (1 - t) log(1 - p)),  p a probability, or σ(z) of a logit z

Targets t are numbers in [0, 1].
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, one_of, quiet
from ..base.arrays import backward_of, gradient_like, keep_visible, promote, round_to, shape_repr, upcast
from ..base.stable import log1p
from ..layers.activations import logistic
from ..layers.smooth import stable_softplus
from .losses import REDUCTIONS, reduce_losses, reduce_losses_backward
from .targets import admit_targets, admit_weights, check_probabilities

FLOOR = -100.0
"""`binary_cross_entropy` replaces smaller logarithms by this, as PyTorch does."""


@shape_repr
class BinaryCrossEntropySaved(NamedTuple):
    """The arguments, and log p and log(1 - p) before the floor."""

    probabilities: Array
    targets: Array
    log_yes: Array
    log_no: Array
    reduction: str


@shape_repr
class LogitsSaved(NamedTuple):
    """The arguments."""

    logits: Array
    targets: Array
    reduction: str
    pos_weight: Array


# ------------------------------------------------------------------ binary cross-entropy, probabilities


def _log_no(p: Array) -> Array:
    """log(1 - p): by log1p below 1/2, and above, where 1 - p is exact, by log."""
    return np.where(p.real < 0.5, log1p(-p), np.log(1 - p))


def _floored(log: Array) -> Array:
    """`log`, or FLOOR where it is smaller."""
    return np.where(log.real < FLOOR, FLOOR, log)


@quiet
def binary_cross_entropy_forward(
    probabilities: npt.ArrayLike, targets: npt.ArrayLike, *, reduction: str = "mean"
) -> tuple[Any, BinaryCrossEntropySaved]:
    """Binary cross-entropy of probabilities, with what its backward needs: see `binary_cross_entropy`."""
    probabilities = check_probabilities("probabilities", admit("probabilities", probabilities))
    targets = check_probabilities("targets", admit_targets(targets, "probabilities", probabilities))
    reduction = one_of("reduction", reduction, REDUCTIONS)
    (p,) = upcast(probabilities)
    log_yes, log_no = np.log(p), _log_no(p)
    losses = 0 - (targets * _floored(log_yes) + (1 - targets) * _floored(log_no))
    out = reduce_losses(losses, losses.size, reduction)
    saved = BinaryCrossEntropySaved(probabilities, targets, log_yes, log_no, reduction)
    return round_to(out, probabilities), saved


@backward_of(BinaryCrossEntropySaved)
def binary_cross_entropy_backward(d_out: npt.ArrayLike, saved: BinaryCrossEntropySaved) -> Any:
    """d_p = d_loss * (-t / p + (1 - t) / (1 - p)), which is (p - t) / (p (1 - p)).

    The quotient loses nothing where p is near t. Where t is 0 or 1, or a logarithm was floored, only one of
    the two terms is left.
    """
    probabilities, targets, log_yes, log_no, reduction = saved
    d_losses = reduce_losses_backward(d_out, targets.shape, targets.size, reduction, probabilities)
    (p,) = upcast(probabilities)
    d_yes = np.where((targets == 0) | (log_yes.real < FLOOR), 0, -targets / p)
    d_no = np.where((targets == 1) | (log_no.real < FLOOR), 0, (1 - targets) / (1 - p))
    alone = (d_yes == 0) | (d_no == 0)
    slope = np.where(alone, d_yes + d_no, (p - targets) / (p * (1 - p)))
    return gradient_like(d_losses * slope, probabilities)


@explained
def binary_cross_entropy(
    probabilities: npt.ArrayLike, targets: npt.ArrayLike, *, reduction: str = "mean"
) -> Any:
    """Binary cross-entropy: loss = -(t log p + (1 - t) log(1 - p)), with logarithms floored at -100.

    Parameters
    ----------
    probabilities : p, any shape, in [0, 1]
    targets : t, the same shape, in [0, 1]; booleans are allowed
    reduction : "mean", "sum" or "none"

    Returns
    -------
    A number, or the shape of p for "none", in the dtype of p. The mean of an empty array is 0. Derivative:
    (p - t) / (p (1 - p)); 0 for a floored logarithm. PyTorch has the same floor, but divides by at least
    1e-12: at p = 0 and t = 1 its derivative is -1e12, although the loss is constant at 100 there.

    Raises
    ------
    TypeError, ValueError
        For p or t outside [0, 1] or NaN, or a wrong shape or dtype.

    Examples
    --------
    >>> binary_cross_entropy([0.5, 0.8, 0], [1, 1, 1], reduction="none")
    array([  0.69314718,   0.22314355, 100.        ])

    References
    ----------
    Bishop 2006, section 4.3.2; the floor is PyTorch's.
    """
    return binary_cross_entropy_forward(promote(probabilities), targets, reduction=reduction)[0]


# ------------------------------------------------------------------------- binary cross-entropy, logits


@quiet
def binary_cross_entropy_with_logits_forward(
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    pos_weight: npt.ArrayLike | None = None,
    reduction: str = "mean",
) -> tuple[Any, LogitsSaved]:
    """Cross-entropy of logits, with what its backward needs: see `binary_cross_entropy_with_logits`."""
    logits = admit("logits", logits)
    targets = check_probabilities("targets", admit_targets(targets, "logits", logits))
    reduction = one_of("reduction", reduction, REDUCTIONS)
    given = 1.0 if pos_weight is None else pos_weight
    pos_weight = admit_weights("pos_weight", given, logits, logits.shape, "the logits")
    (z,) = upcast(logits)
    yes, no = pos_weight * targets, 1 - targets
    losses = keep_visible(no * stable_softplus(z), no > 0) + keep_visible(yes * stable_softplus(-z), yes > 0)
    out = reduce_losses(losses, losses.size, reduction)
    return round_to(out, logits), LogitsSaved(logits, targets, reduction, pos_weight)


@backward_of(LogitsSaved)
def binary_cross_entropy_with_logits_backward(d_out: npt.ArrayLike, saved: LogitsSaved) -> Any:
    """Undo loss = (1 - t) softplus(z) + w t softplus(-z): d_z = d_loss * ((1 - t) σ(z) - w t σ(-z)).

    σ(z) - t, which that is for w = 1, would cancel where σ(z) is near 1.
    """
    logits, targets, reduction, pos_weight = saved
    d_losses = reduce_losses_backward(d_out, targets.shape, targets.size, reduction, logits)
    (z,) = upcast(logits)
    return gradient_like(
        d_losses * ((1 - targets) * logistic(z) - pos_weight * targets * logistic(-z)), logits
    )


@explained
def binary_cross_entropy_with_logits(
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    pos_weight: npt.ArrayLike | None = None,
    reduction: str = "mean",
) -> Any:
    """Binary cross-entropy of p = σ(z): loss = (1 - t) softplus(z) + w t softplus(-z).

    softplus(z) = log(1 + exp(z)), so that -log σ(z) = softplus(-z) and -log(1 - σ(z)) = softplus(z).

    Parameters
    ----------
    logits : z, any shape
    targets : t, the same shape, in [0, 1]; booleans are allowed
    pos_weight : w, numbers >= 0 that broadcast to z, the weight of a yes; None for 1
    reduction : "mean", "sum" or "none"

    Returns
    -------
    A number, or the shape of z for "none", in the dtype of z. The mean of an empty array is 0. Derivative:
    (1 - t) σ(z) - w t σ(-z).

    Raises
    ------
    TypeError, ValueError
        For t outside [0, 1], w below 0, or a wrong shape or dtype.

    Examples
    --------
    >>> binary_cross_entropy_with_logits([0, 10000, 10000], [1, 1, 0], reduction="none")
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+04])

    References
    ----------
    Bishop 2006, section 4.3.2.
    """
    return binary_cross_entropy_with_logits_forward(
        promote(logits), targets, pos_weight=pos_weight, reduction=reduction
    )[0]
