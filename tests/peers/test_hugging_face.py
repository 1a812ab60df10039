"""GPT-2, Llama, BERT and ViT of transformers, random weights in float64, carried over by name.

Sizes and options are drawn by Hypothesis. Output and every parameter's gradient differ by at most 1e-12 of
their norm, parameters after ten steps of AdamW by 1e-10.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numpy_attention as na
from numpy_attention import nn
from tests.support.peers.hugging_face import Both, assert_near, check, random_weights, wide_llama

VOCABULARY, CONTEXT = 31, 13
IDS = np.random.default_rng(0).integers(0, VOCABULARY, (3, 7))
ACTIVATIONS = {"gelu_tanh": "gelu_new", "gelu": "gelu", "relu": "relu", "silu": "silu"}
"""By their names here"""

few = settings(max_examples=8)
heads = st.sampled_from([1, 2, 3, 6])
layers = st.integers(1, 3)
activations = st.sampled_from(sorted(ACTIVATIONS))
eps = st.sampled_from([1e-12, 1e-6, 1e-5, 1e-3])
classes = st.sampled_from([None, 2, 5])


@pytest.fixture(scope="module")
def torch(peer):
    """torch on one thread."""
    torch = peer("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def transformers(peer, torch):
    """transformers, whose Llama computes in the dtype of its weights."""
    with pytest.MonkeyPatch.context() as patch:
        wide_llama(torch, peer("transformers.models.llama.modeling_llama"), patch)
        yield peer("transformers")


def sizes(heads, layers, activation="silu"):
    """Sizes in the words of most configurations."""
    return dict(
        hidden_size=12, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=20,
        hidden_act=ACTIVATIONS[activation],
    )  # fmt: skip


@few
@given(heads, layers, activations, eps, st.booleans())
def test_gpt2(torch, transformers, heads, layers, activation, eps, tied):
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=12, n_layer=layers, n_head=heads,
        activation_function=ACTIVATIONS[activation], layer_norm_epsilon=eps, tie_word_embeddings=tied,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    module = random_weights(torch, transformers.GPT2LMHeadModel(config))
    layer = nn.LanguageModel(
        VOCABULARY, 12, heads, layers, CONTEXT, activation=activation, eps=eps, tied=tied
    )

    def theirs(module):
        return module(torch.tensor(IDS)).logits

    check(torch, Both(module, layer, nn.from_gpt2, theirs, lambda params: layer.forward(params, IDS)))


@few
@given(
    st.sampled_from([(6, 6), (6, 3), (6, 2), (4, 1)]),
    layers,
    st.sampled_from([2, 4, 6]),
    eps,
    st.sampled_from([100.0, 10_000.0, 500_000.0]),
    st.booleans(),
    st.booleans(),
)
def test_llama(torch, transformers, groups, layers, head_width, eps, base, bias, tied):
    heads, kv_heads = groups
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, num_key_value_heads=kv_heads, head_dim=head_width, rms_norm_eps=eps,
        rope_parameters={"rope_type": "default", "rope_theta": base}, attention_bias=bias, mlp_bias=bias,
        tie_word_embeddings=tied, attn_implementation="sdpa",  # the other one rounds its softmax to float32
        **sizes(heads, layers),
    )  # fmt: skip
    module = random_weights(torch, transformers.LlamaForCausalLM(config))
    layer = nn.LanguageModel(
        VOCABULARY, 12, heads, layers, CONTEXT, hidden=20, kv_heads=kv_heads, head_width=head_width,
        activation="swiglu", norm="rms", eps=eps, bias=bias, tied=tied,
        positions=nn.Rotary(layout="halves", base=base),
    )  # fmt: skip

    def theirs(module):
        return module(torch.tensor(IDS)).logits

    check(torch, Both(module, layer, nn.from_llama, theirs, lambda params: layer.forward(params, IDS)))


@few
@given(heads, layers, activations, eps, classes, st.booleans())
def test_bert(torch, transformers, heads, layers, activation, eps, classes, padded):
    """With segments; with padded texts, too, whose tokens see only the real ones."""
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, num_labels=classes or 2, layer_norm_eps=eps,
        **sizes(heads, layers, activation),
    )  # fmt: skip
    kind = transformers.BertForSequenceClassification if classes else transformers.BertModel
    module = random_weights(torch, kind(config))
    layer = nn.EncoderClassifier(
        VOCABULARY, 12, heads, layers, CONTEXT, hidden=20, classes=classes, activation=activation, eps=eps
    )
    ids = np.maximum(IDS, 1)  # torch gives the row of its padding, 0, no gradient
    segments = np.arange(7) // 4 + np.zeros_like(ids)
    lengths = [7, 4, 5] if padded else [7, 7, 7]
    real = np.arange(7) < np.array(lengths)[:, None]

    def theirs(module):
        inputs = {"input_ids": ids, "token_type_ids": segments, "attention_mask": real.astype(int)}
        out = module(**{name: torch.tensor(x) for name, x in inputs.items()})
        return out.logits if classes else out.pooler_output

    def ours(params):
        return layer.forward(params, ids, segments, mask=na.padding(lengths) if padded else None)

    check(torch, Both(module, layer, nn.from_bert, theirs, ours))


@few
@given(
    heads,
    layers,
    activations,
    eps,
    classes,
    st.sampled_from([(8, 12, 4), (6, 6, 2), (3, 6, 3)]),
    st.integers(1, 3),
)
def test_vit(torch, transformers, heads, layers, activation, eps, classes, image, channels):
    height, width, patch = image
    config = transformers.ViTConfig(
        image_size=(height, width), patch_size=patch, num_channels=channels, num_labels=classes or 2,
        layer_norm_eps=eps, attn_implementation="sdpa",  # the other one rounds its softmax to float32
        **sizes(heads, layers, activation),
    )  # fmt: skip
    kind = transformers.ViTForImageClassification if classes else transformers.ViTModel
    module = random_weights(torch, kind(config, **({} if classes else {"add_pooling_layer": False})))
    layer = nn.VisionTransformer(
        (height, width),
        patch,
        12,
        heads,
        layers,
        classes,
        hidden=20,
        channels=channels,
        activation=activation,
        eps=eps,
    )
    images = np.random.default_rng(1).standard_normal((3, channels, height, width))

    def theirs(module):
        out = module(torch.tensor(images))
        return out.logits if classes else out.last_hidden_state[:, 0]

    check(torch, Both(module, layer, nn.from_vit, theirs, lambda params: layer.forward(params, images)))


def test_vit_as_transformers_saves_it(transformers, tmp_path):
    """The file has the names of transformers 4, the model those of 5."""
    config = transformers.ViTConfig(image_size=8, patch_size=4, num_labels=5, **sizes(3, 2))
    module = transformers.ViTForImageClassification(config)
    module.save_pretrained(tmp_path)
    layer = nn.VisionTransformer(8, 4, 12, 3, 2, 5, hidden=20)
    assert "encoder" in nn.load_weights(tmp_path / "model.safetensors")["vit"]
    saved = nn.from_vit(layer, nn.load_weights(tmp_path / "model.safetensors"))
    assert_near(saved, nn.from_vit(layer, module.state_dict()), 0)
