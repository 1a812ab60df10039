"""Attention: seven steps down, the same seven up.

    out = softmax(scale * query @ keyᵀ + bias) @ value          (softcap, mask, sinks, dropout on the way)

The steps themselves are in `steps.py`. Everything is computed in float64 (complex128) and rounded once.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import (
    Pair,
    backward_of,
    cotangent,
    gradient_like,
    promote,
    round_to,
    shape_repr,
    to_float64,
)
from ..masks.mask import Mask
from .arguments import (
    AttendArguments,
    AttentionArguments,
    Operands,
    admit_optional,
    check_scale,
    prepare_operands,
    scores_shape,
)
from .biases import Bias
from .dropout import Dropout
from .steps import STEPS, ScoreGradients, Steps


@shape_repr
class StepsSaved(NamedTuple):
    """What each step's forward saved for its backward; other steps may save something else."""

    score: Any
    softcap: Any
    bias: Any
    mask: Any
    softmax: Any
    dropout: Any
    values: Any


@shape_repr
class AttentionSaved(NamedTuple):
    """Every intermediate result, in the precision it was computed in.

    scores, weights (..., H, L, S), lse (..., H, L); capped, biased, masked and thinned are None where their
    option is. `arguments` are the caller's arrays, `steps` the pairs that ran, which backward undoes.
    """

    scores: Array
    capped: Array | None
    biased: Array | None
    masked: Array | None
    weights: Array
    lse: Array
    thinned: Array | None
    arguments: AttentionArguments | AttendArguments
    steps: Steps
    steps_saved: StepsSaved


@shape_repr
class AttentionGradients(NamedTuple):
    """In the forward's order; None for an optional argument that was None."""

    d_query: Any
    d_key: Any
    d_value: Any
    d_bias: Any
    d_scale: Any
    d_sinks: Any


# --------------------------------------------------------------------------------- the seven steps, and back


def seven_steps(steps: Steps, operands: Operands) -> tuple[Array, AttentionSaved]:
    """The seven steps down: out and every intermediate result, in float64."""
    arguments, query, key, value, visible, bias, scale, softcap, sinks, multipliers = operands
    scores, saved_1 = steps.score.forward(query, key, scale, visible)
    capped, saved_2 = steps.softcap.forward(scores, softcap, visible)
    biased, saved_3 = steps.bias.forward(capped, bias)
    masked, saved_4 = steps.mask.forward(biased, visible)
    (weights, lse), saved_5 = steps.softmax.forward(masked, sinks, visible)
    thinned, saved_6 = steps.dropout.forward(weights, multipliers, visible)
    out, saved_7 = steps.values.forward(thinned, value, visible)
    return out, AttentionSaved(
        scores=scores,
        capped=None if softcap is None else capped,
        biased=None if bias is None else biased,
        masked=None if visible is None else masked,
        weights=weights,
        lse=lse,
        thinned=None if multipliers is None else thinned,
        arguments=arguments,
        steps=steps,
        steps_saved=StepsSaved(saved_1, saved_2, saved_3, saved_4, saved_5, saved_6, saved_7),
    )


def seven_steps_back(
    steps: Steps, d_out: Array, d_weights: Array | None, d_lse: Array, saved: StepsSaved
) -> tuple[ScoreGradients, Array, Array | None, Array | None, list[Array]]:
    """The same seven up: gradients of step 1's arguments, value, bias, sinks, and of step 5's own numbers."""
    d_thinned, d_value = steps.values.backward(d_out, saved.values)
    d_weights = sum_of(d_weights, steps.dropout.backward(d_thinned, saved.dropout))
    d_masked, d_sinks, *d_own = steps.softmax.backward((d_weights, d_lse), saved.softmax)
    del d_thinned, d_weights  # room for the arrays below
    d_biased = steps.mask.backward(d_masked, saved.mask)
    d_capped, d_bias = steps.bias.backward(d_biased, saved.bias)
    d_scores = steps.softcap.backward(d_capped, saved.softcap)
    d_score_arguments = steps.score.backward(d_scores, saved.score)
    return d_score_arguments, d_value, d_bias, d_sinks, d_own


# ---------------------------------------------------------------------------------- cotangents and gradients


def sum_of(x: Array | None, y: Array) -> Array:
    """x + y, None being 0."""
    return y if x is None else x + y


