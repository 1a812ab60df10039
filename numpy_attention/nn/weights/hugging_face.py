"""Parameters by the names that Hugging Face gives GPT-2, Llama, BERT and ViT."""

from collections.abc import Mapping
from typing import Any

from ...functional.base.admission import explained, shown
from ..parameters import Params
from ..positions.rotary import Rotary
from .naming import NameTable, Stored, read_by

_QKV = "layers.{n}.self_attn.in_proj_{p}"

GPT2 = NameTable(
    "GPT-2",
    {
        "embedding.weight": "wte.weight",
        "positions.weight": "wpe.weight",
        "layers.{n}.norm1.{p}": "h.{n}.ln_1.{p}",
        "layers.{n}.self_attn.in_proj_{p}": Stored(("h.{n}.attn.c_attn.{p}",), transposed=True),
        "layers.{n}.self_attn.out_proj.{p}": Stored(("h.{n}.attn.c_proj.{p}",), transposed=True),
        "layers.{n}.norm2.{p}": "h.{n}.ln_2.{p}",
        "layers.{n}.linear1.{p}": Stored(("h.{n}.mlp.c_fc.{p}",), transposed=True),
        "layers.{n}.linear2.{p}": Stored(("h.{n}.mlp.c_proj.{p}",), transposed=True),
        "norm.{p}": "ln_f.{p}",
        "head.weight": "lm_head.weight",
    },
    prefixes=("transformer.",),
    left_out=r"h\.\d+\.attn\.(bias|masked_bias)",
    tied=("lm_head.weight", "wte.weight"),
)

LLAMA = NameTable(
    "Llama",
    {
        "embedding.weight": "embed_tokens.weight",
        "layers.{n}.norm1.weight": "layers.{n}.input_layernorm.weight",
        _QKV: Stored(tuple(f"layers.{{n}}.self_attn.{x}_proj.{{p}}" for x in "qkv")),
        "layers.{n}.self_attn.q_norm.weight": "layers.{n}.self_attn.q_norm.weight",
        "layers.{n}.self_attn.k_norm.weight": "layers.{n}.self_attn.k_norm.weight",
        "layers.{n}.self_attn.out_proj.{p}": "layers.{n}.self_attn.o_proj.{p}",
        "layers.{n}.norm2.weight": "layers.{n}.post_attention_layernorm.weight",
        "layers.{n}.gate.{p}": "layers.{n}.mlp.gate_proj.{p}",
        "layers.{n}.linear1.{p}": "layers.{n}.mlp.up_proj.{p}",
        "layers.{n}.linear2.{p}": "layers.{n}.mlp.down_proj.{p}",
        "norm.weight": "norm.weight",
        "head.weight": "lm_head.weight",
    },
    prefixes=("model.",),
    left_out=r"(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq",
    tied=("lm_head.weight", "embed_tokens.weight"),
)

BERT = NameTable(
    "BERT",
    {
        "embedding.weight": "embeddings.word_embeddings.weight",
        "positions.weight": "embeddings.position_embeddings.weight",
        "segments.weight": "embeddings.token_type_embeddings.weight",
        "embedding_norm.{p}": "embeddings.LayerNorm.{p}",
        _QKV: Stored(
            tuple(f"encoder.layer.{{n}}.attention.self.{x}.{{p}}" for x in ("query", "key", "value"))
        ),
        "layers.{n}.self_attn.out_proj.{p}": "encoder.layer.{n}.attention.output.dense.{p}",
        "layers.{n}.norm1.{p}": "encoder.layer.{n}.attention.output.LayerNorm.{p}",
        "layers.{n}.linear1.{p}": "encoder.layer.{n}.intermediate.dense.{p}",
        "layers.{n}.linear2.{p}": "encoder.layer.{n}.output.dense.{p}",
        "layers.{n}.norm2.{p}": "encoder.layer.{n}.output.LayerNorm.{p}",
        "pooler.{p}": "pooler.dense.{p}",
        "classifier.{p}": "classifier.{p}",
    },
    prefixes=("bert.",),
    renamed={r"LayerNorm\.gamma$": "LayerNorm.weight", r"LayerNorm\.beta$": "LayerNorm.bias"},
    left_out=r"embeddings\.(position_ids|token_type_ids)|pooler\.dense\.(weight|bias)",
)

