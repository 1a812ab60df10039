"""Implementations of attention: this package and the alternatives a user would pick, forward and backward.

Each is called with query (L, D), key (S, D), value (S, E) and d_out (L, E), all of one dtype, and returns
out, d_query, d_key, d_value as NumPy arrays. Libraries that are not installed are left out.
"""

import importlib
import math
import os
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import numpy_attention as na
from numpy_attention.functional.base.admission import Array

Contender = Callable[[Array, Array, Array, Array], tuple[Array, ...]]


def ours(query: Array, key: Array, value: Array, d_out: Array) -> tuple[Array, ...]:
    """numpy_attention."""
    out, saved = na.attention_forward(query, key, value)
    return (out, *na.attention_backward(d_out, saved)[:3])


def plain_numpy(query: Array, key: Array, value: Array, d_out: Array) -> tuple[Array, ...]:
    """The textbook formula, in the inputs' dtype."""
    scale = np.asarray(1 / math.sqrt(query.shape[-1]), dtype=query.dtype)
    scores = scale * (query @ key.T)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = powers / powers.sum(axis=-1, keepdims=True)
    d_weights = d_out @ value.T
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return weights @ value, scale * (d_scores @ key), scale * (d_scores.T @ query), weights.T @ d_out


def _torch(torch: Any, attention: Callable[..., Any]) -> Contender:
    def run(*arrays: Array) -> tuple[Array, ...]:
        *inputs, d_out = (torch.tensor(array)[None, None] for array in arrays)
        inputs = [x.requires_grad_() for x in inputs]
        out = attention(*inputs)
        gradients = torch.autograd.grad(out, inputs, d_out)
        return tuple(x.detach()[0, 0].numpy() for x in (out, *gradients))

    return run


def _torch_formula(query: Any, key: Any, value: Any) -> Any:
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value


def _jax(jax: Any, attention: Callable[..., Any]) -> Contender:
    def run(*arrays: Array) -> tuple[Array, ...]:
        *inputs, d_out = (jax.numpy.asarray(array) for array in arrays)
        out, back = jax.vjp(attention, *inputs)
        return tuple(np.asarray(x) for x in (out, *back(d_out)))

    return run


def _jax_contenders(jax: Any) -> dict[str, Contender]:
    jax.config.update("jax_enable_x64", True)

    def formula(query: Any, key: Any, value: Any) -> Any:
        scores = query @ key.T / math.sqrt(query.shape[-1])
        return jax.nn.softmax(scores, axis=-1) @ value

    def library(query: Any, key: Any, value: Any) -> Any:
        query, key, value = (x[:, None] for x in (query, key, value))  # a head axis
        return jax.nn.dot_product_attention(query, key, value)[:, 0]

    return {"jax, the formula": _jax(jax, formula), "jax.nn.dot_product_attention": _jax(jax, library)}


def contenders() -> dict[str, Contender]:
    """All installed implementations, by name."""
    implementations: dict[str, Contender] = {"numpy_attention": ours, "plain NumPy": plain_numpy}
    torch = _installed("torch")
    if torch is not None:
        torch.set_num_threads(1)
        library = torch.nn.functional.scaled_dot_product_attention
        implementations["torch scaled_dot_product_attention"] = _torch(torch, library)
        implementations["torch, the formula"] = _torch(torch, _torch_formula)
    jax = _installed("jax")
    return implementations if jax is None else implementations | _jax_contenders(jax)


def _installed(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def machine() -> str:
    """The processor, the number of processors, and the versions of Python and the libraries."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = [line.split(":")[1] for line in lines if line.startswith("model name")]
        cpu = names[0].strip() if names else cpu
    versions = [f"Python {platform.python_version()}"]
    for package in ("numpy", "torch", "jax"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package} not installed")
    return f"{cpu}, {os.cpu_count()} processors; {platform.system()}; {', '.join(versions)}"
