"""The names that Hugging Face gives, typed as they stand in a checkpoint of one layer."""

import re

import numpy as np
import pytest

from numpy_attention import nn

GPT2 = nn.LanguageModel(vocabulary=11, width=6, heads=3, layers=1, context=5)
GPT2_STATE = {
    "transformer.wte.weight": (11, 6),
    "transformer.wpe.weight": (5, 6),
    "transformer.h.0.ln_1.weight": (6,),
    "transformer.h.0.ln_1.bias": (6,),
    "transformer.h.0.attn.c_attn.weight": (6, 18),
    "transformer.h.0.attn.c_attn.bias": (18,),
    "transformer.h.0.attn.c_proj.weight": (6, 6),
    "transformer.h.0.attn.c_proj.bias": (6,),
    "transformer.h.0.ln_2.weight": (6,),
    "transformer.h.0.ln_2.bias": (6,),
    "transformer.h.0.mlp.c_fc.weight": (6, 24),
    "transformer.h.0.mlp.c_fc.bias": (24,),
    "transformer.h.0.mlp.c_proj.weight": (24, 6),
    "transformer.h.0.mlp.c_proj.bias": (6,),
    "transformer.ln_f.weight": (6,),
    "transformer.ln_f.bias": (6,),
}
LLAMA = nn.LanguageModel(
    11, 6, 4, 1, 5, kv_heads=2, head_width=2, hidden=7, activation="swiglu", norm="rms", bias=False,
    positions=nn.Rotary(layout="halves"), tied=False,
)  # fmt: skip
LLAMA_STATE = {
    "model.embed_tokens.weight": (11, 6),
    "model.layers.0.self_attn.q_proj.weight": (8, 6),
    "model.layers.0.self_attn.k_proj.weight": (4, 6),
    "model.layers.0.self_attn.v_proj.weight": (4, 6),
    "model.layers.0.self_attn.o_proj.weight": (6, 8),
    "model.layers.0.mlp.gate_proj.weight": (7, 6),
    "model.layers.0.mlp.up_proj.weight": (7, 6),
    "model.layers.0.mlp.down_proj.weight": (6, 7),
    "model.layers.0.input_layernorm.weight": (6,),
    "model.layers.0.post_attention_layernorm.weight": (6,),
    "model.norm.weight": (6,),
    "lm_head.weight": (11, 6),
}
BERT = nn.EncoderClassifier(11, 6, 3, 1, 5, hidden=7, classes=2)
BERT_STATE = {
    "bert.embeddings.word_embeddings.weight": (11, 6),
    "bert.embeddings.position_embeddings.weight": (5, 6),
    "bert.embeddings.token_type_embeddings.weight": (2, 6),
    "bert.embeddings.LayerNorm.weight": (6,),
    "bert.embeddings.LayerNorm.bias": (6,),
    "bert.encoder.layer.0.attention.self.query.weight": (6, 6),
    "bert.encoder.layer.0.attention.self.query.bias": (6,),
    "bert.encoder.layer.0.attention.self.key.weight": (6, 6),
    "bert.encoder.layer.0.attention.self.key.bias": (6,),
    "bert.encoder.layer.0.attention.self.value.weight": (6, 6),
    "bert.encoder.layer.0.attention.self.value.bias": (6,),
    "bert.encoder.layer.0.attention.output.dense.weight": (6, 6),
    "bert.encoder.layer.0.attention.output.dense.bias": (6,),
    "bert.encoder.layer.0.attention.output.LayerNorm.weight": (6,),
    "bert.encoder.layer.0.attention.output.LayerNorm.bias": (6,),
    "bert.encoder.layer.0.intermediate.dense.weight": (7, 6),
    "bert.encoder.layer.0.intermediate.dense.bias": (7,),
    "bert.encoder.layer.0.output.dense.weight": (6, 7),
    "bert.encoder.layer.0.output.dense.bias": (6,),
    "bert.encoder.layer.0.output.LayerNorm.weight": (6,),
    "bert.encoder.layer.0.output.LayerNorm.bias": (6,),
    "bert.pooler.dense.weight": (6, 6),
    "bert.pooler.dense.bias": (6,),
    "classifier.weight": (2, 6),
    "classifier.bias": (2,),
}
VIT = nn.VisionTransformer((4, 6), 2, 6, 3, 1, 5, hidden=7)
VIT_STATE = {
    "vit.embeddings.cls_token": (1, 1, 6),
    "vit.embeddings.position_embeddings": (1, 7, 6),
    "vit.embeddings.patch_embeddings.projection.weight": (6, 3, 2, 2),
    "vit.embeddings.patch_embeddings.projection.bias": (6,),
    "vit.layers.0.attention.q_proj.weight": (6, 6),
    "vit.layers.0.attention.q_proj.bias": (6,),
    "vit.layers.0.attention.k_proj.weight": (6, 6),
    "vit.layers.0.attention.k_proj.bias": (6,),
    "vit.layers.0.attention.v_proj.weight": (6, 6),
    "vit.layers.0.attention.v_proj.bias": (6,),
    "vit.layers.0.attention.o_proj.weight": (6, 6),
    "vit.layers.0.attention.o_proj.bias": (6,),
    "vit.layers.0.mlp.fc1.weight": (7, 6),
    "vit.layers.0.mlp.fc1.bias": (7,),
    "vit.layers.0.mlp.fc2.weight": (6, 7),
    "vit.layers.0.mlp.fc2.bias": (6,),
    "vit.layers.0.layernorm_before.weight": (6,),
    "vit.layers.0.layernorm_before.bias": (6,),
    "vit.layers.0.layernorm_after.weight": (6,),
    "vit.layers.0.layernorm_after.bias": (6,),
    "vit.layernorm.weight": (6,),
    "vit.layernorm.bias": (6,),
    "classifier.weight": (5, 6),
    "classifier.bias": (5,),
}
OLDER = {  # of VIT_STATE
    "layers.0.attention.q_proj.": "encoder.layer.0.attention.attention.query.",
    "layers.0.attention.k_proj.": "encoder.layer.0.attention.attention.key.",
    "layers.0.attention.v_proj.": "encoder.layer.0.attention.attention.value.",
    "layers.0.attention.o_proj.": "encoder.layer.0.attention.output.dense.",
    "layers.0.mlp.fc1.": "encoder.layer.0.intermediate.dense.",
    "layers.0.mlp.fc2.": "encoder.layer.0.output.dense.",
    "layers.0.layernorm": "encoder.layer.0.layernorm",
}
FAMILIES = {
    "gpt2": (nn.from_gpt2, GPT2, GPT2_STATE),
    "llama": (nn.from_llama, LLAMA, LLAMA_STATE),
    "bert": (nn.from_bert, BERT, BERT_STATE),
    "vit": (nn.from_vit, VIT, VIT_STATE),
}


