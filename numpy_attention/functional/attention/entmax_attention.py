"""Attention with entmax in place of softmax: the seven steps of `attention`, with the gradient of α besides.

out = entmax(scale * query @ keyᵀ + bias, alpha) @ value          (softcap, mask, sinks, dropout on the way)
"""

from typing import Any, NamedTuple

import numpy.typing as npt

from ..base.admission import Array, admit, explained, quiet
from ..base.arrays import backward_of, check_broadcast, promote, shape_repr
from ..masks.mask import Mask
from .alpha_entmax import admit_alpha, entmax_step
from .arguments import scores_shape
from .attention import (
    AttentionSaved,
    admit_cotangents,
    attention_forward,
    gradient_of,
    seven_steps_back,
)
from .biases import Bias
from .dropout import Dropout
from .steps import STEPS, Steps


@shape_repr
class EntmaxArguments(NamedTuple):
    """The differentiable arguments of `entmax_attention`, in the caller's shapes and dtypes."""

    query: Array
    key: Array
    value: Array
    bias: Array | Bias | None
    scale: Array | None
    sinks: Array | None
    alpha: Array


class EntmaxAttentionSaved(AttentionSaved):
    """Every intermediate result, as in `AttentionSaved`; arguments are `EntmaxArguments`."""


@shape_repr
class EntmaxAttentionGradients(NamedTuple):
    """In the order of `AttentionGradients`, d_alpha last; None for an optional argument that was None."""

    d_query: Any
    d_key: Any
    d_value: Any
    d_bias: Any
    d_scale: Any
    d_sinks: Any
    d_alpha: Any


@quiet
def entmax_attention_forward(
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
    alpha: npt.ArrayLike,
    steps: Steps | None = None,
) -> tuple[Any, EntmaxAttentionSaved]:
    """entmax attention, with everything its backward needs: see `entmax_attention`.

    steps: other ones, whose fifth is entmax of this alpha, or a change of it that gives d_alpha too.
    """
    query, key, value = admit("query", query, 2), admit("key", key, 2), admit("value", value, 2)
    alpha, shape = admit_alpha(alpha), scores_shape(query, key, value)
    check_broadcast("alpha", alpha, (*shape[:-1], 1), "the rows of the scores")
    if steps is None:
        steps = STEPS._replace(softmax=entmax_step(alpha))
    out, saved = attention_forward(
        query, key, value, mask=mask, bias=bias, scale=scale, softcap=softcap, sinks=sinks, dropout=dropout,
        steps=steps,
    )  # fmt: skip
    arguments: Any = EntmaxArguments._make((*saved.arguments, alpha))
    return out, EntmaxAttentionSaved(*saved._replace(arguments=arguments))


@backward_of(EntmaxAttentionSaved)
def entmax_attention_backward(
    d_out: npt.ArrayLike,
    saved: EntmaxAttentionSaved,
    *,
    d_weights: npt.ArrayLike | None = None,
    d_lse: npt.ArrayLike | None = None,
) -> EntmaxAttentionGradients:
    """As `attention_backward`; the fifth step is undone by `entmax_step_backward`, with d_alpha."""
    cotangents = admit_cotangents(saved, d_out, d_weights, d_lse)
    d_score, *others, (d_alpha,) = seven_steps_back(saved.steps, *cotangents, saved.steps_saved)
    d_value, d_bias, d_sinks = others
    d_query, d_key, d_scale = d_score
    gradients = (d_query, d_key, d_value, d_bias, d_scale, d_sinks, d_alpha)
    return EntmaxAttentionGradients(*map(gradient_of, saved.arguments, gradients))


@explained
def entmax_attention(
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
    alpha: npt.ArrayLike,
) -> Any:
    """Attention whose weights are entmax of the scores: from α = 1, softmax, on ever more are exactly 0.

    Parameters
    ----------
    query, key, value, mask, bias, scale, softcap, sinks, dropout : as in `attention`
    alpha : finite numbers above 0, differentiable, broadcasting to (..., H, L, 1), say (H, 1, 1). They never
        promote the dtype.

    Returns
    -------
    out : (..., H, L, E), in the result_type of query, key and value; computed in float64, rounded once.

    Raises
    ------
    TypeError, ValueError
        Before any computation, naming the argument, its value and what is expected.

    Examples
    --------
    >>> entmax_attention([[1.0]], [[0.0], [0.5], [-1.0]], [[1.0, 0.0], [0.0, 1.0], [8.0, 8.0]], alpha=2.0)
    array([[0.25, 0.75]])

    References
    ----------
    Correia, Niculae, Martins 2019, section 3.
    """
    out, _ = entmax_attention_forward(
        promote(query), promote(key), promote(value), mask=mask, bias=promote(bias),
        scale=promote(scale), softcap=softcap, sinks=promote(sinks), dropout=dropout, alpha=promote(alpha),
    )  # fmt: skip
    return out
