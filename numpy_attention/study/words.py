"""One's own words through a language model, there and back: which earlier symbol each loss blames.

    loss_t     = -log p(symbol t + 1 | symbols 0 … t)                    one backward for each t
    d_scores   of one head, at loss t; a bias of zeros has the gradient of the scores
    d_x        of the embedded symbols: past every layer, the blame of the whole model

Read `blame` and `_backward`, which walks the layers upwards with their own backwards.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attention import attention, attention_backward, attention_forward
from ..functional.attention.steps import STEPS
from ..functional.base.admission import Array, quiet
from ..functional.base.wording import counted
from ..functional.layers.softmax import log_softmax
from ..functional.masks.builders import causal
from ..nn.heads import split_heads
from ..nn.language_model import LanguageModel
from ..nn.layer import either_backward
from ..nn.model_options import add_positions
from ..nn.parameters import Params
from ..nn.positions.rotary import Rotary
from ..optim.trees import mapped
from .derivatives import Derivative, directional
from .example import WalkExample
from .law_results import LawResult, check_step_laws
from .step_laws import DOWN, UP
from .trace import trace_attention


class Blame(NamedTuple):
    """What the losses of a text say about one head and about the whole model; T losses, N = T + 1 symbols.

    Entry [t, s] of an array is of the loss at symbol t + 1 and of symbol s. Numbers are in float64.
    """

    layer: int
    head: int
    losses: Array
    """(T,)"""
    weights: Array
    """(T, T) of the head: a row for each query"""
    d_scores: Array
    """(T, T, T) of the head: for each loss, a row for each query"""
    d_key: Array
    """(T, T, D)"""
    d_value: Array
    """(T, T, D)"""
    d_embedded: Array
    """(T, T, width)"""
    by_head: dict[str, Array]
    """d_scores, d_key and d_value of the sum of all losses: the norm (layers, heads) of each head"""
    laws: tuple[LawResult, ...]
    """Of the head, at the sum of all losses"""
    derivatives: dict[str, Derivative]
    """Gradients of the sum of all losses beside the complex step along one direction"""

    @property
    def maps(self) -> dict[str, Array]:
        """(T, T) a number for each loss and symbol: d_scores summed over queries, and lengths of vectors."""
        vectors = {"d_key": self.d_key, "d_value": self.d_value, "whole model": self.d_embedded}
        return {"d_scores": self.d_scores.sum(axis=1)} | {
            name: np.linalg.norm(x, axis=-1) for name, x in vectors.items()
        }

    @property
    def ok(self) -> bool:
        """True if every law holds and every gradient is that of the complex step."""
        return all(law.ok for law in self.laws) and all(x.ok for x in self.derivatives.values())


@quiet
def blame(model: LanguageModel, params: Params, ids: Array, layer: int, head: int) -> Blame:
    """Which of the ids (N,) each loss blames, at one head, numbered from 0 as its layer, and in all.

    Raises
    ------
    ValueError
        For fewer than two ids, more than the context and one, another layer or head, and a model whose
        attention is not the dot product of queries and keys alone: softcap, sinks, gate, other positions.
    """
    _admit(model, ids, layer, head)
    model = replace(model, attention="reference")
    params = mapped(lambda x: x.astype(np.float64), params)
    T, targets = len(ids) - 1, ids[1:]
    x = _embedded(model, params, ids[:-1])
    logits, saved = _forward(model, params, x)
    losses = _losses(logits, targets)
    heads = [_Head(model, block, n) for block in saved[0].layers for n in range(model.heads)]
    own = heads[layer * model.heads + head]

    d_all = np.exp(log_softmax(logits)) - (np.arange(model.vocabulary) == targets[:, None])
    each = [_backward(model, np.where(np.arange(T)[:, None] == t, d_all, 0), saved) for t in range(T)]
    gradients = [own.backward(d_contexts[layer][head]) for d_contexts, _ in each]
    d_scores, d_key, d_value = (np.stack(parts) for parts in zip(*gradients, strict=True))

    d_contexts, d_x = _backward(model, d_all, saved)
    together = [
        one.backward(d_context) for one, d_context in zip(heads, np.concatenate(d_contexts), strict=True)
    ]
    by_head = {
        name: np.array([np.linalg.norm(d[place]) for d in together]).reshape(-1, model.heads)
        for place, name in enumerate(("d_scores", "d_key", "d_value"))
    }
    derivatives = dict(own.derivatives(d_contexts[layer][head]))

    def losses_of(x: Array) -> Array:
        return _losses(_forward(model, params, x)[0], targets)

    derivatives["whole model"] = directional(d_x, x, losses_of, np.ones(T), float(np.abs(d_all).max()) * T)
    laws = own.laws(d_contexts[layer][head])
    d_embedded = np.stack([d for _, d in each])
    return Blame(layer, head, losses, own.saved.weights, d_scores, d_key, d_value, d_embedded, by_head, laws,
                 derivatives)  # fmt: skip


def _admit(model: LanguageModel, ids: Array, layer: int, head: int) -> None:
    if not 2 <= len(ids) <= model.context + 1:
        raise ValueError(
            f"text has {counted(len(ids), 'symbol')}; from 2 to {model.context + 1}, the context and one, "
            "are expected"
        )
    for name, place, count in (("layer", layer, model.layers), ("head", head, model.heads)):
        if not 0 <= place < count:
            raise ValueError(f"{name} is {place}; from 0 to {count - 1} is expected: both count from 0")
    plain = model.positions is None or isinstance(model.positions, (str, Rotary))
    if not plain or model.softcap is not None or model.sinks or model.gate:
        raise ValueError("the model's attention has softcap, sinks, a gate or positions beside the dot "
                         "product; a model without is expected")  # fmt: skip


# ----------------------------------------------------------------------------- the model, there and back


def _embedded(model: LanguageModel, params: Params, ids: Array) -> Array:
    """(T, width) the embedded symbols with their positions."""
    embedded, _ = model.embedding.forward(params["embedding"], ids)
    placed: Array = add_positions(model.added, params, embedded[None])[0][0]
    return placed


def _forward(model: LanguageModel, params: Params, x: Array) -> tuple[Array, tuple[Any, Any]]:
    """Logits (T, vocabulary) from embedded symbols (T, width), and what `_backward` needs."""
    x, stack = model.stack.forward(model.of_stack(params), x[None], mask=causal())
    if model.tied:
        logits, output = model.embedding.tied_forward(params["embedding"], x)
    else:
        logits, output = model.head.forward(params["head"], x)
    return logits[0], (stack, output)


def _losses(logits: Array, targets: Array) -> Array:
    """-log p of each target."""
    losses: Array = -log_softmax(logits)[np.arange(len(targets)), targets]
    return losses


def _backward(model: LanguageModel, d_logits: Array, saved: tuple[Any, Any]) -> tuple[list[Array], Array]:
    """d_out (heads, T, D) of every layer's attention, and d_x (T, width) of the embedded symbols."""
    stack, output = saved
    backward = model.embedding.tied_backward if model.tied else model.head.backward
    d_x, _ = backward(d_logits[None], output)
    d_x, _ = either_backward(model.stack.last_norm, d_x, stack.norm)
    block: Any = model.stack.layer
    d_contexts = []
    for own in reversed(stack.layers):
        _, d_attended, _ = block.backward_to_attention(d_x, own)
        d_joined, _ = block.self_attn.out_proj.backward(d_attended, own.self_attn.out_proj)
        d_contexts.append(split_heads(d_joined, model.heads)[0])
        d_x, _ = block.backward(d_x, own)
    return d_contexts[::-1], d_x[0]


