"""Interventions on the weights of attention: recorded, replaced, or both, wherever a model attends.

    weights = change(softmax(masked))          a pair: change.forward(weights, visible) -> (changed, saved),
                                               change.backward(d_changed, saved) -> d_weights

    UNIFORM     the mean of the weights of a row, for each of its visible keys
    permuted    the weights of a row, in another order among its visible keys
    REMOVED     0: the head gives 0
    fixed       weights of one's own
    in_heads    a change of some heads

All but `fixed` and REMOVED keep the sum of a row. `Watch` knows the places where a model attends by their
parameters: "layers.0.self_attn", "decoder.layers.1.multihead_attn", "" for the model itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..functional.attention.steps import STEPS, Normalised, SoftmaxStepGradients, Steps
from ..functional.base.admission import Array, shown
from ..functional.base.arrays import Pair
from .adaptive import own_steps
from .attention_step import Intervention
from .parameters import Params

HEADS = -3
"""The axis of the heads in weights (..., H, L, S)."""


def seen_keys(weights: Array, visible: Array | None) -> Array:
    """True for the visible keys, in the shape of the weights; for all if `visible` is None."""
    return np.broadcast_to(True if visible is None else visible, weights.shape)


def shares(weights: Array, visible: Array | None) -> Array:
    """1 / n for each of the n visible keys of a row, else 0, in the shape of the weights (..., L, S).

    Examples
    --------
    >>> shares(np.zeros((2, 2)), np.array([[True, False], [True, True]]))
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    seen = seen_keys(weights, visible)
    return np.asarray(seen / np.maximum(seen.sum(axis=-1, keepdims=True), 1))


def unchanged_forward(weights: Array, visible: Array | None) -> tuple[Array, None]:
    """changed = weights."""
    return weights, None


def unchanged_backward(d_changed: Array, _: None) -> Array:
    """From changed = weights: d_weights = d_changed."""
    return d_changed


UNCHANGED = Pair(unchanged_forward, unchanged_backward)


def uniform_forward(weights: Array, visible: Array | None) -> tuple[Array, Array]:
    """changed = shares * rowsum(weights)."""
    own = shares(weights, visible)
    return own * weights.sum(axis=-1, keepdims=True), own


def uniform_backward(d_changed: Array, own: Array) -> Array:
    """From changed = shares * rowsum(weights): d_weights = rowsum(shares * d_changed), for every key."""
    return np.broadcast_to((own * d_changed).sum(axis=-1, keepdims=True), d_changed.shape)


UNIFORM = Pair(uniform_forward, uniform_backward)


def removed_forward(weights: Array, visible: Array | None) -> tuple[Array, None]:
    """changed = 0."""
    return np.zeros_like(weights), None


def removed_backward(d_changed: Array, _: None) -> Array:
    """From changed = 0: d_weights = 0."""
    return np.zeros_like(d_changed)


REMOVED = Pair(removed_forward, removed_backward)


def permuted(seed: int) -> Pair:
    """The weights of each row in another order among its visible keys; the same orders for the same shape.

    Examples
    --------
    >>> weights, visible = np.array([[0.5, 0.25, 0.25, 0.0]]), np.array([[True, True, True, False]])
    >>> permuted(seed=0).forward(weights, visible)[0]
    array([[0.25, 0.25, 0.5 , 0.  ]])
    """

    def forward(weights: Array, visible: Array | None) -> tuple[Array, tuple[Array, Array]]:
        places = np.arange(weights.shape[-1])
        seen = seen_keys(weights, visible)
        drawn = np.random.default_rng(seed).random(weights.shape)
        own = np.argsort(np.where(seen, places, len(places) + places), axis=-1)  # visible keys first
        source = np.argsort(np.where(seen, drawn, 1 + places), axis=-1)  # likewise, in an order that is drawn
        return moved(weights, source, own), (source, own)

    def backward(d_changed: Array, saved: tuple[Array, Array]) -> Array:
        """From changed[own] = weights[source]: d_weights[source] = d_changed[own]."""
        source, own = saved
        return moved(d_changed, own, source)

    return Pair(forward, backward)


def moved(x: Array, source: Array, target: Array) -> Array:
    """out[target] = x[source], row by row."""
    out = np.empty_like(x)
    np.put_along_axis(out, target, np.take_along_axis(x, source, axis=-1), axis=-1)
    return out


def fixed(weights: Array) -> Pair:
    """These weights, whatever softmax gives."""

    def forward(given: Array, visible: Array | None) -> tuple[Array, None]:
        return np.array(np.broadcast_to(weights, given.shape), dtype=given.dtype), None

    return Pair(forward, removed_backward)


