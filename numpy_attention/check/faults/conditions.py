"""When a mistake can show: conditions on the options of a call.

A call is told by its options: {"mask": …, "bias": …, "sinks": …, "dropout": …, "softcap": …, "scale": …,
"d_lse": …, "shape": (B, H, G, L, S, D, E)} for attention; the arguments by name for any other rule. What is
absent or None is not in use.
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
    """The lengths of attention's axes; B is that of all batch axes together."""

    B: int
    H: int
    G: int
    L: int
    S: int
    D: int
    E: int


def lengths_of(call: Call) -> AxisLengths:
    """The lengths of a call."""
    return AxisLengths(*call["shape"])


def has_option(call: Call, name: str) -> bool:
    """Whether an option is in use."""
    return call.get(name) is not None


def array_of(call: Call, name: str) -> Array | None:
    """An option as an array of two axes or more, or None: that of a bias value, too."""
    option = call.get(name)
    if isinstance(option, Bias):
        return option.array(*lengths_of(call)[3:5])
    if option is None:
        return None
    array = np.asarray(option)
    return array.reshape((1,) * (2 - array.ndim) + array.shape)


def visible_of(call: Call) -> Array | None:
    """Which pairs may be seen, (..., L, S); None where nothing is hidden."""
    n = lengths_of(call)
    mask, bias = call.get("mask"), array_of(call, "bias")
    seen: Array | None = mask
    if isinstance(mask, Mask):
        seen = mask.array(n.L, n.S, heads=True)
    if bias is not None and np.isneginf(bias).any():
        shown = not_hidden_by_bias(call)
        seen = shown if seen is None else seen & shown
    if seen is None:
        return None
    return np.broadcast_to(seen, np.broadcast_shapes(np.shape(seen), (n.L, n.S)))


def not_hidden_by_bias(call: Call) -> Array:
    """Which pairs have a bias above -inf, or none: a mistake with the mask leaves the others hidden."""
    bias = array_of(call, "bias")
    return np.ones((1, 1), dtype=bool) if bias is None else np.asarray(~np.isneginf(bias))


def visible_key_counts(call: Call) -> Array:
    """How many keys each row sees."""
    visible = visible_of(call)
    return np.full(1, lengths_of(call).S) if visible is None else np.asarray(visible.sum(axis=-1))


# ------------------------------------------------------------------------------------------ conditions


def everywhere(call: Call) -> bool:
    """Wherever something is seen."""
    return True


def describe(condition: Condition) -> str:
    """What a condition says of itself: "where …", without a full stop."""
    text = " ".join((condition.__doc__ or "").split())
    return text[:1].lower() + text[1:].rstrip(".")


def _described(text: str, condition: Condition) -> Condition:
    condition.__doc__ = text
    return condition


def with_option(name: str) -> Condition:
    """Where an option is in use."""
    return _described(f"Where {name} is given.", lambda call: has_option(call, name))


def all_of(*conditions: Condition) -> Condition:
    """Where all of these hold."""
    together = "; ".join(map(describe, conditions))
    return _described(together, lambda call: all(condition(call) for condition in conditions))


def with_visible_keys(condition: Condition) -> Condition:
    """Where besides no axis is empty, and something is seen."""
    return _described(
        describe(condition),
        lambda call: min(call["shape"]) > 0 and bool(visible_key_counts(call).any()) and condition(call),
    )


def has_choice(call: Call) -> bool:
    """Where a row has a choice between two keys, or a key and a sink."""
    return bool((visible_key_counts(call) >= (1 if has_option(call, "sinks") else 2)).any())


def mask_hides(call: Call) -> bool:
    """Where the mask hides what no bias hides as well."""
    visible = visible_of(call)
    return visible is not None and bool((~visible & not_hidden_by_bias(call)).any())


def has_grouped_heads(call: Call) -> bool:
    """Where query heads share a key head."""
    return lengths_of(call).H > lengths_of(call).G


def is_broadcast(name: str) -> Condition:
    """Where an option in use is broadcast."""

    def condition(call: Call) -> bool:
        array, n = array_of(call, name), lengths_of(call)
        return array is not None and array.size < n.B * n.H * n.L * n.S

    return _described(f"Where the {name} is broadcast to the scores.", condition)


def is_square(call: Call) -> bool:
    """Where queries and keys are as many, and have as many heads."""
    n = lengths_of(call)
    return n.L == n.S > 1 and n.H == n.G


def mask_differs(mask: Callable[[Array], Array]) -> Condition:
    """Where a wrong mask is another one."""

    def condition(call: Call) -> bool:
        visible = visible_of(call)
        if visible is None:
            return False
        return bool(((mask(visible) & not_hidden_by_bias(call)) != visible).any())

    return _described("Where that makes it another mask.", condition)