class _Head:
    """The attention of one head, again, by the kernel that every number of `explain` comes from."""

    def __init__(self, model: LanguageModel, block: Any, head: int) -> None:
        arguments = block.self_attn.attention.attention.arguments
        group = model.heads // arguments.key.shape[-3]
        self.query = arguments.query[0, head]
        self.key, self.value = arguments.key[0, head // group], arguments.value[0, head // group]
        T, D = self.query.shape
        self.options: dict[str, Any] = {"scale": np.asarray(1 / np.sqrt(D)), "mask": causal()}
        self.out, self.saved = attention_forward(
            self.query, self.key, self.value, bias=np.zeros((T, T)), **self.options
        )

    def backward(self, d_out: Array) -> tuple[Array, Array, Array]:
        """d_scores (T, T), d_key and d_value (T, D)."""
        d = attention_backward(d_out, self.saved)
        return d.d_bias, d.d_key, d.d_value

    def derivatives(self, d_out: Array) -> Iterator[tuple[str, Derivative]]:
        """The gradients of `backward`, each beside the complex step along one direction."""
        functions: dict[str, tuple[Array, Callable[[Array], Array]]] = {
            "d_scores": (
                np.zeros(self.saved.weights.shape),
                lambda x: attention(self.query, self.key, self.value, bias=x, **self.options),
            ),
            "d_key": (self.key, lambda x: attention(self.query, x, self.value, **self.options)),
            "d_value": (self.value, lambda x: attention(self.query, self.key, x, **self.options)),
        }
        size = float(np.abs(d_out).max() * np.abs(self.value).max() * max(1, np.abs(self.query).max()))
        for (name, (x, function)), ours in zip(functions.items(), self.backward(d_out), strict=True):
            yield name, directional(ours, x, function, d_out, size)

    def laws(self, d_out: Array) -> tuple[LawResult, ...]:
        """The laws of the seven steps, forward and backward."""
        options = dict.fromkeys(("softcap", "bias", "sinks", "dropout")) | self.options
        trace = trace_attention(
            WalkExample(self.query, self.key, self.value, d_out, "dot", {}, {}, options, False), STEPS
        )
        evidence = trace.evidence()
        laws = [*check_step_laws(DOWN["softmax"], evidence)]
        for name in ("values", "softmax", "score"):
            laws += check_step_laws(UP[name], replace(evidence, magnitude=trace.magnitude(name)))
        return tuple(law for law in laws if not law.excluded_by)
