"""Attention from its second step on: the scores come from anywhere.

out = softmax(scores + bias) @ value          (softcap, mask, sinks, dropout on the way)
"""

from typing import Any, NamedTuple

import numpy.typing as npt

from ..base.admission import Array, admit, quiet
from ..base.arrays import Pair, promote, shape_repr
from ..masks.mask import Mask
from .arguments import AttendArguments, admit_optional, attend_shape, prepare_operands
from .attention import AttentionSaved, gradient_of, run_backward, run_forward
from .biases import Bias
from .dropout import Dropout
from .steps import STEPS, Steps


@shape_repr
class AttendGradients(NamedTuple):
    """In the forward's order; None for an optional argument that was not given."""

    d_scores: Any
    d_value: Any
    d_bias: Any
    d_sinks: Any


def _given_forward(scores: Array, *_: object) -> tuple[Array, None]:
    """Step 1 where scores are given: nothing is left to do."""
    return scores, None


def _given_backward(d_scores: Array, _: None) -> tuple[Array, None, None]:
    """d_scores = d_scores."""
    return d_scores, None, None


IDENTITY_SCORE = Pair(_given_forward, _given_backward)


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
) -> tuple[Any, AttentionSaved]:
    """Steps 2 to 7, with every number their backward needs: see `attend`."""
    given = AttendArguments(
        admit("scores", scores, 2),
        admit("value", value, 2),
        *admit_optional(bias=bias, sinks=sinks),
    )
    shape = attend_shape(given.scores, given.value)
    problem = prepare_operands(given, given.scores, shape, mask, softcap, dropout)
    return run_forward(steps._replace(score=IDENTITY_SCORE), problem, given.scores, given.value)


@quiet
def attend_backward(
    d_out: npt.ArrayLike,
    saved: AttentionSaved,
    *,
    d_weights: npt.ArrayLike | None = None,
    d_lse: npt.ArrayLike | None = None,
    steps: Steps = STEPS,
) -> AttendGradients:
    """Steps 7 to 2 upwards: see `attention_backward`, of which only the last line is missing.

    d_scores = d_capped * sech²(scores / softcap), or weights * (d_weights - rowsum(weights * d_weights))
    where no option is in use.
    """
    if not isinstance(saved, AttentionSaved) or not isinstance(saved.given, AttendArguments):
        raise TypeError("saved is not what attend_forward gave")
    steps = steps._replace(score=IDENTITY_SCORE)
    d_first, d_value, d_bias, d_sinks = run_backward(steps, d_out, d_weights, d_lse, saved)
    return AttendGradients(*map(gradient_of, (d_first[0], d_value, d_bias, d_sinks), saved.given))


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
    """Attention from its second step on, with scores from anywhere: additive, concat, one's own.

        weights = softmax(where(mask, softcap * tanh(scores / softcap) + bias, -inf))
        out     = (weights * dropout) @ value

    Parameters
    ----------
    scores : (..., H, L, S), or (L, S) for one head; -inf hides
    value : (..., G, S, E), or (S, E). G divides H.
    mask, bias, softcap, sinks, dropout : as in `attention`

    Returns
    -------
    out : (..., H, L, E), in the result_type of scores and value.

    Raises
    ------
    TypeError, ValueError
        Before any work, naming the argument, what came and what was expected.

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
