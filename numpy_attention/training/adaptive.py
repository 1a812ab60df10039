"""Learned temperatures, α of entmax and spans of heads, and how many keys the heads use.

Names of the records of an epoch: "temperature.layers.0.1", "alpha.…", "span.…", the head counted from 1;
a span as its share of the context.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..functional.base.admission import Array
from ..functional.layers.activations import sigmoid
from ..nn.adaptive import ALPHA, TEMPERATURE
from ..nn.language_model import LanguageModel
from ..nn.parameters import Params
from ..nn.positions.span import SPAN
from ..optim.trees import flatten
from .run import LEARNED, Run
from .watching import watched_batches

Numbers = dict[str, dict[str, Array]]
LEARNS: dict[str, tuple[str, Callable[[Array], Array]]] = {
    TEMPERATURE: ("temperature", np.exp),
    ALPHA: ("alpha", lambda logit: 1 + sigmoid(logit)),
    SPAN: ("span", sigmoid),
}
"""By parameter: what is learned, and how it follows from the parameter."""


def learned_numbers(params: Params) -> Numbers:
    """Temperatures, alphas and spans (heads,) by what they are and by the place of their attention.

    Examples
    --------
    >>> learned_numbers({"layers": {"0": {"self_attn": {"alpha_logit": np.zeros(2)}}}})
    {'alpha': {'layers.0': array([1.5, 1.5])}}
    """
    found: Numbers = {}
    for name, array in flatten(params).items():
        kind = LEARNS.get(name.rpartition(".")[2])
        if kind is not None:
            found.setdefault(kind[0], {})[_place(name)] = kind[1](array.astype(float))
    return found


def _place(name: str) -> str:
    """Where a parameter's attention stands: "layers.0", "tokens" or "pooling"."""
    place, inside, _ = name.partition(".self_attn.")
    return place if inside else "tokens" if name.startswith("self_attn.") else "pooling"


def adapted(params: Params) -> dict[str, float]:
    """`learned_numbers` as records of an epoch."""
    return {
        f"{kind}.{place}.{head}": float(number)
        for kind, places in learned_numbers(params).items()
        for place, numbers in places.items()
        for head, number in enumerate(numbers, 1)
    }


def used_keys(objective: Any, params: Params, examples: Any) -> tuple[float, float]:
    """How many keys of a query have a weight above 0, and how many would with softmax and without spans.

    Means over all heads, on the first examples.
    """
    causal = isinstance(objective.model, LanguageModel)
    used, visible, queries = 0, 0, 0
    for batch in watched_batches(objective, params, examples):
        for seen in batch.values():
            *rows, L, S = seen.weights.shape
            used += int((seen.weights > 0).sum())
            visible += math.prod(rows) * (L * (L + 1) // 2 if causal else L * S)
            queries += math.prod(rows) * L
    return used / queries, visible / queries


def adaptive_lines(run: Run, data: Any) -> list[str]:
    """The temperature, α and span of every head, and the keys used; nothing if none of them is learned."""
    objective: Any = run.objectives()[LEARNED]
    if not hasattr(objective.model, "normaliser") or not (found := learned_numbers(run.params)):
        return []
    lines = ["", "Learned by the heads"]
    for kind, places in found.items():
        of = 1 if kind != "span" else objective.model.span.context
        for place, numbers in places.items():
            heads = " ".join(f"{of * x:.2f}" for x in numbers)
            lines.append(f"  {kind:<11}  {place}  mean {of * numbers.mean():.2f}: {heads}")
    used, visible = used_keys(objective, run.params, data.test)
    share = f"{used:.1f} of {visible:.1f}, a share of {used / visible:.3f}"
    return [*lines, f"  keys with a weight above 0, for each query: {share}"]