def drawn(shapes):
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_is_read_and_every_number_used_once(family):
    read, layer, shapes = FAMILIES[family]
    state = drawn(shapes)
    params = read(layer, state)
    layer.check(params)
    numbers = np.concatenate([x.ravel() for x in nn.to_torch(layer, params).values()])
    np.testing.assert_array_equal(
        np.sort(numbers), np.sort(np.concatenate([x.ravel() for x in state.values()]))
    )
    bare = {re.sub("^(transformer|model|bert|vit)[.]", "", name): x for name, x in state.items()}
    for name, x in nn.to_torch(layer, read(layer, bare)).items():
        np.testing.assert_array_equal(x, nn.to_torch(layer, params)[name])


def test_gpt2s_weights_are_transposed_and_its_masks_left_out():
    state = drawn(GPT2_STATE)
    theirs = {name.removeprefix("transformer.h.0."): x for name, x in state.items()}
    constants = {
        f"transformer.h.0.attn.{name}": np.ones((1, 1, 5, 5), bool) for name in ("bias", "masked_bias")
    }
    tied = {"lm_head.weight": state["transformer.wte.weight"]}
    (own,) = nn.from_gpt2(GPT2, state | constants | tied)["layers"].values()
    np.testing.assert_array_equal(own["self_attn"]["in_proj_weight"], theirs["attn.c_attn.weight"].T)
    np.testing.assert_array_equal(own["self_attn"]["out_proj"]["weight"], theirs["attn.c_proj.weight"].T)
    np.testing.assert_array_equal(own["linear2"]["weight"], theirs["mlp.c_proj.weight"].T)
    np.testing.assert_array_equal(own["linear2"]["bias"], theirs["mlp.c_proj.bias"])


