"""Sentences for calls that do not fit: what other libraries' arguments are called here, and the order.

Imported when a call has failed, and only then.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from difflib import get_close_matches
from inspect import Parameter, signature
from itertools import permutations
from typing import Any


def _all(foreign: str, hint: str) -> dict[str, str]:
    return dict.fromkeys(foreign.split(), hint)


INSTEAD: Mapping[str, Mapping[str, str]] = {
    "mask": {
        **_all("is_causal causal use_causal_mask", "write mask=na.causal()"),
        **_all(
            "attn_mask attention_mask",
            "write mask=na.visible(array) (True = may attend; bias=array if it is added to the scores)",
        ),
        "key_padding_mask": "write mask=na.real_keys(~array) (in PyTorch, True = padding)",
        **_all("window window_size local_window_size sliding_window", "write mask=na.window(left, right)"),
        **_all("key_value_seq_lengths seqused_k lengths", "write mask=na.padding(lengths)"),
        **_all(
            "segment_ids cu_seqlens cu_seqlens_q cu_seqlens_k", "write mask=na.segments(query_ids, key_ids)"
        ),
        **_all("enable_gqa num_heads num_kv_heads", "leave it out (the shapes give the number of heads)"),
        **_all(
            "need_weights average_attn_weights return_attention_scores return_attn_probs return_lse",
            "leave it out (attention_forward returns out and saved: saved.weights, saved.lse)",
        ),
        **_all("deterministic implementation backend", "leave it out (equal calls give equal bits)"),
        **_all(
            "layout batch_first tensor_layout",
            "leave it out (arrays are (..., heads, length, width); np.swapaxes(x, -2, -3) makes them so)",
        ),
    },
    "dropout": {
        **_all("dropout_p dropout_rate attn_dropout p", "write dropout=na.dropout(seed, rate)"),
        **_all("training is_training train", "leave it out (and dropout= too, unless training)"),
    },
    "bias": {
        **_all("attn_bias position_bias beta b", "write bias=array"),
        "alibi_slopes": "write bias=na.alibi(slopes)",
    },
    "scale": _all("softmax_scale sm_scale", "write scale=number"),
    "softcap": _all("logits_soft_cap logit_cap soft_cap", "write softcap=number"),
    "sinks": _all("sink s_aux learnable_sink", "write sinks=array"),
    "query": _all("q Q queries", "write query=array"),
    "key": _all("k K keys", "write key=array"),
    "value": _all("v V values", "write value=array"),
    "axis": {
        **_all("dim axes", "write axis=-1 (or another axis)"),
        **_all("where mask", "leave it out (write -inf into x where it is False)"),
        **_all("keepdims keepdim", "leave it out (np.expand_dims gives the axis back)"),
    },
    "x": _all("input inputs a data tensor", "write x=array"),
    "indices": _all("input inputs ids", "write indices=indices"),
    "scores": {"scale": "write scores=scale * scores"},
    "weight": {**_all("gamma g", "write weight=array"), "kernel": "write weight=array.T"},
    "eps": {
        "epsilon": "write eps=number",
        **_all(
            "normalized_shape shape", "leave it out (the last axis is normalised; x is followed by weight)"
        ),
    },
    "slope": _all("negative_slope alpha", "write slope=number"),
    "logits": _all("input pred y_pred", "write logits=array"),
    "probabilities": _all("input pred y_pred", "write probabilities=array"),
    "predictions": _all("input pred y_pred", "write predictions=array"),
    "targets": _all("target labels y_true y", "write targets=targets"),
    "reduction": {
        **_all("size_average reduce", 'write reduction="mean" (or "sum" or "none")'),
        **_all("weight sample_weight", 'write reduction="none" (and multiply the losses by it)'),
        **_all("from_logits axis dim", "leave it out (the name of the function, and the last axis, say it)"),
    },
    "params": _all("parameters weights", "write params=params"),
    "lr": _all("learning_rate alpha", "write lr=number"),
    "betas": _all("beta1 beta2 b1 b2 beta_1 beta_2", "write betas=(0.9, 0.999)"),
    "limit": {
        **_all("max_norm clip_norm max_grad_norm clipnorm", "write limit=number"),
        **_all("norm_type error_if_nonfinite foreach", "leave it out (the norm is the Euclidean one)"),
    },
    "seed": {
        **_all("x input", "write seed=0 (x * na.dropout_multipliers(seed, rate, x.shape) thins an array)"),
        **_all("training inplace", "leave it out (dropout acts wherever its value is given)"),
    },
    "rate": _all("p prob", "write rate=number"),
    "slopes": _all("num_heads alibi_slopes", "write slopes=array"),
    "left": _all("window_size size", "write left=2, right=0"),
}
"""A parameter of the called function -> foreign keyword -> what to write in its place."""

LAYER: Mapping[str, Mapping[str, str]] = {
    "width": {
        **_all("embed_dim d_model embedding_dim hidden_size model_dim qkv_features", "write width=number"),
        **_all("normalized_shape dim", "write width=number"),
        "batch_first": "leave it out (inputs are (B, length, width); np.swapaxes(x, 0, 1) makes them so)",
    },
    "dropout": _all("dropout_rate dropout_p attn_dropout p", "write dropout=0.1"),
    "key_width": _all("kdim key_dim", "write key_width=number"),
    "value_width": _all("vdim value_dim", "write value_width=number"),
    "kv_heads": _all("num_kv_heads num_key_value_heads", "write kv_heads=number"),
    "head_width": _all("head_dim qk_head_dim", "write head_width=number"),
    "query_key_norm": _all("qk_norm qk_layernorm use_qk_norm", 'write query_key_norm="rms" (or "layer")'),
    "softcap": INSTEAD["softcap"],
    "sinks": _all("sink s_aux learnable_sink", "write sinks=True"),
    "hidden": _all("dim_feedforward intermediate_size d_ff ffn_dim", "write hidden=number"),
    "eps": _all("layer_norm_eps epsilon rms_norm_eps", "write eps=1e-5"),
    "rows": _all("num_embeddings vocab_size vocabulary", "write rows=number"),
    "rate": _all("p prob dropout", "write rate=0.1"),
    "in_features": _all("input_dim in_dim", "write in_features=number"),
    "heads": {
        **_all("num_heads nhead n_head n_heads num_attention_heads", "write heads=number"),
    },
    "bias": _all("use_bias qkv_bias", "write bias=True (or False)"),
    "rng": _all("generator seed key rngs", "write rng=np.random.default_rng(0)"),
    "mask": {
        **INSTEAD["mask"],
        "attn_mask": "write mask=na.hidden(array) (in PyTorch's layer, True = may not attend)",
        "attention_mask": "write mask=na.visible(array) (True = may attend)",
        **_all("need_weights return_attention_scores", "leave it out (saved.weights are (B, H, L, S))"),
        "average_attn_weights": "leave it out (saved.weights.mean(axis=1) is the mean over the heads)",
        **_all("bias attn_bias position_bias", "leave it out (the layer's positions= make one)"),
        **_all(
            "softcap sinks dropout dropout_p", "give it to the constructor (nn.MultiHeadAttention has it)"
        ),
        **_all(
            "src_mask tgt_mask", "write mask=na.hidden(array) (in PyTorch's layer, True = may not attend)"
        ),
        **_all(
            "src_key_padding_mask tgt_key_padding_mask",
            "write mask=na.real_keys(~array) (in PyTorch, True = padding)",
        ),
    },
    "seed": _all("training train rng", "write seed=0 (or leave it out in evaluation)"),
    "memory": _all("encoder_out encoder_hidden_states enc_output", "write memory=array"),
    "memory_mask": {
        "memory_key_padding_mask": "write memory_mask=na.real_keys(~array) (in PyTorch, True = padding)",
        "encoder_attention_mask": "write memory_mask=na.visible(array) (True = may attend)",
    },
    "lengths": _all("mask key_padding_mask attn_mask", "write lengths=lengths (of each example)"),
    "outputs": _all("num_classes n_classes classes", "write outputs=number"),
    "d_out": _all("grad grad_output d_y dout", "write d_out=array"),
    **{name: INSTEAD[name] for name in ("query", "key", "value", "x", "scale", "params")},
}
"""The same for the constructors and methods of layers."""

ANYWHERE = {
    **_all("out inplace copy", "leave it out (every result is a new array)"),
    **_all("dtype device", "leave it out (results have the dtype of the arrays)"),
    "approximate": "leave it out (na.gelu is exact, na.gelu_tanh is the approximation)",
    "amsgrad": "leave it out (the Adam of Kingma and Ba, Algorithm 1, has none)",
}
"""Foreign keyword -> the sentence, for every function."""


REORDERED = (
    *(f".{folder}" for folder in ("layers", "losses", "scores")),
    *(".optim.", ".attention.biases", ".attention.dropout"),
)
"""Modules whose functions are tried again with their arguments in another order, those below on copies."""
CHANGING = (".optim.in_place", ".attention.dropout")


def explain(
    function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any], error: Exception
) -> Exception | None:
    """The error to raise in place of `error`: a sentence on what to write. None: leave it."""
    called, name, hints = signature(function), function.__name__, INSTEAD
    if next(iter(called.parameters), "") in ("self", "_cls"):
        called, args, hints = called.replace(parameters=[*called.parameters.values()][1:]), args[1:], LAYER
        name = function.__qualname__.removesuffix(".__init__").removesuffix(".__new__")
    if ".check." in function.__module__:  # whose mask= and layout= are a candidate's
        hints = {}
    try:
        called.bind(*args, **options)
    except TypeError as unfit:
        return TypeError(f"{name}(){_unfit(called.parameters, args, options, hints, str(unfit))}")
    if "is a masked array" in str(error) and "mask" in called.parameters and "mask=" not in str(error):
        return TypeError(f"{error} and say with mask= what is hidden")
    order = _order(function, args, options)
    known = not order or order in str(error) or type(error) not in (TypeError, ValueError)
    return None if known else type(error)(f"{error} ({order})")


def _unfit(
    parameters: Mapping[str, Parameter],
    args: tuple[Any, ...],
    options: Mapping[str, Any],
    hints: Mapping[str, Mapping[str, str]],
    reason: str,
) -> str:
    """Why arguments do not fit a signature, and what to write."""
    for keyword in options:
        if keyword not in parameters:
            return f" has no {keyword}; {_instead(keyword, parameters, hints)}"
    by_position = [n for n, p in parameters.items() if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
    text = f": {reason}; its arguments are {', '.join(parameters)}"
    if len(args) <= len(by_position) and "multiple values" not in reason:
        return text
    if len(args) > len(by_position):
        verb = "is" if len(by_position) == 1 else "are"
        text = f" has {len(args)} positional arguments; {', '.join(by_position)} {verb} expected"
        if others := [f"{n}=" for n in parameters if n not in by_position]:
            text += f", and by name {', '.join(others)}"
    foreign = "attn_mask" if "query" in by_position else "normalized_shape" if "eps" in by_position else ""
    hint = _instead(foreign, parameters, hints) if foreign else ""
    return f"{text}. For PyTorch's {foreign}: {hint}" if hint.startswith(("write", "leave")) else text


def _instead(
    keyword: str, parameters: Mapping[str, Parameter], hints: Mapping[str, Mapping[str, str]]
) -> str:
    for parameter in parameters:
        if hint := hints.get(parameter, {}).get(keyword):
            return hint
    if hints and keyword in ANYWHERE:
        return ANYWHERE[keyword]
    if close := get_close_matches(keyword, parameters, n=1, cutoff=0.7):
        return f"write {close[0]}="
    return f"its arguments are {', '.join(parameters)}"


def _order(function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> str:
    """The order of the arguments, if the function takes these in another one; else empty."""
    tried = function.__name__.endswith("_backward") or any(part in function.__module__ for part in REORDERED)
    if not tried or not 2 <= len(args) <= 3:
        return ""
    copied = deepcopy if function.__module__.endswith(CHANGING) else tuple
    for other in list(permutations(args))[1:]:
        try:
            function(*copied(other), **options)
        except Exception:
            continue
        return f"the order is {', '.join([*signature(function).parameters][: len(args)])}"
    return ""