def admit_cotangents(
    saved: AttentionSaved, d_out: Any, d_weights: Any, d_lse: Any
) -> tuple[Array, Array | None, Array]:
    """The cotangents in float64, zeros for no d_lse; TypeError or ValueError if one does not fit."""
    weights, rows, width = saved.weights, saved.lse.shape, saved.arguments.value.shape[-1]
    d_out, d_weights, d_lse = to_float64(
        cotangent("d_out", d_out, (*rows, width), weights),
        None if d_weights is None else cotangent("d_weights", d_weights, weights.shape),
        np.zeros(rows) if d_lse is None else cotangent("d_lse", d_lse, rows),
    )
    return d_out, d_weights, d_lse


def gradient_of(argument: Array | Bias | None, gradient: Any) -> Any:
    """`gradient` in its argument's form: shape and dtype of an array, parameters of a bias value, or None."""
    if isinstance(argument, Bias):
        return argument.gradients(gradient)
    return None if argument is None else gradient_like(gradient, argument)


# ------------------------------------------------------------------------------------------------- attention


@quiet
def attention_forward(
    query: npt.ArrayLike,
    key: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    mask: Mask | None = None,
    bias: npt.ArrayLike | Bias | None = None,
    scale: npt.ArrayLike | None = None,
    softcap: float | None = None,
    sinks: npt.ArrayLike | None = None,
    dropout: Dropout | npt.ArrayLike | None = None,
    steps: Steps = STEPS,
) -> tuple[Any, AttentionSaved]:
    """Attention, with everything its backward needs: see `attention`.

    Examples
    --------
    >>> out, saved = attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0)
    >>> saved.weights
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    query, key, value = admit("query", query, 2), admit("key", key, 2), admit("value", value, 2)
    arguments = AttentionArguments(query, key, value, *admit_optional(bias=bias, scale=scale, sinks=sinks))
    shape = scores_shape(query, key, value)
    if arguments.scale is not None:
        check_scale(arguments.scale, shape)
    out, saved = seven_steps(admit_steps(steps), prepare_operands(arguments, shape, mask, softcap, dropout))
    return round_to(out, query, key, value), saved


@backward_of(AttentionSaved)
def attention_backward(
    d_out: npt.ArrayLike,
    saved: AttentionSaved,
    *,
    d_weights: npt.ArrayLike | None = None,
    d_lse: npt.ArrayLike | None = None,
) -> AttentionGradients:
    """The gradients of <d_out, out> + <d_weights, weights> + <d_lse, lse>: see `attention`.

    The steps that forward ran, upwards, each undone by its own backward; those of `steps.py` are

        7  d_thinned = d_out @ valueᵀ              d_value = thinnedᵀ @ d_out
        6  d_weights = d_weights + d_thinned * multipliers
        5  d_masked  = weights * (d_weights - rowsum(weights * d_weights) + d_lse)
        4  d_biased  = where(visible, d_masked, 0)
        3  d_capped  = d_biased                    d_bias  = d_biased, summed to the bias's shape
        2  d_scores  = d_capped * sech²(scores / softcap)
        1  d_query   = scale * d_scores @ key      d_key   = scale * d_scoresᵀ @ query

    Parameters
    ----------
    d_out : the shape of out, (..., H, L, E)
    saved : returned by attention_forward, or by the forward of attention_with(steps)
    d_weights : (..., H, L, S), the cotangent of step 5's weights, or None for zero
    d_lse : (..., H, L), the cotangent of saved.lse, or None for zero

    Returns
    -------
    AttentionGradients
        Each in its argument's shape and dtype, complex if a cotangent is; None for an optional argument
        that was None.

    Raises
    ------
    TypeError, ValueError
        For a saved of another function, and for cotangents of a wrong shape or dtype.

    Examples
    --------
    >>> out, saved = attention_forward(np.eye(2), np.eye(2), np.eye(2), scale=0.0)
    >>> attention_backward(np.eye(2), saved).d_value
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    cotangents = admit_cotangents(saved, d_out, d_weights, d_lse)
    d_score, d_value, d_bias, d_sinks, _ = seven_steps_back(saved.steps, *cotangents, saved.steps_saved)
    d_query, d_key, d_scale = d_score
    gradients = (d_query, d_key, d_value, d_bias, d_scale, d_sinks)
    return AttentionGradients(*map(gradient_of, saved.arguments, gradients))