def in_heads(change: Pair, heads: Iterable[int]) -> Pair:
    """The change of these heads alone, counted from 0; of those that there are."""
    wanted = [*heads]

    def forward(weights: Array, visible: Array | None) -> tuple[Array, Any]:
        own = [head for head in wanted if head < weights.shape[HEADS]]
        part, saved = change.forward(weights[..., own, :, :], seen_keys(weights, visible)[..., own, :, :])
        changed = weights.copy()
        changed[..., own, :, :] = part
        return changed, (own, saved)

    def backward(d_changed: Array, saved: tuple[list[int], Any]) -> Array:
        own, saved_part = saved
        d_weights = d_changed.copy()
        d_weights[..., own, :, :] = change.backward(d_changed[..., own, :, :], saved_part)
        return d_weights

    return Pair(forward, backward)


@dataclass
class Seen:
    """What one place of a model had in its last forward and backward."""

    weights: Array
    """(B, H, L, S), as they were used, changed or not"""
    visible: Array
    """(B, H, L, S) True for keys that a query may attend to"""
    value: Any = None
    """(B, G, S, E), G a divisor of H"""
    d_weights: Any = None
    """(B, H, L, S) the gradient of the weights as they were used; None before a backward"""


def changed_steps(
    change: Pair = UNCHANGED, seen: dict[str, Seen] | None = None, name: str = "", steps: Steps = STEPS
) -> Steps:
    """Steps of attention whose weights are changed; with `seen`, what they were is recorded there by name.

    steps: those whose weights are changed.

    Examples
    --------
    >>> from numpy_attention import attention_with
    >>> out, saved = attention_with(changed_steps(UNIFORM)).forward(np.eye(2), np.eye(2), np.eye(2))
    >>> saved.weights
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    records: dict[str, Seen] = {} if seen is None else seen

    def softmax_forward(masked: Array, sinks: Any = None, visible: Any = None) -> tuple[Normalised, Any]:
        (weights, lse), saved = steps.softmax.forward(masked, sinks, visible)
        used, saved_change = change.forward(weights, visible)
        records[name] = Seen(used, seen_keys(used, visible))
        return Normalised(used, lse), (saved, saved_change)

    def softmax_backward(d_normalised: tuple[Array, Array], saved: Any) -> SoftmaxStepGradients:
        d_used, d_lse = d_normalised
        records[name].d_weights = d_used
        d_weights = change.backward(d_used, saved[1])
        gradients: SoftmaxStepGradients = steps.softmax.backward((d_weights, d_lse), saved[0])
        return gradients

    def values_forward(thinned: Array, value: Array, visible: Any = None) -> Any:
        records[name].value = value
        return steps.values.forward(thinned, value, visible)

    return steps._replace(
        softmax=Pair(softmax_forward, softmax_backward), values=Pair(values_forward, steps.values.backward)
    )


class Watch:
    """The `attention=` of a model whose weights are recorded, and changed where a change is given.

    Parameters
    ----------
    params : those with which the model will be called, the very dicts
    changes : a change for some of the places, by name

    Examples
    --------
    >>> from numpy_attention import nn
    >>> model = nn.LanguageModel(vocabulary=11, width=8, heads=2, layers=2, context=6)
    >>> params = model.init(np.random.default_rng(0))
    >>> watch = nn.Watch(params, {"layers.1.self_attn": UNIFORM})
    >>> logits, saved = attending(model, watch).forward(params, [[1, 2, 3]])
    >>> list(watch.seen)
    ['layers.0.self_attn', 'layers.1.self_attn']
    >>> watch.seen["layers.1.self_attn"].weights[0, 0].round(2)
    array([[1.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  ],
           [0.33, 0.33, 0.33]])
    """

    def __init__(self, params: Params, changes: Mapping[str, Pair] | None = None) -> None:
        self.params, self.changes = params, dict(changes or {})
        self.seen: dict[str, Seen] = {}
        self._names = {id(tree): name for name, tree in subtrees(params)}

    def __call__(self, params: Params) -> Steps:
        """The steps where the model attends with these parameters, a part of those of the model."""
        name = self._names.get(id(params))
        if name is None:
            raise ValueError(f"params holds {shown(list(params))}; a part of those being watched is expected")
        return changed_steps(self.changes.get(name, UNCHANGED), self.seen, name, own_steps(params))


def subtrees(params: Params, name: str = "") -> Iterator[tuple[str, Params]]:
    """Every dict of nested parameters by its name, the whole first."""
    yield name, params
    for inner, tree in params.items():
        if isinstance(tree, dict):
            yield from subtrees(tree, f"{name}.{inner}" if name else inner)


def attending(model: Any, attention: Intervention) -> Any:
    """The model with another attention.

    Raises
    ------
    TypeError
        If it has no option `attention`.
    """
    if not hasattr(model, "attention"):
        raise TypeError(f"model is {type(model).__name__}; one with an option attention is expected")
    if isinstance(model, tuple):
        return model._replace(attention=attention)  # type: ignore[attr-defined]
    return replace(model, attention=attention)
