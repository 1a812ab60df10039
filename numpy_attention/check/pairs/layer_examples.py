"""Layers as pairs, and calls that reach every branch of them.

A layer is called as a pair is: its inputs and options by their names, its parameters by theirs, so that
`check_vjp` differentiates all of them. Parameters are random numbers, no two arrays alike.
"""

from __future__ import annotations  # np.random costs 15 ms when first touched

import inspect
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...functional.base.arrays import Pair, shape_repr
from ...functional.masks.builders import causal, padding
from ...nn.adaptive import own_steps
from ...nn.interventions import UNIFORM, changed_steps, in_heads, permuted
from ...optim.trees import flatten, unflatten
from .examples import Example, normal


@shape_repr
class LayerCallSaved(NamedTuple):
    """The layer, the names of its inputs, and what its forward saved."""

    layer: nn.Layer
    inputs: tuple[str, ...]
    saved: Any


def layer_forward(layer: Any, **arguments: Any) -> tuple[Any, LayerCallSaved]:
    """out of a layer's forward, whose inputs, options and parameters are all keyword arguments."""
    known = list(inspect.signature(type(layer).forward).parameters)[2:]
    given = {name: x for name, x in arguments.items() if name in known}
    params = unflatten({name: x for name, x in arguments.items() if name not in known})
    out, saved = layer.forward(params, **given)
    return out, LayerCallSaved(layer, tuple(name for name in known if name in given), saved)


def layer_backward(d_out: Any, saved: LayerCallSaved) -> dict[str, Any]:
    """Every gradient by the name of its argument."""
    layer, inputs, own = saved
    d_inputs, d_params = layer.backward(d_out, own)  # type: ignore[attr-defined]
    d_inputs = d_inputs if isinstance(d_inputs, tuple) else (d_inputs,)
    named = dict(zip(inputs, d_inputs, strict=False)) | flatten(d_params)
    return {f"d_{name}": d for name, d in named.items() if d is not None}


LAYER_PAIR = Pair(layer_forward, layer_backward)


class Tied(nn.Embedding):
    """One table as input and as output: logits of the embedded ids."""

    def forward(self, params: Any, ids: Any) -> Any:
        """Logits (..., rows) of ids (...)."""
        x, embedded = super().forward(params, ids)
        logits, output = self.tied_forward(params, x)
        return logits, (embedded, output)

    def backward(self, d_out: Any, saved: Any) -> Any:
        """The gradient of the table: that of the output and that of the input."""
        d_x, d_output = self.tied_backward(d_out, saved[1])
        _, d_input = super().backward(d_x, saved[0])
        return None, {"weight": d_output["weight"] + d_input["weight"]}


def _example(name: str, layer: nn.Layer, **arguments: Any) -> Example:
    rng = np.random.default_rng([len(name), len(flatten(layer.shapes()))])
    params = {
        path: rng.normal(scale=0.7, size=shape) + path.endswith("norm.weight")
        for path, shape in flatten(layer.shapes()).items()
    }
    return Example(name, (), {"layer": layer, **arguments, **params})


def _changed_entmax(params: Any) -> Any:
    """entmax of a layer's own alpha, then uniform weights in the second head."""
    return changed_steps(in_heads(UNIFORM, [1]), steps=own_steps(params))


