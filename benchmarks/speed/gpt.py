"""A small GPT in float32: a training step and a decoding step, beside torch and their products alone."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import numpy_attention as na
from benchmarks.speed.peers import installed, threads
from benchmarks.speed.turns import SpeedComparison, left_out
from numpy_attention import nn
from numpy_attention.optim.trees import flatten, unflatten

VOCABULARY, WIDTH, HEADS, LAYERS, CONTEXT = 256, 128, 4, 4, 1024
LENGTH, BATCH = 256, 16
QUICK_BATCH = 4
PRODUCTS = "its products alone"
TOLERANCE = 1e-3
"""Of a loss, and of logits near 1: sums of 512 terms through nine norms in float32."""


def gpt(quick: bool) -> Iterator[SpeedComparison]:
    """Each step against torch, then against the matrix products in it."""
    model = nn.LanguageModel(VOCABULARY, WIDTH, HEADS, LAYERS, CONTEXT)
    drawn = flatten(model.init(np.random.default_rng(0)))
    params = {name: x.astype(np.float32) for name, x in drawn.items()}
    ids = np.random.default_rng(1).integers(VOCABULARY, size=(QUICK_BATCH if quick else BATCH, LENGTH + 1))
    step = training_step(model, params, ids)
    row = f"training step, {len(ids)} x {LENGTH} ids, forward + backward + AdamW"
    yield SpeedComparison(row, PRODUCTS, step, training_products(len(ids) * LENGTH), pairs=(5, 15))
    prompt = np.random.default_rng(2).integers(VOCABULARY, size=(1, CONTEXT))
    decode = decoding_step(model, params, prompt)
    decoded = f"decoding step, {CONTEXT} keys, one id"
    yield SpeedComparison(decoded, PRODUCTS, decode, decoding_products(), pairs=(9, 31))
    if installed("torch") is None:
        yield left_out(row, "torch", "not installed")
        yield left_out(decoded, "torch", "not installed")
        return
    fresh = training_step(model, params, ids)
    yield SpeedComparison(row, "torch", fresh, torch_training(params, ids), TOLERANCE, pairs=(5, 15))
    yield SpeedComparison(decoded, "torch", decode, torch_decoding(params, prompt), TOLERANCE, pairs=(9, 31))


def training_step(model: Any, params: dict[str, Any], ids: Any) -> Callable[[], Any]:
    """A call that takes one step of AdamW and returns the loss before it."""
    own = unflatten({name: x.copy() for name, x in params.items()})
    state = na.adam_init(own)

    def step() -> Any:
        logits, saved = model.forward(own, ids[:, :-1])
        loss, saved_loss = na.cross_entropy_forward(logits, ids[:, 1:])
        _, d_params = model.backward(na.cross_entropy_backward(np.float32(1), saved_loss), saved)
        na.adamw_update(own, d_params, state, lr=1e-3)
        return loss

    return step


def decoding_step(model: Any, params: dict[str, Any], prompt: Any) -> Callable[[], Any]:
    """A call that gives the logits after the last id, the others being in the cache."""
    own, cache = unflatten(params), model.cache()
    model.forward(own, prompt[:, :-1], cache=cache)

    def step() -> Any:
        logits, _ = model.forward(own, prompt[:, -1:], cache=cache)
        cache.trim(CONTEXT - 1)
        return logits

    return step


def shapes() -> list[tuple[int, int]]:
    """(out, in) of every linear map."""
    block = [(3 * WIDTH, WIDTH), (WIDTH, WIDTH), (4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH)]
    return [*block * LAYERS, (VOCABULARY, WIDTH)]


def random(*shape: int) -> Any:
    """Standard normal numbers in float32."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def training_products(rows: int) -> Callable[[], Any]:
    """x @ weightᵀ and both products of its backward for every linear map; the attention's, half of L x L."""
    maps = [(random(rows, n), random(m, n), random(rows, m)) for m, n in shapes()]
    heads = random(rows // LENGTH * HEADS, LENGTH, WIDTH // HEADS)
    scores = random(len(heads), LENGTH, LENGTH // 2)

    def products() -> Any:
        for x, weight, d_out in maps:
            _ = x @ weight.T, d_out @ weight, d_out.T @ x
        for _ in range(LAYERS):
            half = heads[:, : LENGTH // 2]
            _ = heads @ half.swapaxes(1, 2), scores @ half, heads @ half.swapaxes(1, 2)
            _ = scores @ half, scores.swapaxes(1, 2) @ heads, scores.swapaxes(1, 2) @ heads

    return products


def decoding_products() -> Callable[[], Any]:
    """One row times every weight; one query with all keys, and its weights with all values."""
    maps = [(random(1, n), random(m, n)) for m, n in shapes()]
    query, keys, weights = random(HEADS, 1, 32), random(HEADS, CONTEXT, 32), random(HEADS, 1, CONTEXT)

    def products() -> Any:
        for x, weight in maps:
            x @ weight.T
        for _ in range(LAYERS):
            _ = query @ keys.swapaxes(1, 2), weights @ keys

    return products


# --------------------------------------------------------------------------------------- the same in torch


def torch_logits(weights: dict[str, Any], ids: Any, past: Any = None) -> Any:
    """Logits (B, L, vocabulary) as a user writes them; past: ((keys, values) of each layer, their number)."""
    from torch.nn import functional as f

    held, start = past or (None, 0)
    B, L = ids.shape
    x = f.embedding(ids, weights["embedding.weight"]) + weights["positions.weight"][start : start + L]
    for n in range(LAYERS):
        p = {name: weights[f"layers.{n}.{name}"] for name in NAMES}
        y = f.layer_norm(x, (WIDTH,), p["norm1.weight"], p["norm1.bias"])
        joined = f.linear(y, p["self_attn.in_proj_weight"], p["self_attn.in_proj_bias"])
        q, k, v = joined.view(B, L, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        if held is not None:
            for memory, new in zip(held[n], (k, v), strict=True):
                memory[:, :, start : start + L] = new
            k, v = (memory[:, :, : start + L] for memory in held[n])
        y = f.scaled_dot_product_attention(q, k, v, is_causal=L > 1).transpose(1, 2).reshape(B, L, WIDTH)
        x = x + f.linear(y, p["self_attn.out_proj.weight"], p["self_attn.out_proj.bias"])
        y = f.layer_norm(x, (WIDTH,), p["norm2.weight"], p["norm2.bias"])
        y = f.gelu(f.linear(y, p["linear1.weight"], p["linear1.bias"]), approximate="tanh")
        x = x + f.linear(y, p["linear2.weight"], p["linear2.bias"])
    x = f.layer_norm(x, (WIDTH,), weights["norm.weight"], weights["norm.bias"])
    return f.linear(x, weights["embedding.weight"])


PARTS = ("self_attn.in_proj_", "self_attn.out_proj.", "linear1.", "linear2.", "norm1.", "norm2.")
NAMES = [f"{part}{kind}" for part in PARTS for kind in ("weight", "bias")]


def torch_training(params: dict[str, Any], ids: Any) -> Callable[[], Any]:
    """The same step of AdamW."""
    import torch

    torch.set_num_threads(threads())
    weights = {name: torch.nn.Parameter(torch.tensor(x)) for name, x in params.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=1e-3, weight_decay=0.01, foreach=True)
    tokens = torch.tensor(ids)

    def step() -> Any:
        optimizer.zero_grad()
        logits = torch_logits(weights, tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        return loss

    return step


def torch_decoding(params: dict[str, Any], prompt: Any) -> Callable[[], Any]:
    """The same step, with keys and values in arrays of the whole context."""
    import torch

    torch.set_num_threads(threads())
    weights, tokens = {name: torch.tensor(x) for name, x in params.items()}, torch.tensor(prompt)
    size = (1, HEADS, CONTEXT, WIDTH // HEADS)
    held = [(torch.zeros(size), torch.zeros(size)) for _ in range(LAYERS)]

    def step(ids: Any = tokens[:, -1:], start: int = CONTEXT - 1) -> Any:
        with torch.inference_mode():
            return torch_logits(weights, ids, (held, start))

    step(tokens[:, :-1], 0)
    return step
