"""GPT-2, Llama, BERT and ViT of transformers, random weights in float64, carried over by name.

Output and every parameter's gradient differ by at most 1e-12 of their norm, parameters after ten steps of
AdamW by 1e-10.
"""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from tests.support.peers.hugging_face import Both, assert_near, check, random_weights, wide_llama

IDS = np.random.default_rng(0).integers(0, 31, (3, 7))


@pytest.fixture
def torch(peer):
    """torch on one thread."""
    torch = peer("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


@pytest.mark.parametrize("tied", [True, False])
def test_gpt2(torch, peer, tied):
    transformers = peer("transformers")
    config = transformers.GPT2Config(
        vocab_size=31, n_positions=13, n_embd=12, n_layer=2, n_head=3, tie_word_embeddings=tied,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    module = random_weights(torch, transformers.GPT2LMHeadModel(config))
    layer = nn.LanguageModel(31, 12, 3, 2, 13, tied=tied)

    def theirs(module):
        return module(torch.tensor(IDS)).logits

    check(torch, Both(module, layer, nn.from_gpt2, theirs, lambda params: layer.forward(params, IDS)))


@pytest.mark.parametrize("tied, kv_heads, head_width", [(False, 2, 4), (True, 6, 2), (False, 1, 6)])
def test_llama(torch, peer, monkeypatch, tied, kv_heads, head_width):
    transformers = peer("transformers")
    wide_llama(torch, peer("transformers.models.llama.modeling_llama"), monkeypatch)
    config = transformers.LlamaConfig(
        vocab_size=31, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=kv_heads, head_dim=head_width, rms_norm_eps=1e-6, tie_word_embeddings=tied,
        attn_implementation="sdpa",  # the other one rounds its softmax to float32
    )  # fmt: skip
    module = random_weights(torch, transformers.LlamaForCausalLM(config))
    layer = nn.LanguageModel(
        31, 12, 6, 2, 13, hidden=20, kv_heads=kv_heads, head_width=head_width, activation="swiglu",
        norm="rms", eps=1e-6, bias=False, positions=nn.Rotary(layout="halves"), tied=tied,
    )  # fmt: skip

    def theirs(module):
        return module(torch.tensor(IDS)).logits

    check(torch, Both(module, layer, nn.from_llama, theirs, lambda params: layer.forward(params, IDS)))


SIZES = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20)


@pytest.mark.parametrize("classes, padded", [(None, False), (5, False), (5, True)])
def test_bert(torch, peer, classes, padded):
    """With segments; with a padded text, too, whose tokens see only the real ones."""
    transformers = peer("transformers")
    config = transformers.BertConfig(
        vocab_size=31, max_position_embeddings=13, num_labels=classes or 2, **SIZES
    )
    kind = transformers.BertForSequenceClassification if classes else transformers.BertModel
    module = random_weights(torch, kind(config))
    layer = nn.EncoderClassifier(31, 12, 3, 2, 13, hidden=20, classes=classes)
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


@pytest.mark.parametrize("classes", [None, 5])
def test_vit(torch, peer, classes):
    transformers = peer("transformers")
    config = transformers.ViTConfig(
        image_size=(8, 12), patch_size=4, num_channels=3, num_labels=classes or 2,
        attn_implementation="sdpa", **SIZES,  # the other one rounds its softmax to float32
    )  # fmt: skip
    kind = transformers.ViTForImageClassification if classes else transformers.ViTModel
    module = random_weights(torch, kind(config, **({} if classes else {"add_pooling_layer": False})))
    layer = nn.VisionTransformer((8, 12), 4, 12, 3, 2, classes, hidden=20)
    images = np.random.default_rng(1).standard_normal((3, 3, 8, 12))

    def theirs(module):
        out = module(torch.tensor(images))
        return out.logits if classes else out.last_hidden_state[:, 0]

    check(torch, Both(module, layer, nn.from_vit, theirs, lambda params: layer.forward(params, images)))


def test_vit_as_transformers_saves_it(peer, tmp_path):
    """The file has the names of transformers 4, the model those of 5."""
    transformers = peer("transformers")
    module = transformers.ViTForImageClassification(
        transformers.ViTConfig(image_size=8, patch_size=4, num_labels=5, **SIZES)
    )
    module.save_pretrained(tmp_path)
    layer = nn.VisionTransformer(8, 4, 12, 3, 2, 5, hidden=20)
    assert "encoder" in nn.load_weights(tmp_path / "model.safetensors")["vit"]
    saved = nn.from_vit(layer, nn.load_weights(tmp_path / "model.safetensors"))
    assert_near(saved, nn.from_vit(layer, module.state_dict()), 0)