_IDS = np.array([[2, 0, 2], [5, 2, 1]])
_X, _MEMORY, _LONGER = normal(2, 3, 4), normal(2, 5, 4), normal(2, 7, 4)
_ATTENTION: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "self-attention": ({}, {"query": _X, "mask": causal()}),
    "keys that are values": ({"bias": False}, {"query": _X, "key": _MEMORY}),
    "three inputs of other widths": (
        {"key_width": 5, "value_width": 3, "out_bias": False},
        {"query": _X, "key": normal(2, 5, 5), "value": normal(2, 5, 3)},
    ),
    "grouped heads of another width": (
        {"heads": 6, "kv_heads": 3, "head_width": 2},
        {"query": _X, "key": _MEMORY, "value": normal(1, 5, 4), "mask": padding([5, 2])},
    ),
    "extra keys": ({"add_bias_kv": True, "add_zero_attn": True}, {"query": _X, "mask": causal()}),
    "norms, gate, sinks, softcap, dropout": (
        {"query_key_norm": "layer", "gate": True, "sinks": True, "softcap": 2.0, "dropout": 0.3},
        {"query": _X, "key": _MEMORY, "seed": 5},
    ),
    "rms norms, a scale": ({"query_key_norm": "rms", "scale": 0.3}, {"query": _X}),
    "blockwise": ({"attention": "blockwise", "kv_heads": 1}, {"query": _X, "mask": causal()}),
    "fast": ({"attention": "fast", "sinks": True}, {"query": _X, "mask": causal()}),
    **{
        f"{score} scores": ({"score": score, "kv_heads": 1, "heads": 2}, {"query": _X, "key": _MEMORY})
        for score in ("general", "additive", "concat", "cosine", "location")
    },
    "rotary": ({"positions": nn.Rotary()}, {"query": _X, "mask": causal()}),
    "rotary halves of a part, squeezed": (
        {"head_width": 6, "kv_heads": 1,
         "positions": nn.Rotary(4, layout="halves", base=50.0, offset=3, scaling=nn.YaRNScaling(4.0, 8))},
        {"query": _X, "query_positions": np.array([[3, 4, 5], [0, 1, 2]])},
    ),
    "alibi": ({"positions": nn.ALiBi(2)}, {"query": _X, "mask": causal()}),
    "alibi elsewhere": (
        {"positions": nn.ALiBi(2)}, {"query": _X, "key": _MEMORY, "key_positions": [4, 3, 2, 1, 0]},
    ),
    "buckets": (
        {"positions": nn.T5Buckets(2, buckets=8, max_distance=5), "add_zero_attn": True},
        {"query": _X, "key": _LONGER},
    ),
    "buckets for each batch entry": (
        {"positions": nn.T5Buckets(2, buckets=4, max_distance=5, bidirectional=False)},
        {"query": _X, "query_positions": np.array([[3, 4, 5], [0, 1, 2]])},
    ),
    "adaptive: entmax, temperature, span beside rotary": (
        {"normaliser": "entmax", "temperature": "learned", "dropout": 0.2, "sinks": True,
         "positions": nn.Joined(nn.Rotary(), nn.AdaptiveSpan(2, 2, 2), nn.ALiBi(2))},
        {"query": _X, "mask": causal(), "seed": 3},
    ),
    "entmax, changed weights, extra keys": (
        {"normaliser": "entmax", "kv_heads": 1, "add_bias_kv": True, "attention": _changed_entmax},
        {"query": _X, "key": _MEMORY},
    ),
    "temperature, fast, span in an image": (
        {"temperature": "learned", "attention": "fast", "scale": 0.7,
         "positions": nn.AdaptiveSpan(2, 3, 2, columns=2)},
        {"query": _LONGER, "mask": padding([7, 4])},
    ),
    "span beside shaw": (
        {"positions": nn.Joined(nn.Shaw(2, 2), nn.AdaptiveSpan(2, 6, 3)), "attention": "reference"},
        {"query": _LONGER, "mask": causal()},
    ),
    "shaw": (
        {"positions": nn.Shaw(2, 2), "attention": "reference", "dropout": 0.2, "kv_heads": 1,
         "add_bias_kv": True},
        {"query": _X, "key": _MEMORY, "seed": 3},
    ),
    "transformer-xl": (
        {"positions": nn.TransformerXL(2, 2, 4), "kv_heads": 1},
        {"query": _X, "key": _MEMORY, "query_positions": np.array([2, 3, 4])},
    ),
    "uniform in a head": (
        {"attention": lambda _: changed_steps(in_heads(UNIFORM, [1]))},
        {"query": _X, "mask": causal()},
    ),
    "permuted weights": (
        {"attention": lambda _: changed_steps(permuted(seed=0)), "sinks": True},
        {"query": _X, "key": _MEMORY},
    ),
}  # fmt: skip

