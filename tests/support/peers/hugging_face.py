"""Small models of transformers with random weights in float64, compared with the same ones here."""

from typing import Any, NamedTuple

import numpy as np

from numpy_attention.optim.adam import adam_init, adamw_step
from numpy_attention.optim.trees import flatten

RATE, DECAY = 1e-3, 0.01


class Both(NamedTuple):
    """One model, there and here: a torch module, a layer, how names are read, and how each is called."""

    module: Any
    layer: Any
    read: Any
    theirs: Any
    """theirs(module) -> a tensor"""
    ours: Any
    """ours(params) -> (out, saved)"""


def random_weights(torch, module, seed=0):
    """The module in float64 and in evaluation, every parameter drawn anew: norms near 1, the others small."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for name, parameter in module.named_parameters():
        drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        norm = parameter.ndim == 1 and name.endswith("weight")
        parameter.data = 1 + 0.1 * drawn if norm else 0.3 * drawn
    return module


def wide_llama(torch, modeling, monkeypatch):
    """Llama's norm and angles in the dtype of its weights: as they stand, both compute in float32 always."""

    def norm(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    def angles(self, x, position_ids):
        config = self.config
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        rates = config.rope_parameters["rope_theta"] ** -(
            torch.arange(0, width, 2, dtype=torch.float64) / width
        )
        each = position_ids[..., None].double() * rates
        both = torch.cat((each, each), dim=-1)
        return both.cos(), both.sin()

    monkeypatch.setattr(modeling.LlamaRMSNorm, "forward", norm)
    monkeypatch.setattr(modeling.LlamaRotaryEmbedding, "forward", angles)


def apart(ours, theirs):
    """The distance of two arrays in units of the second's norm."""
    return np.linalg.norm(ours - theirs) / (np.linalg.norm(theirs) or 1.0)


def assert_near(ours, theirs, most):
    """Every parameter within `most`."""
    ours, theirs = flatten(ours), flatten(theirs)
    assert set(ours) == set(theirs)
    distances = {name: apart(ours[name], theirs[name]) for name in theirs}
    assert {name: each for name, each in distances.items() if not each <= most} == {}


def gradients(torch, both, d_out):
    """The gradients of <d_out, out> there, nested as here."""
    both.module.zero_grad()
    both.theirs(both.module).backward(torch.tensor(d_out))
    named = {name: parameter.grad for name, parameter in both.module.named_parameters()}
    return both.read(both.layer, named)


def check(torch, both):
    """Output and every gradient within 1e-12, ten steps of AdamW within 1e-10."""
    params = both.read(both.layer, dict(both.module.named_parameters()))
    out, saved = both.ours(params)
    expected = both.theirs(both.module).detach().numpy()
    assert apart(out, expected) <= 1e-12
    d_out = np.random.default_rng(0).standard_normal(out.shape) / out.size  # a mean: see below
    _, d_params = both.layer.backward(d_out, saved)
    assert_near(d_params, gradients(torch, both, d_out), 1e-12)
    optimizer = torch.optim.AdamW(both.module.parameters(), lr=RATE, weight_decay=DECAY)
    state = adam_init(params)
    for _ in range(10):
        gradients(torch, both, d_out)
        optimizer.step()
        _, saved = both.ours(params)
        _, d_params = both.layer.backward(d_out, saved)
        params, state = adamw_step(params, d_params, state, lr=RATE, weight_decay=DECAY)
    # the gradient of a key's bias is 0 but for rounding, which Adam divides by 1e-8: small enough for a mean
    assert_near(params, both.read(both.layer, dict(both.module.named_parameters())), 1e-10)
