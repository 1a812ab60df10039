"""What comes into attention: admitted, fitted together, broadcast, in float64, before any work."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array, admit, as_array, real_number
from ..base.arrays import check_broadcast, check_equal, common_batch, shape_repr, to_float64
from ..masks.mask import Mask, visible_pairs
from .biases import Bias
from .dropout import Dropout


@shape_repr
class AttentionArguments(NamedTuple):
    """The differentiable arguments of `attention` as they came in."""

    query: Array
    key: Array
    value: Array
    bias: Array | Bias | None
    scale: Array | None
    sinks: Array | None


@shape_repr
class AttendArguments(NamedTuple):
    """The differentiable arguments of `attend` as they came in."""

    scores: Array
    value: Array
    bias: Array | Bias | None
    sinks: Array | None


class Operands(NamedTuple):
    """What the seven steps work on: admitted, broadcast, in float64; `given` is how it came in."""

    given: AttentionArguments | AttendArguments
    query: Array
    key: Array | None
    value: Array
    visible: Array | None
    bias: Array | None
    scale: Any
    softcap: float | None
    sinks: Array | None
    multipliers: Array | None


def admit_optional(**arguments: Any) -> list[Any]:
    """The optional arguments, admitted under their names; a bias value stays one."""
    return [x if x is None or isinstance(x, Bias) else admit(name, x) for name, x in arguments.items()]


def scores_shape(query: Array, key: Array, value: Array) -> tuple[int, ...]:
    """(..., H, L, S), once the three fit together."""
    _one_head_or_none(query=query, key=key, value=value)
    check_equal("the width of query", query.shape[-1], "that of key", key.shape[-1])
    check_equal("the number of keys", key.shape[-2], "that of values", value.shape[-2])
    batch = common_batch(query=query.shape[:-3], key=key.shape[:-3], value=value.shape[:-3])
    if query.ndim > 2:
        check_equal("the number of key heads", key.shape[-3], "that of value heads", value.shape[-3])
        _groups("query", query, "key", key)
    return (*batch, *query.shape[-3:-1], key.shape[-2])


def attend_shape(scores: Array, value: Array) -> tuple[int, ...]:
    """(..., H, L, S), once the two fit together."""
    _one_head_or_none(scores=scores, value=value)
    check_equal("the last axis of scores", scores.shape[-1], "the number of values", value.shape[-2])
    batch = common_batch(scores=scores.shape[:-3], value=value.shape[:-3])
    if scores.ndim > 2:
        _groups("scores", scores, "value", value)
    return (*batch, *scores.shape[-3:])


def _one_head_or_none(**arrays: Array) -> None:
    axes = {array.ndim for array in arrays.values()}
    if 2 in axes and len(axes) > 1:
        told = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(
            f"all inputs have two axes (one head), or none has: {told}; give heads an axis of their own"
        )


def _groups(name: str, array: Array, key_name: str, key: Array) -> None:
    H, G = array.shape[-3], key.shape[-3]
    if H % G if G else H:
        raise ValueError(f"{name} has {H} heads and {key_name} has {G}; {G} does not divide {H}")


def admit_scale(scale: Array, shape: tuple[int, ...]) -> None:
    """Refuse a scale that does not broadcast to the scores, or one number that is not finite."""
    check_broadcast("scale", scale, shape, "the shape of the scores")
    if scale.size == 1 and not np.isfinite(scale).all():
        raise ValueError(f"scale is {scale.reshape(())[()]}; a finite number is expected")


def prepare_operands(
    given: Any,
    first: Array,
    shape: tuple[int, ...],
    mask: Mask | None,
    softcap: float | None,
    dropout: Any,
) -> Operands:
    """Everything admitted, in float64; the first argument broadcast to all batch axes."""
    softcap = admit_softcap(softcap)
    bias = given.bias.array(*shape[-2:]) if isinstance(given.bias, Bias) else given.bias
    admit_bias_and_sinks(bias, given.sinks, shape)
    visible = visible_pairs(mask, shape)
    multipliers = admit_dropout(dropout, shape)
    if isinstance(multipliers, Dropout):
        multipliers = multipliers.array(shape)
    if bias is not None:
        visible = hide_minus_infinity(bias, visible, shape)
    key: Array | None = None
    scale: Any = None
    if isinstance(given, AttentionArguments):
        key, scale = given.key, given.scale
    else:  # a score of -inf hides, as a bias does
        visible = hide_minus_infinity(given.scores, visible, shape)
    first, key, value, bias, scale, sinks = to_float64(first, key, given.value, bias, scale, given.sinks)
    if first.shape[:-1] != shape[:-1]:
        first = np.broadcast_to(first, (*shape[:-1], first.shape[-1]))
    if scale is None:
        scale = 1 / math.sqrt(first.shape[-1] or 1)
    return Operands(given, first, key, value, visible, bias, scale, softcap, sinks, multipliers)


def hide_minus_infinity(addend: Array, visible: Array | None, shape: tuple[int, ...]) -> Array | None:
    """What is visible, less the pairs of which `addend` makes the score -inf."""
    minus_infinity = addend.real == -np.inf
    if not minus_infinity.any():
        return visible
    unhidden = np.broadcast_to(~minus_infinity, shape)
    return unhidden if visible is None else visible & unhidden


def admit_softcap(softcap: float | None) -> float | None:
    """A positive number, or None."""
    if softcap is None:
        return None
    softcap = real_number("softcap", softcap)
    if softcap <= 0:
        raise ValueError(f"softcap is {softcap}; a positive number is expected")
    return softcap


def admit_bias_and_sinks(bias: Array | None, sinks: Array | None, shape: tuple[int, ...]) -> None:
    """Refuse what does not broadcast to the scores, of `shape`."""
    if bias is not None:
        check_broadcast("bias", bias, shape, "the shape of the scores")
    if sinks is not None:
        check_broadcast("sinks", sinks, shape[:-2], "the batch and head axes")


def admit_dropout(dropout: Any, shape: tuple[int, ...]) -> Dropout | Array | None:
    """A value that draws step 6's multipliers, or they themselves, broadcasting to `shape`."""
    if dropout is None or isinstance(dropout, Dropout):
        return dropout
    array = as_array("dropout", dropout)
    if not array.ndim:
        raise TypeError(
            f"dropout is the number {array}, which reads as a rate; write na.dropout(seed, rate), or give "
            "the array of multipliers"
        )
    if array.dtype.kind not in "iuf":
        raise TypeError(f"dropout has dtype {array.dtype}; multipliers are real numbers, 0 or 1 / (1 - rate)")
    if not np.isfinite(array).all():
        raise ValueError("dropout holds multipliers that are not finite")
    return check_broadcast("dropout", array.astype(np.float64), shape, "the shape of the scores")