_BLOCK: dict[str, Any] = {"width": 4, "heads": 2, "hidden": 5}
_MODERN: dict[str, Any] = {
    "norm_first": True, "norm": "rms", "activation": "swiglu", "bias": False, "kv_heads": 1,
    "positions": nn.Rotary(layout="halves"), "query_key_norm": "rms",
}  # fmt: skip
_ADAPTIVE: dict[str, Any] = {
    "normaliser": "entmax", "temperature": "learned", "span": nn.AdaptiveSpan(2, 2, 2),
}  # fmt: skip
_MODEL: dict[str, Any] = {"vocabulary": 6, "width": 4, "heads": 2, "layers": 1, "context": 3, "hidden": 3}
_NARROW: dict[str, Any] = _MODEL | {"width": 3, "heads": 1}
_OWN_TABLES: dict[str, Any] = {
    "target_vocabulary": 4, "tied": False, "positions": "learned", "norm_first": True, "dropout": 0.2,
}  # fmt: skip
_MEAN: dict[str, Any] = {"pooling": "mean", "pooler": False, "segments": 0, "embedding_norm": False}
_IMAGE: dict[str, Any] = {"channels": 1, "hidden": 3}
_CROSS: dict[str, Any] = {"x": _X, "memory": _MEMORY, "mask": causal(), "memory_mask": padding([5, 3])}
_ENCODER = nn.TransformerEncoderLayer(**_BLOCK, activation="gelu", norm_first=True, dropout=0.2)
_DROPPING = nn.TransformerDecoderLayer(**_BLOCK, norm_first=True, dropout=0.3)
_DECODER = nn.TransformerDecoderLayer(**_BLOCK, activation="silu")

