"""Layers against PyTorch's, in float64, weights carried over by name: outputs and every gradient.

Options are drawn by Hypothesis. Every difference is below 1e-12 of the tensor's norm.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.optim.trees import flatten
from tests.support.layer_formulas import random_params

ALLOWED = 1e-12
seeds = st.integers(0, 2**32 - 1)


def close(ours, theirs, name):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape, name
    assert np.linalg.norm(ours - theirs) <= ALLOWED * max(np.linalg.norm(theirs), 1e-3), name


def compare(layer, params, inputs, options, theirs, their_options, torch, rng, their_inputs=None):
    """Load the weights by name, run both, and compare out and every gradient."""
    theirs.load_state_dict({name: torch.tensor(x) for name, x in flatten(params).items()})
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    expected = theirs(*(their_inputs(tensors) if their_inputs else tensors), **their_options)
    expected = expected[0] if isinstance(expected, tuple) else expected
    out, saved = layer.forward(params, *inputs, **options)
    close(out, expected, "out")
    d_out = rng.standard_normal(out.shape)
    expected.backward(torch.tensor(d_out))
    d_inputs, d_params = layer.backward(d_out, saved)
    d_inputs = d_inputs if isinstance(d_inputs, tuple) else (d_inputs,)
    for place, tensor in enumerate(tensors):
        close(d_inputs[place], tensor.grad, f"input {place}")
    for name, parameter in theirs.named_parameters():
        close(flatten(d_params)[name], parameter.grad, name)


def mask_of(rng, L, S, kind):
    """A mask of ours and what PyTorch takes: True = may not attend."""
    if kind == "none":
        return None, None
    visible = rng.random((L, S)) < 0.7
    visible[:, 0] = True  # torch gives NaN for a fully masked row
    return na.visible(visible), ~visible


@given(
    seeds,
    st.sampled_from([(1, 4), (2, 3), (3, 2)]),
    st.integers(1, 3),
    st.sampled_from([(None, None), (5, 3), (6, 4)]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["none", "some"]),
)
def test_multi_head_attention(peer, seed, heads, inputs, widths, bias, bias_kv, zero, kind):
    torch = peer("torch")
    rng = np.random.default_rng(seed)
    H, D = heads
    inputs = inputs if widths == (None, None) else 3
    layer = nn.MultiHeadAttention(
        H * D,
        H,
        key_width=widths[0],
        value_width=widths[1],
        bias=bias,
        add_bias_kv=bias_kv,
        add_zero_attn=zero,
    )
    theirs = torch.nn.MultiheadAttention(
        H * D, H, kdim=widths[0], vdim=widths[1], bias=bias, add_bias_kv=bias_kv, add_zero_attn=zero,
        batch_first=True, dtype=torch.float64,
    )  # fmt: skip
    lengths = (5, 5, 5) if inputs == 1 else (5, 7, 7)
    arrays = [
        rng.standard_normal((2, n, width or H * D))
        for n, width in list(zip(lengths, (None, *widths), strict=True))[:inputs]
    ]
    mask, hidden = mask_of(rng, 5, lengths[-1], kind)
    compare(
        layer, random_params(layer, seed), arrays, {"mask": mask}, theirs,
        {"attn_mask": None if hidden is None else torch.tensor(hidden)}, torch, rng,
        lambda tensors: (*tensors, tensors[-1], tensors[-1])[:3],
    )  # fmt: skip


blocks = st.fixed_dictionaries(
    {
        "norm_first": st.booleans(),
        "activation": st.sampled_from(["relu", "gelu"]),
        "bias": st.booleans(),
        "eps": st.sampled_from([1e-5, 1e-3, 0.1]),
    }
)


def torch_block(torch, kind, options):
    renamed = {"layer_norm_eps" if name == "eps" else name: x for name, x in options.items()}
    return getattr(torch.nn, kind)(
        6, 2, 7, dropout=0.0, batch_first=True, dtype=torch.float64, **renamed
    ).train()  # train: without it torch takes a fused path, of another precision


@given(seeds, blocks, st.sampled_from(["none", "some"]))
def test_encoder_layer(peer, seed, options, kind):
    torch = peer("torch")
    rng = np.random.default_rng(seed)
    layer = nn.TransformerEncoderLayer(6, 2, 7, **options)
    mask, hidden = mask_of(rng, 5, 5, kind)
    compare(
        layer, random_params(layer, seed), [rng.standard_normal((2, 5, 6))], {"mask": mask},
        torch_block(torch, "TransformerEncoderLayer", options),
        {"src_mask": None if hidden is None else torch.tensor(hidden)}, torch, rng,
    )  # fmt: skip


@given(seeds, blocks, st.sampled_from(["none", "some"]), st.sampled_from(["none", "some"]))
def test_decoder_layer(peer, seed, options, kind, memory_kind):
    torch = peer("torch")
    rng = np.random.default_rng(seed)
    layer = nn.TransformerDecoderLayer(6, 2, 7, **options)
    mask, hidden = mask_of(rng, 5, 5, kind)
    memory_mask, memory_hidden = mask_of(rng, 5, 7, memory_kind)
    compare(
        layer, random_params(layer, seed), [rng.standard_normal((2, n, 6)) for n in (5, 7)],
        {"mask": mask, "memory_mask": memory_mask}, torch_block(torch, "TransformerDecoderLayer", options),
        {"tgt_mask": None if hidden is None else torch.tensor(hidden),
         "memory_mask": None if memory_hidden is None else torch.tensor(memory_hidden)}, torch, rng,
    )  # fmt: skip


@given(seeds, st.booleans())
def test_encoder_and_decoder(peer, seed, norm):
    torch = peer("torch")
    rng = np.random.default_rng(seed)
    options = {"norm_first": norm}
    x, memory = rng.standard_normal((2, 5, 6)), rng.standard_normal((2, 7, 6))
    for stack, theirs, name, inputs in (
        (nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 7, **options), 2, norm=norm),
         torch.nn.TransformerEncoder, "TransformerEncoderLayer", [x]),
        (nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 7, **options), 2, norm=norm),
         torch.nn.TransformerDecoder, "TransformerDecoderLayer", [x, memory]),
    ):  # fmt: skip
        extra = {"enable_nested_tensor": False} if "Encoder" in name else {}
        last = torch.nn.LayerNorm(6, dtype=torch.float64) if norm else None
        module = theirs(torch_block(torch, name, options), 2, norm=last, **extra).train()
        compare(stack, random_params(stack, seed), inputs, {}, module, {}, torch, rng)


@given(seeds)
def test_small_layers(peer, seed):
    torch = peer("torch")
    rng, x = np.random.default_rng(seed), np.random.default_rng(seed).standard_normal((2, 5, 6))
    f64 = {"dtype": torch.float64}
    for layer, theirs in (
        (nn.Linear(6, 4), torch.nn.Linear(6, 4, **f64)),
        (nn.Linear(6, 4, bias=False), torch.nn.Linear(6, 4, bias=False, **f64)),
        (nn.LayerNorm(6, eps=0.1), torch.nn.LayerNorm(6, eps=0.1, **f64)),
        (nn.RMSNorm(6, eps=0.1), torch.nn.RMSNorm(6, eps=0.1, **f64)),
        (nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4)),
         torch.nn.Sequential(torch.nn.Linear(6, 4, **f64), torch.nn.LayerNorm(4, **f64))),
    ):  # fmt: skip
        compare(layer, random_params(layer, seed), [x], {}, theirs, {}, torch, rng)
    layer, theirs = nn.Embedding(7, 3), torch.nn.Embedding(7, 3, **f64)
    params, ids = random_params(layer, seed), rng.integers(0, 7, (2, 5))
    theirs.weight = torch.nn.Parameter(torch.tensor(params["weight"]))
    out, saved = layer.forward(params, ids)
    expected = theirs(torch.tensor(ids))
    close(out, expected, "out")
    expected.backward(torch.tensor(out))
    close(layer.backward(out, saved)[1]["weight"], theirs.weight.grad, "weight")


@given(seeds, blocks)
def test_ten_adamw_steps(peer, seed, options):
    """Gradients of both sides drive their own optimizers; parameters stay within 1e-10.

    A key's bias has gradient 0, since it shifts all scores of a row: rounding is all that either side has of
    it, and AdamW divides that by eps, here not small.
    """
    torch = peer("torch")
    rng = np.random.default_rng(seed)
    layer = nn.TransformerEncoderLayer(6, 2, 7, **options)
    params = random_params(layer, seed)
    theirs = torch_block(torch, "TransformerEncoderLayer", options)
    theirs.load_state_dict({name: torch.tensor(x) for name, x in flatten(params).items()})
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-2, weight_decay=0.1, eps=1e-3)
    state = na.adamw_init(params)
    for _ in range(10):
        x, target = rng.standard_normal((2, 2, 5, 6))
        out, saved = layer.forward(params, x)
        _, grads = layer.backward(out - target, saved)
        params, state = na.adamw_step(params, grads, state, lr=1e-2, weight_decay=0.1, eps=1e-3)
        optimizer.zero_grad()
        (0.5 * (theirs(torch.tensor(x)) - torch.tensor(target)) ** 2).sum().backward()
        optimizer.step()
    for name, parameter in theirs.named_parameters():
        expected = parameter.detach().numpy()
        assert np.linalg.norm(flatten(params)[name] - expected) <= 1e-10 * np.linalg.norm(expected), name
