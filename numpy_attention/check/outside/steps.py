"""The steps of attention, and what is made of them, as rules that take arrays alone.

The package's own pairs take a `Mask`, a `Bias`, or `visible`, which keeps a hidden NaN out of the gradients.
A planted fault can stand for the right step in each of these forms.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...functional.attention.attend import attend_backward, attend_forward
from ...functional.attention.attention import attention_backward, attention_forward
from ...functional.attention.biases import alibi, relative
from ...functional.attention.merge import attention_merge_backward, attention_merge_forward
from ...functional.attention.normalisers import ENTMAX, SIGMOID, SPARSEMAX
from ...functional.attention.steps import STEPS, Steps
from ...functional.base.admission import Array
from ...functional.base.arrays import Pair
from ...functional.masks.builders import visible
from ..pairs.function_rules import Rule

STEP_OF = {
    "score": "score", "softcap": "softcap", "bias": "bias", "mask": "mask", "softmax_step": "softmax",
    "dropout": "dropout", "values": "values",
}  # fmt: skip
"""The step of attention that a rule is, by its name in `Steps`."""

_ARGUMENTS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "score": lambda step: lambda query, key, scale: step(query, key, scale),
    "softcap": lambda step: lambda scores, softcap: step(scores, softcap),
    "bias": lambda step: lambda capped, bias: step(capped, bias),
    "mask": lambda step: lambda biased, visible: step(biased, visible),
    "softmax_step": lambda step: lambda masked, sinks=None: step(masked, sinks, np.isfinite(masked)),
    "dropout": lambda step: lambda weights, multipliers: step(weights, multipliers),
    "values": lambda step: lambda thinned, value: step(thinned, value),
}


def step_of_arrays(rule: str, step: Pair) -> Pair:
    """A pair in the place of a rule's step, with the arguments that a candidate takes."""
    return Pair(_ARGUMENTS[rule](step.forward), step.backward)


def attend_with(steps: Steps) -> Pair:
    """`attend` with other steps; mask is True where a query may attend, dropout holds the multipliers."""

    def forward(
        scores: Array, value: Array, mask: Array | None = None, bias: Array | None = None,
        softcap: float | None = None, sinks: Array | None = None, dropout: Array | None = None,
    ) -> Any:  # fmt: skip
        return attend_forward(
            scores, value, mask=None if mask is None else visible(mask), bias=bias, softcap=softcap,
            sinks=sinks, dropout=dropout, steps=steps,
        )  # fmt: skip

    return Pair(forward, attend_backward)


def _weights_alone(step: Pair) -> Pair:
    """A normaliser of step 5 without its lse, which is that of softmax."""

    def forward(masked: Array) -> Any:
        (weights, lse), saved = step.forward(masked)
        return weights, (saved, np.zeros_like(lse))

    def backward(d_weights: Array, kept: Any) -> dict[str, Array]:
        saved, no_lse = kept
        return {"d_masked": step.backward((d_weights, no_lse), saved).d_masked}

    return Pair(forward, backward)


def _merge_forward(out_1: Array, lse_1: Array, out_2: Array, lse_2: Array) -> Any:
    return attention_merge_forward((out_1, lse_1), (out_2, lse_2))


def _merge_backward(d: tuple[Array, Array], saved: Any) -> dict[str, Array]:
    first, second = attention_merge_backward(d[0], saved, d_lse=d[1])
    return {"d_out_1": first[0], "d_lse_1": first[1], "d_out_2": second[0], "d_lse_2": second[1]}


def _alibi(query: Array, key: Array, value: Array, slopes: Array, offset: int = 0) -> Any:
    return attention_forward(query, key, value, bias=alibi(slopes, offset=offset))


def _relative(query: Array, key: Array, value: Array, table: Array, buckets: Array) -> Any:
    return attention_forward(query, key, value, bias=relative(table, buckets))


def _backward_to(parameter: str) -> Callable[..., Any]:
    """Attention's backward, with the gradient of the parameter of its bias."""

    def backward(d_out: Array, saved: Any) -> dict[str, Any]:
        d_query, d_key, d_value, d_bias, *_ = attention_backward(d_out, saved)
        return {"d_query": d_query, "d_key": d_key, "d_value": d_value, f"d_{parameter}": d_bias[0]}

    return backward


OF_ATTENTION = {
    name: Rule(name, *pair, ())
    for name, pair in {
        **{name: step_of_arrays(name, getattr(STEPS, step)) for name, step in STEP_OF.items()},
        "sigmoid weights": _weights_alone(SIGMOID),
        "sparsemax": _weights_alone(SPARSEMAX),
        "entmax": _weights_alone(ENTMAX),
        "attend": attend_with(STEPS),
        "merge of attention": Pair(_merge_forward, _merge_backward),
        "alibi": Pair(_alibi, _backward_to("slopes")),
        "relative": Pair(_relative, _backward_to("table")),
    }.items()
}
"""The rules by name."""

_WITHOUT = "judged by check_candidate (on the command line: without --as)"
_FUNCTION = {
    "Linear": "linear", "LayerNorm": "layer_norm", "RMSNorm": "rms_norm", "Dropout": "dropout",
    "Rotary": "rotary", "Embedding": "embedding", "Embedding, tied": "embedding",
}  # fmt: skip
_OTHERS = {
    "attention": f"attention is {_WITHOUT}",
    "blockwise_attention": f"blockwise_attention is attention, {_WITHOUT}",
    "fast_attention": f"fast_attention is attention, {_WITHOUT}",
    "attention with weights and lse": f"attention that also returns weights or lse is {_WITHOUT}",
    "alpha_entmax": "alpha_entmax is judged at alpha 1.5, --as entmax",
    "entmax step of any alpha": "entmax of any alpha is judged at alpha 1.5, --as entmax",
    "entmax_attention": "the weights of entmax_attention are judged at alpha 1.5, --as entmax",
    "span_bias": "span_bias is added to the scores, which is judged --as bias",
}
_PARTS = "its parts are judged: linear, layer_norm, …, attention without --as"


def elsewhere() -> dict[str, str]:
    """Rules that are not judged under their own name, and what is judged instead."""
    from ..pairs.rules import LAYERS  # all of nn, which no other name needs

    functions = {name: f"its function is judged --as {function}" for name, function in _FUNCTION.items()}
    names = [layer.name for layer in LAYERS]
    return _OTHERS | {name: f"{name} is a layer; {functions.get(name, _PARTS)}" for name in names}


OTHER_WORDS = {"attention_merge": "merge of attention", "sparsemax_weights": "sparsemax",
               "entmax15": "entmax", "entmax_weights": "entmax"}  # fmt: skip
"""Other names of rules; an underscore may stand for a space."""