LAYER_EXAMPLES: dict[str, tuple[Example, ...]] = {
    "Linear": (
        _example("a bias", nn.Linear(4, 3), x=_X),
        _example("no bias", nn.Linear(4, 3, bias=False), x=_X),
    ),
    "Embedding": (_example("rows looked up twice", nn.Embedding(7, 4), ids=_IDS),),
    "Embedding, tied": (_example("rows looked up twice", Tied(7, 4), ids=_IDS),),
    "LayerNorm": (
        _example("a bias", nn.LayerNorm(4), x=_X),
        _example("no bias", nn.LayerNorm(4, eps=0.1, bias=False), x=_X),
    ),
    "RMSNorm": (_example("rows", nn.RMSNorm(4), x=_X),),
    "Dropout": (
        _example("some dropped", nn.Dropout(0.4), x=_X, seed=3),
        _example("nothing dropped", nn.Dropout(0.4), x=_X),
    ),
    "FeedForward": tuple(
        _example(
            name, nn.FeedForward(4, 5, activation=name, bias="glu" not in name, dropout=0.3), x=_X, seed=1
        )
        for name in ("relu", "gelu", "gelu_tanh", "silu", "swiglu", "geglu", "geglu_tanh")
    ),
    "Residual": (_example("beside a linear map", nn.Residual(nn.Linear(4, 4)), x=_X),),
    "Sequential": (
        _example(
            "attention and dropout",
            nn.Sequential(nn.Residual(nn.MultiHeadAttention(4, 2)), nn.Dropout(0.4), nn.Linear(4, 3)),
            x=_X, mask=causal(), seed=3,
        ),
    ),
    "AttentionPooling": (
        _example("one query", nn.AttentionPooling(4, 2), x=_X, mask=padding([3, 2])),
        _example("several queries", nn.AttentionPooling(4, 2, queries=3, dropout=0.3), x=_X, seed=2),
    ),
    "Sinusoidal": (_example("added", nn.Sinusoidal(4), x=_X),),
    "Learned": (
        _example("from the first place", nn.Learned(7, 4), x=_X),
        _example("places of each", nn.Learned(7, 4), x=_X, positions=[[2, 3, 4], [0, 0, 6]]),
    ),
    "Rotary": (_example("every pair", nn.Rotary(), x=normal(2, 3, 5, 4)),),
    "MultiHeadAttention": tuple(
        _example(name, nn.MultiHeadAttention(**{"width": 4, "heads": 2} | sizes), **arguments)
        for name, (sizes, arguments) in _ATTENTION.items()
    ),
    "TransformerEncoderLayer": (
        _example("norms after", nn.TransformerEncoderLayer(**_BLOCK), x=_X, mask=padding([3, 2])),
        _example("norms first, dropout", _ENCODER, x=_X, mask=causal(), seed=4),
        _example("as in Llama", nn.TransformerEncoderLayer(**_BLOCK, **_MODERN), x=_X, mask=causal()),
        _example("adaptive", nn.TransformerEncoderLayer(**_BLOCK, **_MODERN, **_ADAPTIVE), x=_X),
    ),
    "TransformerDecoderLayer": (
        _example("norms after", _DECODER, **_CROSS),
        _example("adaptive", nn.TransformerDecoderLayer(**_BLOCK, **_ADAPTIVE), **_CROSS),
        _example("one sequence, two memories", _DECODER, x=normal(1, 3, 4), memory=_MEMORY),
        _example("norms first, dropout", _DROPPING, **_CROSS, seed=2),
    ),
    "TransformerEncoder": (
        _example("two layers, a norm", nn.TransformerEncoder(_ENCODER, 2, norm=True), x=_X, seed=1),
    ),
    "TransformerDecoder": (_example("two layers", nn.TransformerDecoder(_DECODER, 2), **_CROSS),),
    "LanguageModel": (
        _example("as GPT-2, dropout", nn.LanguageModel(**_MODEL, dropout=0.2), ids=_IDS, seed=1),
        _example(
            "as Llama", nn.LanguageModel(**_MODEL, **_MODERN, tied=False), ids=_IDS, mask=padding([3, 2])
        ),
    ),
    "Seq2Seq": (
        _example("one table", nn.Seq2Seq(**_MODEL), source=_IDS, target=_IDS[:, :2]),
        _example("frames", nn.Seq2Seq(**_MODEL, source_width=3), source=normal(2, 3, 3), target=_IDS[:, :2]),
        _example(
            "tables and positions of their own, dropout", nn.Seq2Seq(**_MODEL, **_OWN_TABLES),
            source=_IDS, target=[[3, 1], [0, 1]], source_mask=padding([3, 2]), seed=1,
        ),
    ),
    "EncoderClassifier": (
        _example("as BERT", nn.EncoderClassifier(**_NARROW, classes=3, dropout=0.2), ids=_IDS, seed=1),
        _example(
            "a mean of the real tokens", nn.EncoderClassifier(**_MODEL, **_MODERN, **_MEAN),
            ids=_IDS, mask=padding([3, 2]),
        ),
    ),
    "VisionTransformer": (
        _example(
            "a class token", nn.VisionTransformer((4, 6), 2, 3, 1, 1, 3, **_IMAGE), images=normal(2, 1, 4, 6)
        ),
        _example(
            "a mean", nn.VisionTransformer(4, 2, 4, 2, 1, pooling="mean", **_IMAGE), images=normal(2, 1, 4, 4)
        ),
    ),
    "PooledWords": (
        _example("padding", nn.PooledWords(7, 4, 2, 3), ids=_IDS, mask=padding([3, 2])),
        _example("uniform, dropout", nn.PooledWords(7, 4, 1, 3, uniform=True, dropout=0.3), ids=_IDS, seed=1),
    ),
    "Detector": (
        _example("three queries", nn.Detector(4, (2, 3), 4, 2, 1, 3, hidden=3), x=normal(2, 6, 4)),
    ),
    "SoundPictureMatcher": (
        _example(
            "padding, dropout", nn.SoundPictureMatcher(3, 3, 2, 2, 4, 2, 1, hidden=3, dropout=0.2),
            sounds=normal(2, 3, 3), pictures=normal(2, 2, 2, 2), mask=padding([3, 2]), seed=1,
        ),
    ),
    "SpeechSynthesizer": (
        _example(
            "all of one length", nn.SpeechSynthesizer(6, 3, 4, 2, 1, 3, 2, hidden=3),
            symbols=_IDS, conditions=[[0, 2], [1, 1]], count=5,
        ),
        _example(
            "of several lengths", nn.SpeechSynthesizer(6, 3, 4, 2, 1, 3, 2, hidden=3, reach=1),
            symbols=_IDS, conditions=[[0], [2]], count=5, lengths=[3, 2], counts=[5, 3],
        ),
    ),
    "VisualAnswerer": (
        _example(
            "questions of two lengths, dropout",
            nn.VisualAnswerer(5, 2, 6, 3, 4, 2, 1, 1, hidden=3, dropout=0.2),
            x=normal(2, 2, 5), ids=_IDS, lengths=[3, 2], seed=1,
        ),
    ),
}  # fmt: skip
"""The examples of every layer, by its name."""