VIT = NameTable(
    "ViT",
    {
        "patches.weight": Stored(
            ("embeddings.patch_embeddings.projection.weight",), shape=(-1, "channels", "patch", "patch")
        ),
        "patches.bias": "embeddings.patch_embeddings.projection.bias",
        "class_token": Stored(("embeddings.cls_token",), shape=(1, 1, -1)),
        "positions.weight": Stored(("embeddings.position_embeddings",), shape=(1, -1, "width")),
        "layers.{n}.norm1.{p}": "layers.{n}.layernorm_before.{p}",
        _QKV: Stored(tuple(f"layers.{{n}}.attention.{x}_proj.{{p}}" for x in "qkv")),
        "layers.{n}.self_attn.out_proj.{p}": "layers.{n}.attention.o_proj.{p}",
        "layers.{n}.norm2.{p}": "layers.{n}.layernorm_after.{p}",
        "layers.{n}.linear1.{p}": "layers.{n}.mlp.fc1.{p}",
        "layers.{n}.linear2.{p}": "layers.{n}.mlp.fc2.{p}",
        "norm.{p}": "layernorm.{p}",
        "classifier.{p}": "classifier.{p}",
    },
    prefixes=("vit.",),
    left_out=r"pooler\.dense\.(weight|bias)",
    renamed={
        r"^encoder\.layer\.": "layers.",
        r"attention\.attention\.(q|k|v)(uery|ey|alue)\.": r"attention.\1_proj.",
        r"attention\.output\.dense\.": "attention.o_proj.",
        r"intermediate\.dense\.": "mlp.fc1.",
        r"(layers\.\d+\.)output\.dense\.": r"\1mlp.fc2.",
    },
)


@explained
def from_gpt2(layer: Any, state: Mapping[str, Any]) -> Params:
    """The parameters of a LanguageModel from those of GPT-2: GPT2LMHeadModel or GPT2Model of transformers.

    Parameters
    ----------
    layer : a LanguageModel of GPT-2's form and sizes
    state : arrays or tensors by name, flat or nested, as `load_weights` reads them from model.safetensors;
        gradients, or moments of an optimizer, by the same names too

    Returns
    -------
    Copies as from `from_torch`. Arrays that are no parameters, such as h.0.attn.bias, GPT-2's causal mask,
    are left out; so is lm_head.weight where the layer ties it and it equals wte.weight.

    Raises
    ------
    TypeError, ValueError
        As `from_torch` does.

    Examples
    --------
    >>> import numpy as np
    >>> from numpy_attention import nn
    >>> layer = nn.LanguageModel(vocabulary=5, width=2, heads=1, layers=1, context=3)
    >>> from_gpt2(layer, {"transformer.wte.weight": np.ones((5, 3))})
    Traceback (most recent call last):
        ...
    ValueError: state does not fit LanguageModel: missing wpe.weight (3, 2), ...;
    misshapen wte.weight (5, 3) (not (5, 2))
    """
    return read_by(GPT2, layer, state)


@explained
def from_llama(layer: Any, state: Mapping[str, Any]) -> Params:
    """The parameters of a LanguageModel from those of Llama: LlamaForCausalLM or LlamaModel of transformers.

    The layer's rotary positions need layout="halves": that is how Hugging Face orders the rows of its q_proj
    and k_proj. Mistral has the same names. Arguments, result and errors as `from_gpt2`.
    """
    positions = getattr(layer, "positions", None)
    if isinstance(positions, Rotary) and positions.layout != "halves":
        raise ValueError(
            f"positions have layout {shown(positions.layout)}; nn.Rotary(layout='halves') is expected: "
            "these are the pairs of Llama's rows"
        )
    return read_by(LLAMA, layer, state)


@explained
def from_bert(layer: Any, state: Mapping[str, Any]) -> Params:
    """The parameters of an EncoderClassifier from those of BERT: BertModel or BertForSequenceClassification.

    The names of its first versions, LayerNorm.gamma and LayerNorm.beta, are known too. A layer with
    pooler=False, such as a sentence encoder, leaves the pooler out. Arguments, result and errors as
    `from_gpt2`.
    """
    return read_by(BERT, layer, state)


@explained
def from_vit(layer: Any, state: Mapping[str, Any]) -> Params:
    """The parameters of a VisionTransformer from those of ViT: ViTForImageClassification or ViTModel.

    The names of transformers 4 (encoder.layer.0.attention.attention.query) are known as those of 5 are
    (layers.0.attention.q_proj). The pooler of ViTModel is left out. Arguments, result and errors as
    `from_gpt2`.
    """
    return read_by(VIT, layer, state)
