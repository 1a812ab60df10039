"""Conditions on a call under which a fault changes a result.

A call is an `Inputs` for attention, the arguments by name for any other rule.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from ...functional.attention.steps import bias_forward, mask_forward, score_forward, softcap_forward
from ...functional.base.admission import Array
from ...functional.base.stable import row_maximum
from ..reference.inputs import Inputs

Arguments: TypeAlias = Mapping[str, Any]
Condition: TypeAlias = Callable[[Any], bool]


def has_option(call: Inputs, name: str) -> bool:
    """True if the option is in use."""
    return getattr(call, name) is not None


def array_of(call: Inputs, name: str) -> Array | None:
    """An option as an array of at least two axes, or None."""
    option = {"bias": call.bias_array, "scale": call.scale}[name]
    if option is None:
        return None
    array = np.asarray(option)
    return array.reshape((1,) * (2 - array.ndim) + array.shape)


def visible_of(call: Inputs) -> Array | None:
    """The visible pairs, (..., L, S); None if nothing is hidden."""
    visible, bias = call.visible, array_of(call, "bias")
    if bias is not None and np.isneginf(bias).any():
        unhidden = not_hidden_by_bias(call)
        visible = unhidden if visible is None else visible & unhidden
    if visible is None:
        return None
    return np.broadcast_to(visible, np.broadcast_shapes(visible.shape, call.shape[-2:]))


def not_hidden_by_bias(call: Inputs) -> Array:
    """True where the bias is above -inf. A wrong mask leaves the other pairs hidden all the same."""
    bias = array_of(call, "bias")
    return np.ones((1, 1), dtype=bool) if bias is None else np.asarray(~np.isneginf(bias))


def visible_key_counts(call: Inputs) -> Array:
    """The number of visible keys of each row."""
    visible = visible_of(call)
    return np.full(1, call.shape[-1]) if visible is None else np.asarray(visible.sum(axis=-1))


@lru_cache(maxsize=4)
def finite_top_scores(call: Inputs) -> Array:
    """The largest score of each row, sinks included, of rows that are not fully masked."""
    scale = 1 / math.sqrt(call.lengths.D or 1) if call.scale is None else np.asarray(call.scale)
    with np.errstate(all="ignore"):
        scores, _ = score_forward(call.query, call.key, scale)
        capped, _ = softcap_forward(scores, call.softcap)
        masked, _ = mask_forward(bias_forward(capped, call.bias_array)[0], visible_of(call))
        top = row_maximum(masked)[..., 0]
        if call.sinks is not None:
            top = np.maximum(top, np.asarray(call.sinks)[..., None])
    return np.asarray(top[np.isfinite(top)])


# ------------------------------------------------------------------------------------------ conditions


def everywhere(call: Any) -> bool:
    """Wherever a key is visible."""
    return True


def describe(condition: Condition) -> str:
    """A condition's docstring as part of a sentence: "where …", without the full stop."""
    text = " ".join((condition.__doc__ or "").split())
    return text[:1].lower() + text[1:].rstrip(".")


def _with_docstring(text: str, condition: Condition) -> Condition:
    condition.__doc__ = text
    return condition


def with_option(name: str) -> Condition:
    """Where an option is in use."""
    return _with_docstring(f"Where {name} is not None.", lambda call: has_option(call, name))


def all_of(*conditions: Condition) -> Condition:
    """Where all of these conditions hold."""
    together = "; ".join(map(describe, conditions))
    return _with_docstring(together, lambda call: all(condition(call) for condition in conditions))


def with_visible_keys(condition: Condition) -> Condition:
    """The condition, restricted to calls without empty axes that have a visible pair."""

    def restricted(call: Inputs) -> bool:
        return min(call.lengths) > 0 and bool(visible_key_counts(call).any()) and condition(call)

    return _with_docstring(describe(condition), restricted)


def has_choice(call: Inputs) -> bool:
    """Where a row sees two keys, or a key and a sink."""
    return bool((visible_key_counts(call) >= (1 if has_option(call, "sinks") else 2)).any())


def mask_hides(call: Inputs) -> bool:
    """Where the mask hides a pair that no bias of -inf hides."""
    visible = visible_of(call)
    return visible is not None and bool((~visible & not_hidden_by_bias(call)).any())


def has_grouped_heads(call: Inputs) -> bool:
    """Where query heads share a key head."""
    return call.lengths.H > call.lengths.G


def is_broadcast(name: str) -> Condition:
    """Where the option is in use and broadcast."""

    def condition(call: Inputs) -> bool:
        array, n = array_of(call, name), call.lengths
        return array is not None and array.size < n.B * n.H * n.L * n.S

    return _with_docstring(f"Where the {name} is broadcast to the scores.", condition)


def is_square(call: Inputs) -> bool:
    """Where L = S and H = G."""
    n = call.lengths
    return n.L == n.S > 1 and n.H == n.G


def mask_differs(wrong: Callable[[Array], Array]) -> Condition:
    """Where the wrong mask differs from the right one."""

    def condition(call: Inputs) -> bool:
        visible = visible_of(call)
        if visible is None:
            return False
        return bool(((wrong(visible) & not_hidden_by_bias(call)) != visible).any())

    return _with_docstring("Where the wrong mask differs from the right one.", condition)
