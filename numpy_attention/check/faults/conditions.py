"""Conditions on the options of a call under which a fault changes a result.

A call is a mapping: {"mask": …, "bias": …, "sinks": …, "dropout": …, "softcap": …, "scale": …, "d_lse": …,
"shape": (B, H, G, L, S, D, E)} for attention, the arguments by name for any other rule. An option that is
missing or None is not in use.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...functional.attention.biases import Bias
from ...functional.base.admission import Array
from ...functional.masks.mask import Mask

Call: TypeAlias = Mapping[str, Any]
Condition: TypeAlias = Callable[[Call], bool]


class AxisLengths(NamedTuple):
    """The lengths of attention's axes; B is the product of all batch axes."""

    B: int
    H: int
    G: int
    L: int
    S: int
    D: int
    E: int


def lengths_of(call: Call) -> AxisLengths:
    """The axis lengths of a call."""
    return AxisLengths(*call["shape"])


def has_option(call: Call, name: str) -> bool:
    """True if the option is in use."""
    return call.get(name) is not None


def array_of(call: Call, name: str) -> Array | None:
    """An option (a Bias value included) as an array of at least two axes, or None."""
    option = call.get(name)
    if isinstance(option, Bias):
        return option.array(*lengths_of(call)[3:5])
    if option is None:
        return None
    array = np.asarray(option)
    return array.reshape((1,) * (2 - array.ndim) + array.shape)


def visible_of(call: Call) -> Array | None:
    """The visible pairs, (..., L, S); None if nothing is hidden."""
    n = lengths_of(call)
    mask, bias = call.get("mask"), array_of(call, "bias")
    visible: Array | None = mask
    if isinstance(mask, Mask):
        visible = mask.array(n.L, n.S, heads=True)
    if bias is not None and np.isneginf(bias).any():
        unhidden = not_hidden_by_bias(call)
        visible = unhidden if visible is None else visible & unhidden
    if visible is None:
        return None
    return np.broadcast_to(visible, np.broadcast_shapes(np.shape(visible), (n.L, n.S)))


def not_hidden_by_bias(call: Call) -> Array:
    """True where the bias is above -inf. A wrong mask leaves the other pairs hidden all the same."""
    bias = array_of(call, "bias")
    return np.ones((1, 1), dtype=bool) if bias is None else np.asarray(~np.isneginf(bias))


def visible_key_counts(call: Call) -> Array:
    """The number of visible keys of each row."""
    visible = visible_of(call)
    return np.full(1, lengths_of(call).S) if visible is None else np.asarray(visible.sum(axis=-1))


# ------------------------------------------------------------------------------------------ conditions


def everywhere(call: Call) -> bool:
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

    def restricted(call: Call) -> bool:
        return min(call["shape"]) > 0 and bool(visible_key_counts(call).any()) and condition(call)

    return _with_docstring(describe(condition), restricted)


def has_choice(call: Call) -> bool:
    """Where a row sees two keys, or a key and a sink."""
    return bool((visible_key_counts(call) >= (1 if has_option(call, "sinks") else 2)).any())


def mask_hides(call: Call) -> bool:
    """Where the mask hides a pair that no bias of -inf hides."""
    visible = visible_of(call)
    return visible is not None and bool((~visible & not_hidden_by_bias(call)).any())


def has_grouped_heads(call: Call) -> bool:
    """Where query heads share a key head."""
    return lengths_of(call).H > lengths_of(call).G


def is_broadcast(name: str) -> Condition:
    """Where the option is in use and broadcast."""

    def condition(call: Call) -> bool:
        array, n = array_of(call, name), lengths_of(call)
        return array is not None and array.size < n.B * n.H * n.L * n.S

    return _with_docstring(f"Where the {name} is broadcast to the scores.", condition)


def is_square(call: Call) -> bool:
    """Where L = S and H = G."""
    n = lengths_of(call)
    return n.L == n.S > 1 and n.H == n.G


def mask_differs(wrong: Callable[[Array], Array]) -> Condition:
    """Where the wrong mask differs from the right one."""

    def condition(call: Call) -> bool:
        visible = visible_of(call)
        if visible is None:
            return False
        return bool(((wrong(visible) & not_hidden_by_bias(call)) != visible).any())

    return _with_docstring("Where the wrong mask differs from the right one.", condition)
