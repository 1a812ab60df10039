"""Attention of this package and of others, forward and backward, on arrays converted beforehand.

A maker takes a `SpeedCase`, its arrays (query, key, value, d_out) and `backward`, True for gradients, and
returns the call to time: () -> out, or (out, d_query, d_key, d_value).
"""

import importlib
import math
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na

Call = Callable[[], Any]
WINDOW = 256
"""Visible keys of a query in a windowed case: its own and those before it."""


class SpeedCase(NamedTuple):
    """A problem: query (heads, L, D), key and value (groups, S, D).

    see: "all", "causal" or "window"; size: the standard deviation of the scores.
    """

    heads: int
    L: int
    D: int
    see: str = "all"
    groups: int = 0
    S: int = 0
    size: float = 1.0

    @property
    def keys(self) -> int:
        """S, by default L."""
        return self.S or self.L

    def visible(self) -> int:
        """The number of visible query-key pairs in all heads."""
        rows = np.arange(1, self.L + 1)
        of_rows = {"all": np.full(self.L, self.keys), "causal": rows, "window": np.minimum(rows, WINDOW)}
        return self.heads * int(of_rows[self.see].sum())

    def mask(self) -> np.ndarray | None:
        """The visible pairs as an array; None for all."""
        if self.see == "all":
            return None
        return self.mask_value().array(self.L, self.keys)

    def mask_value(self) -> Any:
        """The mask as a value of this package; None for all."""
        return {"all": None, "causal": na.causal(), "window": na.window(WINDOW - 1, 0)}[self.see]

    def arrays(self, dtype: str) -> list[np.ndarray]:
        """query, key, value, d_out."""
        rng = np.random.default_rng(0)
        keys = (self.groups or self.heads, self.keys, self.D)
        shapes = [(self.heads, self.L, self.D), keys, keys, (self.heads, self.L, self.D)]
        drawn = [rng.standard_normal(shape, dtype=np.dtype(dtype).type) for shape in shapes]
        drawn[0] *= np.dtype(dtype).type(self.size)
        return drawn


def threads() -> int:
    """Threads of every side: all processors that this process may use."""
    here = getattr(os, "sched_getaffinity", None)
    return len(here(0)) if here else os.cpu_count() or 1


def installed(name: str) -> ModuleType | None:
    """The package, or None if it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def ours(case: SpeedCase, arrays: list[np.ndarray], backward: bool) -> Call:
    """numpy_attention.fast_attention."""
    *inputs, d_out = arrays
    options: dict[str, Any] = dict(mask=case.mask_value(), threads=threads())
    if not backward:
        return lambda: na.fast_attention(*inputs, **options)

    def both() -> Any:
        out, saved = na.fast_attention_forward(*inputs, **options)
        return (out, *na.fast_attention_backward(d_out, saved)[:3])

    return both


def naive(case: SpeedCase, arrays: list[np.ndarray], backward: bool) -> Call:
    """The textbook form."""
    query, key, value, d_out = arrays
    mask, repeats = case.mask(), case.heads // len(key)
    scale = query.dtype.type(1 / math.sqrt(case.D))

    def forward(k: Any, v: Any) -> Any:
        scores = query @ k.swapaxes(-1, -2) * scale
        if mask is not None:
            scores = np.where(mask, scores, query.dtype.type(-np.inf))
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights = powers / powers.sum(axis=-1, keepdims=True)
        return weights @ v, weights

    def repeated() -> Any:
        return (key, value) if repeats == 1 else (key.repeat(repeats, axis=0), value.repeat(repeats, axis=0))

    def both() -> Any:
        k, v = repeated()
        out, weights = forward(k, v)
        d_weights = d_out @ v.swapaxes(-1, -2)
        d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True)) * scale
        d_key, d_value = d_scores.swapaxes(-1, -2) @ query, weights.swapaxes(-1, -2) @ d_out
        if repeats > 1:
            d_key, d_value = (x.reshape(-1, repeats, *x.shape[1:]).sum(axis=1) for x in (d_key, d_value))
        return out, d_scores @ k, d_key, d_value

    return both if backward else lambda: forward(*repeated())[0]


def torch_sdpa(backend: str) -> Callable[[SpeedCase, list[np.ndarray], bool], Call]:
    """torch's scaled_dot_product_attention with one of its backends."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    kernel = getattr(SDPBackend, backend)
    attention = torch.nn.functional.scaled_dot_product_attention

    def make(case: SpeedCase, arrays: list[np.ndarray], backward: bool) -> Call:
        *inputs, d_out = (torch.tensor(x)[None] for x in arrays)
        options: dict[str, Any] = dict(is_causal=case.see == "causal")
        if case.groups:
            options["enable_gqa"] = True
        if case.see == "window":
            options["attn_mask"] = torch.tensor(case.mask())

        def forward() -> Any:
            with sdpa_kernel(kernel), torch.no_grad():
                return attention(*inputs, **options)[0]

        def both() -> Any:
            with sdpa_kernel(kernel):
                out = attention(*inputs, **options)
                return [x[0] for x in (out, *torch.autograd.grad(out, inputs, d_out))]

        if not backward:
            return forward
        inputs = [x.requires_grad_() for x in inputs]
        return both

    return make