@pytest.mark.parametrize(
    "family, names",
    [
        ("llama", [f"model.layers.0.self_attn.{x}_proj" for x in "qkv"]),
        ("bert", [f"bert.encoder.layer.0.attention.self.{x}" for x in ("query", "key", "value")]),
        ("vit", [f"vit.layers.0.attention.{x}_proj" for x in "qkv"]),
    ],
)
def test_rows_are_query_key_value(family, names):
    read, layer, shapes = FAMILIES[family]
    state = drawn(shapes)
    (own,) = read(layer, state)["layers"].values()
    rows = np.concatenate([state[f"{name}.weight"] for name in names])
    np.testing.assert_array_equal(own["self_attn"]["in_proj_weight"], rows)


def test_llamas_gate_and_constants():
    state = drawn(LLAMA_STATE)
    (own,) = nn.from_llama(LLAMA, state | {"model.rotary_emb.inv_freq": np.ones(1)})["layers"].values()
    np.testing.assert_array_equal(own["gate"]["weight"], state["model.layers.0.mlp.gate_proj.weight"])
    np.testing.assert_array_equal(own["linear1"]["weight"], state["model.layers.0.mlp.up_proj.weight"])


def test_rotary_pairs_of_another_layout_are_refused():
    other = nn.LanguageModel(11, 6, 3, 1, 5, positions=nn.Rotary(layout="interleaved"))
    with pytest.raises(
        ValueError, match=r"^positions have layout 'interleaved'; nn.Rotary\(layout='halves'\) is"
    ):
        nn.from_llama(other, {})


def test_the_first_names_of_berts_norms_and_a_pooler_that_nothing_uses():
    state, encoder = (
        drawn(BERT_STATE),
        nn.EncoderClassifier(11, 6, 3, 1, 5, hidden=7, pooler=False, pooling="mean"),
    )
    older = {
        re.sub("Norm.weight$", "Norm.gamma", re.sub("Norm.bias$", "Norm.beta", n)): x
        for n, x in state.items()
    }
    older["bert.embeddings.position_ids"] = np.arange(5)[None]
    same = zip(
        nn.to_torch(BERT, nn.from_bert(BERT, older)).values(),
        nn.to_torch(BERT, nn.from_bert(BERT, state)).values(),
        strict=True,
    )
    assert all(np.array_equal(x, y) for x, y in same)
    bare = {name: x for name, x in older.items() if not name.startswith("classifier")}
    assert "pooler" not in nn.from_bert(encoder, bare)


def test_vits_older_names_and_axes():
    state = drawn(VIT_STATE)
    params = nn.from_vit(VIT, state | {"vit.pooler.dense.weight": np.ones((6, 6))})
    np.testing.assert_array_equal(
        params["patches"]["weight"][1, 5],
        state["vit.embeddings.patch_embeddings.projection.weight"][1, 1, 0, 1],
    )
    np.testing.assert_array_equal(
        params["positions"]["weight"], state["vit.embeddings.position_embeddings"][0]
    )
    for new, old in OLDER.items():
        state = {name.replace(new, old): x for name, x in state.items()}
    assert not any(name.startswith("vit.layers") for name in state)
    assert all(
        np.array_equal(x, y)
        for x, y in zip(
            nn.to_torch(VIT, nn.from_vit(VIT, state)).values(), nn.to_torch(VIT, params).values(), strict=True
        )
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_of_another_model_are_one_error_with_every_name(family):
    read, layer, shapes = FAMILIES[family]
    others = {
        name: shape for _, _, each in FAMILIES.values() for name, shape in each.items() if each is not shapes
    }
    with pytest.raises(ValueError, match=r"^state does not fit \w+: missing ") as caught:
        read(layer, drawn(others))
    for name in shapes:
        assert name.split(".", 1)[-1] in str(caught.value) or name in others
    assert "\n" not in str(caught.value)