@explained
def attention(
    query: npt.ArrayLike,
    key: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    mask: Mask | None = None,
    bias: npt.ArrayLike | Bias | None = None,
    scale: npt.ArrayLike | None = None,
    softcap: float | None = None,
    sinks: npt.ArrayLike | None = None,
    dropout: Dropout | npt.ArrayLike | None = None,
) -> Any:
    """Attention: for each query the mean of the values, weighted by how well their keys match it.

        scores  = scale * query @ keyᵀ
        capped  = softcap * tanh(scores / softcap)
        weights = softmax(where(mask, capped + bias, -inf)), a sink being one more column
        out     = (weights * dropout) @ value

    Parameters
    ----------
    query : (..., H, L, D), or (L, D) for one head
    key : (..., G, S, D), or (S, D). G divides H; query head h reads key head h // (H / G).
    value : (..., G, S, E), or (S, E)
    mask : which keys each query may attend to: visible, hidden, causal, window, padding, real_keys, segments,
        prefix, combined by & | ~. A bare array is refused.
    bias : added to the scores: an array broadcasting to (..., H, L, S), in which -inf masks, or
        na.alibi(slopes), na.relative(table, buckets), whose gradients are d_bias.d_slopes, d_bias.d_table.
    scale : a number, or an array broadcasting to (..., H, L, S); 1 / sqrt(D) if None.
    softcap : a positive number, the bound of |scores|.
    sinks : the scores of one more key, whose value is 0, broadcasting to (..., H).
        One of -inf has no effect, one of +inf takes all the weight.
    dropout : na.dropout(seed, rate), or an array of multipliers broadcasting to (..., H, L, S).

    Returns
    -------
    out : (..., H, L, E), in the result_type of query, key and value; computed in float64, rounded once.
        0 for fully masked rows. Masked keys and values have no influence, not even NaN or inf.

    Raises
    ------
    TypeError, ValueError
        Before any computation, naming the argument, its value and what is expected.

    Examples
    --------
    The second score is higher by log 3, so its value weighs three times as much:

    >>> attention([[np.log(3)]], [[0.0], [1.0]], [[10.0], [20.0]]).round(4)
    array([[17.5]])

    References
    ----------
    Vaswani et al. 2017, equation 1. Grouped heads: Ainslie et al. 2023. Softcap: Gemma Team 2024,
    section 2 (Gemma 2). Sinks: Xiao et al. 2023; a learned score without a value, OpenAI 2025 (gpt-oss).
    """
    out, _ = attention_forward(
        promote(query), promote(key), promote(value), mask=mask, bias=promote(bias),
        scale=promote(scale), softcap=softcap, sinks=promote(sinks), dropout=dropout,
    )  # fmt: skip
    return out


@explained
def attention_with(steps: Steps) -> Pair:
    """Attention with other steps, for a planted fault, another normaliser, or a trace.

    Parameters
    ----------
    steps : seven pairs, usually STEPS._replace(mask=…), each with the signature of the step it replaces.

    Returns
    -------
    Pair
        forward, called as `attention_forward` is, and `attention_backward`: saved knows its steps.

    Raises
    ------
    TypeError
        If steps is not a Steps of seven pairs.

    Examples
    --------
    A common mistake, a softmax backward without the row's mean:

    >>> from numpy_attention.functional.attention.steps import SoftmaxStepGradients
    >>> def without_mean(d_normalised, saved):
    ...     return SoftmaxStepGradients(saved.weights * d_normalised[0], None)
    >>> wrong = attention_with(STEPS._replace(softmax=Pair(STEPS.softmax.forward, without_mean)))
    >>> query, key, value = np.ones((1, 1)), np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]])
    >>> out, saved = wrong.forward(query, key, value)
    >>> attention_backward(out, saved).d_query
    array([[2.76159416]])
    >>> attention_backward(out, attention_forward(query, key, value)[1]).d_query
    array([[0.]])
    """
    return Pair(partial(attention_forward, steps=admit_steps(steps)), attention_backward)


def admit_steps(steps: object) -> Steps:
    """Seven pairs; TypeError for anything else."""
    if steps is STEPS:
        return STEPS
    if not isinstance(steps, Steps) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in steps):
        raise TypeError(f"steps is {type(steps).__name__}; STEPS._replace(…) is expected, each step a Pair")
    return Steps(*(Pair(*pair) for pair in steps))