def jax_formula(case: SpeedCase, arrays: list[np.ndarray], backward: bool) -> Call:
    """The formula in jax, compiled."""
    import jax

    *inputs, d_out = (jax.numpy.asarray(x) for x in arrays)
    mask, repeats = case.mask(), case.heads // len(arrays[1])

    def attention(query: Any, key: Any, value: Any) -> Any:
        if repeats > 1:
            key, value = (jax.numpy.repeat(x, repeats, axis=0) for x in (key, value))
        scores = query @ key.swapaxes(-1, -2) / math.sqrt(case.D)
        if mask is not None:
            scores = jax.numpy.where(mask, scores, -jax.numpy.inf)
        return jax.nn.softmax(scores, axis=-1) @ value

    def both(query: Any, key: Any, value: Any, d_out: Any) -> Any:
        out, back = jax.vjp(attention, query, key, value)
        return (out, *back(d_out))

    compiled = jax.jit(both if backward else attention)
    arguments = (*inputs, d_out) if backward else inputs
    return lambda: jax.block_until_ready(compiled(*arguments))


def autograd_formula(case: SpeedCase, arrays: list[np.ndarray], backward: bool) -> Call:
    """The formula in HIPS autograd; ungrouped heads, nothing hidden."""
    from autograd import make_vjp
    from autograd import numpy as anp

    *inputs, d_out = arrays
    scale = inputs[0].dtype.type(1 / math.sqrt(case.D))

    def attention(inputs: Any) -> Any:
        query, key, value = inputs
        scores = anp.matmul(query, anp.swapaxes(key, -1, -2)) * scale
        powers = anp.exp(scores - anp.max(scores, axis=-1, keepdims=True))
        return anp.matmul(powers / anp.sum(powers, axis=-1, keepdims=True), value)

    def both() -> Any:
        back, out = make_vjp(attention)(tuple(inputs))
        return (out, *back(d_out))

    return both if backward else lambda: attention(inputs)


def mygrad_formula(case: SpeedCase, arrays: list[np.ndarray], backward: bool) -> Call:
    """The formula in MyGrad; ungrouped heads, nothing hidden."""
    import mygrad
    from mygrad.nnet.activations import softmax

    *inputs, d_out = arrays
    scale = inputs[0].dtype.type(1 / math.sqrt(case.D))

    def attention(query: Any, key: Any, value: Any) -> Any:
        scores = mygrad.matmul(query, mygrad.swapaxes(key, -1, -2)) * scale
        return mygrad.matmul(softmax(scores, axis=-1), value)

    def both() -> Any:
        tensors = [mygrad.tensor(x) for x in inputs]
        out = attention(*tensors)
        out.backward(d_out)
        return (out.data, *(x.grad for x in tensors))

    def forward() -> Any:
        with mygrad.no_autodiff:
            return attention(*inputs).data

    return both if backward else forward
