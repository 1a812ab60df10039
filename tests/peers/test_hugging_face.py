"""GPT-2, Llama, BERT and ViT of transformers, random weights in float64, carried over by name.

Output and every parameter's gradient differ by at most 1e-12 of their norm, parameters after ten steps of
AdamW by 1e-10.
"""

import numpy as np
import pytest

from numpy_attention import nn
from tests.support.peers.hugging_face import Both, check, random_weights, wide_llama

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
