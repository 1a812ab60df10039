"""Steps 2 to 7 of attention, on scores from any function.

out = softmax(scores + bias) @ value          (softcap, mask, sinks, dropout on the way)
"""

from typing import Any, NamedTuple

import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import Pair, backward_of, promote, round_to, shape_repr
from ..masks.mask import Mask
from .arguments import AttendArguments, admit_optional, attend_shape, prepare_operands
from .attention import (
    AttentionSaved,
    admit_cotangents,
    admit_steps,
    gradient_of,
    seven_steps,
    seven_steps_back,
)
from .biases import Bias
from .dropout import Dropout
from .steps import STEPS, Steps


class AttendSaved(AttentionSaved):
    """Every intermediate result, as in `AttentionSaved`."""


@shape_repr
class AttendGradients(NamedTuple):
    """In the forward's order; None for an optional argument that was None."""

    d_scores: Any
    d_value: Any
    d_bias: Any
    d_sinks: Any


def _identity_forward(scores: Array, *_: object) -> tuple[Array, None]:
    return scores, None


def _identity_backward(d_scores: Array, _: None) -> tuple[Array, None, None]:
    return d_scores, None, None


IDENTITY_SCORE = Pair(_identity_forward, _identity_backward)
"""Step 1 of `attend`: its first argument already holds the scores."""


@quiet
def attend_forward(
    scores: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    mask: Mask | None = None,
    bias: npt.ArrayLike | Bias | None = None,
    softcap: float | None = None,
    sinks: npt.ArrayLike | None = None,
    dropout: Dropout | npt.ArrayLike | None = None,
    steps: Steps = STEPS,
) -> tuple[Any, AttendSaved]:
    """Steps 2 to 7, with everything their backward needs: see `attend`."""
    scores, value = admit("scores", scores, 2), admit("value", value, 2)
    arguments = AttendArguments(scores, value, *admit_optional(bias=bias, sinks=sinks))
    operands = prepare_operands(arguments, attend_shape(scores, value), mask, softcap, dropout)
    out, saved = seven_steps(admit_steps(steps)._replace(score=IDENTITY_SCORE), operands)
    return round_to(out, scores, value), AttendSaved(*saved)


@backward_of(AttendSaved)
def attend_backward(
    d_out: npt.ArrayLike,
    saved: AttendSaved,
    *,
    d_weights: npt.ArrayLike | None = None,
    d_lse: npt.ArrayLike | None = None,
) -> AttendGradients:
    """Steps 7 to 2 backwards: `attention_backward` without step 1. The last line is

    d_scores = d_capped * sech²(scores / softcap)          (d_capped without a softcap)
    """
    cotangents = admit_cotangents(saved, d_out, d_weights, d_lse)
    d_score, d_value, d_bias, d_sinks, _ = seven_steps_back(saved.steps, *cotangents, saved.steps_saved)
    return AttendGradients(*map(gradient_of, saved.arguments, (d_score[0], d_value, d_bias, d_sinks)))


@explained
def attend(
    scores: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    mask: Mask | None = None,
    bias: npt.ArrayLike | Bias | None = None,
    softcap: float | None = None,
    sinks: npt.ArrayLike | None = None,
    dropout: Dropout | npt.ArrayLike | None = None,
) -> Any:
    """Attention from its second step on, with scores of any kind: additive, concat, your own.

        weights = softmax(where(mask, softcap * tanh(scores / softcap) + bias, -inf))
        out     = (weights * dropout) @ value

    Parameters
    ----------
    scores : (..., H, L, S), or (L, S) for one head; -inf masks
    value : (..., G, S, E), or (S, E). G divides H.
    mask, bias, softcap, sinks, dropout : as in `attention`

    Returns
    -------
    out : (..., H, L, E), in the result_type of scores and value.

    Raises
    ------
    TypeError, ValueError
        Before any computation, naming the argument, its value and what is expected.

    Examples
    --------
    >>> attend([[0, 0]], [[1, 2], [3, 4]])
    array([[2., 3.]])

    References
    ----------
    Bahdanau, Cho, Bengio 2015, section 3.1; the options as in `attention`.
    """
    out, _ = attend_forward(
        promote(scores), promote(value), mask=mask, bias=promote(bias),
        softcap=softcap, sinks=promote(sinks), dropout=dropout,
    )  # fmt: skip
    return out
