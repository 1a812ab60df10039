"""The arguments of attention: validated, broadcast and upcast to float64 before the first step."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..base.admission import Array, admit, as_array, real_number, shown
from ..base.arrays import check_broadcast, check_equal, common_batch, shape_repr, to_float64
from ..masks.mask import Mask, visible_pairs
from .biases import Bias
from .dropout import Dropout


@shape_repr
class AttentionArguments(NamedTuple):
    """The differentiable arguments of `attention`, in the caller's shapes and dtypes."""

    query: Array
    key: Array
    value: Array
    bias: Array | Bias | None
    scale: Array | None
    sinks: Array | None


@shape_repr
class AttendArguments(NamedTuple):
    """The differentiable arguments of `attend`, in the caller's shapes and dtypes."""

    scores: Array
    value: Array
    bias: Array | Bias | None
    sinks: Array | None


class Operands(NamedTuple):
    """Input of the seven steps: broadcast, in float64. `arguments` keeps the caller's arrays; query holds the
    scores for `attend`, and key and scale are then unused."""

    arguments: AttentionArguments | AttendArguments
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
    """The optional arguments, admitted by name; None and a `Bias` as bias are returned unchanged."""
    bias = arguments.get("bias")
    if isinstance(bias, str) or callable(bias):
        came = getattr(bias, "__name__", shown(bias))
        raise TypeError(
            f"bias is {came}; an array, na.alibi(slopes) or na.relative(table, buckets) is expected"
        )
    return [
        x if x is None or (name == "bias" and isinstance(x, Bias)) else admit(name, x)
        for name, x in arguments.items()
    ]


def scores_shape(query: Array, key: Array, value: Array) -> tuple[int, ...]:
    """(..., H, L, S); ValueError if query, key and value do not fit together."""
    _check_head_axes(query=query, key=key, value=value)
    check_equal("the width of query", query.shape[-1], "that of key", key.shape[-1])
    check_equal("the number of keys", key.shape[-2], "that of values", value.shape[-2])
    batch = common_batch(query=query.shape[:-3], key=key.shape[:-3], value=value.shape[:-3])
    if query.ndim > 2:
        check_equal("the number of key heads", key.shape[-3], "that of value heads", value.shape[-3])
        _check_groups("query", query, "key", key)
    return (*batch, *query.shape[-3:-1], key.shape[-2])


def attend_shape(scores: Array, value: Array) -> tuple[int, ...]:
    """(..., H, L, S); ValueError if scores and value do not fit together."""
    _check_head_axes(scores=scores, value=value)
    check_equal("the last axis of scores", scores.shape[-1], "the number of values", value.shape[-2])
    batch = common_batch(scores=scores.shape[:-3], value=value.shape[:-3])
    if scores.ndim > 2:
        _check_groups("scores", scores, "value", value)
    return (*batch, *scores.shape[-3:])


def _check_head_axes(**arrays: Array) -> None:
    axes = [array.ndim for array in arrays.values()]
    if 2 in axes and axes.count(2) < len(axes):
        listed = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(
            f"all inputs have two axes (one head), or none has: {listed}; give heads an axis of their own"
        )


def _check_groups(name: str, array: Array, key_name: str, key: Array) -> None:
    H, G = array.shape[-3], key.shape[-3]
    if H % G if G else H:
        raise ValueError(
            f"{name} has {H} heads (axis -3) and {key_name} has {G}; {G} does not divide {H} "
            "(for arrays (..., length, heads, width) write np.swapaxes(x, -2, -3))"
        )


def check_scale(scale: Array, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless scale broadcasts to the scores; a single number must be finite."""
    check_broadcast("scale", scale, shape, "the shape of the scores")
    if scale.size == 1 and not np.isfinite(scale).all():
        raise ValueError(f"scale is {scale.reshape(())[()]}; a finite number is expected")


def prepare_operands(
    arguments: AttentionArguments | AttendArguments,
    shape: tuple[int, ...],
    mask: Mask | None,
    softcap: float | None,
    dropout: Any,
) -> Operands:
    """Validate the options and upcast everything; query (or scores) is broadcast to all batch axes."""
    softcap = admit_softcap(softcap)
    bias = arguments.bias.array(*shape[-2:]) if isinstance(arguments.bias, Bias) else arguments.bias
    check_bias_and_sinks(bias, arguments.sinks, shape)
    visible = visible_pairs(mask, shape)
    multipliers = admit_dropout(dropout, shape)
    if isinstance(multipliers, Dropout):
        multipliers = multipliers.array(shape)
    if bias is not None:
        visible = hide_minus_infinity(bias, visible, shape)
    key: Array | None = None
    scale: Any = None
    if isinstance(arguments, AttentionArguments):
        key, scale = arguments.key, arguments.scale
    else:  # a score of -inf masks, as a bias does
        visible = hide_minus_infinity(arguments.scores, visible, shape)
    arrays = (arguments[0], key, arguments.value, bias, scale, arguments.sinks)
    query, key, value, bias, scale, sinks = to_float64(*arrays)
    if query.shape[:-1] != shape[:-1]:
        query = np.broadcast_to(query, (*shape[:-1], query.shape[-1]))
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1] or 1)
    return Operands(arguments, query, key, value, visible, bias, scale, softcap, sinks, multipliers)


def hide_minus_infinity(addend: Array, visible: Array | None, shape: tuple[int, ...]) -> Array | None:
    """`visible` without the pairs where `addend` (a bias, or scores) is -inf; None still means all pairs."""
    minus_infinity = addend.real == -np.inf
    if not minus_infinity.any():
        return visible
    kept = np.broadcast_to(~minus_infinity, shape)
    return kept if visible is None else visible & kept


def admit_softcap(softcap: float | None) -> float | None:
    """A positive number, or None."""
    if softcap is None:
        return None
    softcap = real_number("softcap", softcap)
    if softcap <= 0:
        raise ValueError(f"softcap is {softcap}; a positive number is expected")
    return softcap


def check_bias_and_sinks(bias: Array | None, sinks: Array | None, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless bias and sinks broadcast to scores of `shape`."""
    if bias is not None:
        check_broadcast("bias", bias, shape, "the shape of the scores")
    if sinks is not None:
        check_broadcast("sinks", sinks, shape[:-2], "the batch and head axes")


def admit_dropout(dropout: Any, shape: tuple[int, ...]) -> Dropout | Array | None:
    """Step 6's multipliers, broadcasting to `shape`, or the `Dropout` value that draws them."""
    if dropout is None or isinstance(dropout, Dropout):
        return dropout
    array = as_array("dropout", dropout)
    if not array.ndim:
        raise TypeError(
            f"dropout is the number {array}, which reads as a rate; write na.dropout(seed, rate), or give "
            "the array of multipliers"
        )
    if array.dtype.kind not in "iuf":
        raise TypeError(f"dropout has dtype {array.dtype}; real multipliers are expected")
    if not np.isfinite(array).all():
        raise ValueError(f"dropout holds {array[~np.isfinite(array)][0]}; finite multipliers are expected")
    return check_broadcast("dropout", array.astype(np.float64), shape, "the shape of the scores")
