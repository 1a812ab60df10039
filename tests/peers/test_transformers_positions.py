"""Positions against Hugging Face's transformers: rates of rotary positions, T5's buckets, ALiBi's slopes."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.positions.scaling import rates_of

SCALINGS = {
    "linear": (nn.LinearScaling(4.0), {"factor": 4.0}),
    "yarn": (nn.YaRNScaling(8.0, 512), {"factor": 8.0, "original_max_position_embeddings": 512}),
    "yarn, other turns": (
        nn.YaRNScaling(4.0, 64, fast=16.0, slow=2.0, amplitude=1.5),
        {"factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 16.0, "beta_slow": 2.0,
         "attention_factor": 1.5},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCALINGS)
@pytest.mark.parametrize("base", [10000.0, 500.0])
def test_rates_and_amplitudes(peer, name, base):
    scaling, options = SCALINGS[name]
    functions = peer("transformers.modeling_rope_utils").ROPE_INIT_FUNCTIONS
    kind = name.partition(",")[0]
    config = peer("transformers").LlamaConfig(
        hidden_size=256, num_attention_heads=4, max_position_embeddings=4096,
        rope_parameters={"rope_type": kind, "rope_theta": base, **options},
    )  # fmt: skip
    theirs, amplitude = functions[kind](config, "cpu")
    rates, ours = scaling.rates(64, base)
    np.testing.assert_allclose(rates, theirs.numpy(), rtol=1e-5)  # they compute in float32
    assert ours == pytest.approx(amplitude)


def test_ntk_is_their_dynamic_one_at_the_longest_sequence(peer):
    """Theirs is base * (factor * length / original - factor + 1)^(width / (width - 2)); for a factor of 1."""
    functions = peer("transformers.modeling_rope_utils").ROPE_INIT_FUNCTIONS
    config = peer("transformers").LlamaConfig(
        hidden_size=256, num_attention_heads=4, max_position_embeddings=100,
        rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 1.0},
    )  # fmt: skip
    theirs, _ = functions["dynamic"](config, "cpu", seq_len=300)
    np.testing.assert_allclose(nn.NTKScaling(3.0).rates(64, 10000.0)[0], theirs.numpy(), rtol=1e-5)
    assert np.abs(rates_of(64, 10000.0) - theirs.numpy()).max() > 1e-3


@pytest.mark.parametrize("bidirectional", [True, False])
def test_t5_buckets(peer, bidirectional):
    torch, t5 = peer("torch"), peer("transformers.models.t5.modeling_t5")
    distances = np.arange(-400, 401)
    theirs = t5.T5Attention._relative_position_bucket(torch.tensor(distances), bidirectional, 32, 128)
    np.testing.assert_array_equal(nn.t5_buckets(distances, 32, 128, bidirectional), theirs.numpy())


def test_alibi_slopes(peer):
    torch, bloom = peer("torch"), peer("transformers.models.bloom.modeling_bloom")
    for heads in (1, 2, 3, 8, 12, 16, 112):
        theirs = bloom.build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1].numpy()
        np.testing.assert_allclose(nn.alibi_slopes(heads), theirs, rtol=1e-5)
