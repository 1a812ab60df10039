"""Correct candidates in PyTorch and JAX: the formula as users write it, and the library's own attention."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.contenders import _installed


class CorrectCandidate(NamedTuple):
    """A correct candidate: its name, function and dtype, and the referee's options for it."""

    kind: str
    function: Callable[..., Any]
    dtype: str
    options: dict[str, Any]


DTYPES = ("float32", "bfloat16", "float16", "float64")
HALVES = ("bfloat16", "float16")
_FORMULA: dict[str, Any] = dict(mask="visible", causal="bottom_right", empty_rows=False)  # NaN in empty rows


def torch_formula(torch: Any) -> Callable[..., Any]:
    """The seven steps as a user writes them, differentiated by autograd."""

    def attention(
        query: Any, key: Any, value: Any, causal: bool = False, window: Any = None, mask: Any = None,
        bias: Any = None, scale: float | None = None, softcap: float | None = None, sinks: Any = None,
        dropout: Any = None,
    ) -> Any:  # fmt: skip
        group = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(group, 1), value.repeat_interleave(group, 1)
        scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        if bias is not None:
            scores = scores + bias
        L, S = scores.shape[-2:]
        ahead = torch.arange(S) - torch.arange(L)[:, None] - (S - L)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        if causal:
            scores = scores.masked_fill(ahead > 0, -torch.inf)
        if window is not None:
            scores = scores.masked_fill((ahead < -window[0]) | (ahead > window[1]), -torch.inf)
        if sinks is not None:
            column = sinks[:, None, None].expand(*scores.shape[:-1], 1)
            scores = torch.cat([scores, column], -1)
        weights = torch.softmax(scores, -1)[..., :S]
        return (weights if dropout is None else weights * dropout) @ value

    return attention


def torch_library(torch: Any) -> Callable[..., Any]:
    """scaled_dot_product_attention with its default choice of backend."""
    library = torch.nn.functional.scaled_dot_product_attention

    def attention(query: Any, key: Any, value: Any, causal: bool = False, scale: float | None = None) -> Any:
        return library(query, key, value, is_causal=causal, scale=scale, enable_gqa=True)

    return attention


def torch_masked(torch: Any) -> Callable[..., Any]:
    """scaled_dot_product_attention with an array as mask or bias."""
    library = torch.nn.functional.scaled_dot_product_attention

    def attention(query: Any, key: Any, value: Any, mask: Any = None, scale: float | None = None) -> Any:
        return library(query, key, value, attn_mask=mask, scale=scale, enable_gqa=True)

    return attention


def jax_formula(jax: Any) -> Callable[..., Any]:
    """The seven steps as a user writes them, differentiated by jax.vjp."""
    jnp = jax.numpy

    def attention(
        query: Any, key: Any, value: Any, causal: bool = False, window: Any = None, mask: Any = None,
        bias: Any = None, scale: float | None = None, softcap: float | None = None, sinks: Any = None,
        dropout: Any = None,
    ) -> Any:  # fmt: skip
        group = query.shape[1] // key.shape[1]
        key, value = jnp.repeat(key, group, 1), jnp.repeat(value, group, 1)
        scores = query @ key.swapaxes(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
        if softcap is not None:
            scores = softcap * jnp.tanh(scores / softcap)
        if bias is not None:
            scores = scores + bias
        L, S = scores.shape[-2:]
        ahead = jnp.arange(S) - jnp.arange(L)[:, None] - (S - L)
        visible = jnp.ones((1, 1, L, S), dtype=bool) if mask is None else mask
        if causal:
            visible = visible & (ahead <= 0)
        if window is not None:
            visible = visible & (ahead >= -window[0]) & (ahead <= window[1])
        scores = jnp.where(visible, scores, -jnp.inf)
        if sinks is not None:
            column = jnp.broadcast_to(sinks[:, None, None], (*scores.shape[:-1], 1))
            scores = jnp.concatenate([scores, column], -1)
        weights = jax.nn.softmax(scores, axis=-1)[..., :S]
        return (weights if dropout is None else weights * dropout) @ value

    return attention


def jax_library(jax: Any) -> Callable[..., Any]:
    """jax.nn.dot_product_attention."""

    def attention(
        query: Any, key: Any, value: Any, causal: bool = False, window: Any = None, bias: Any = None,
        scale: float | None = None,
    ) -> Any:  # fmt: skip
        return jax.nn.dot_product_attention(
            query, key, value, bias=bias, scale=scale, is_causal=causal, local_window_size=window
        )

    return attention


def framework_candidates() -> Iterator[CorrectCandidate]:
    """All candidates in every dtype; in half precision the formula rounds after every operation."""
    if (torch := _installed("torch")) is not None:
        torch.set_num_threads(1)
        for dtype in DTYPES:
            rounding = {"arithmetic": dtype} if dtype in HALVES else {}
            options = dict(_FORMULA, framework="torch", **rounding)
            yield CorrectCandidate("torch, the formula", torch_formula(torch), dtype, options)
            options = dict(causal="top_left", framework="torch")
            yield CorrectCandidate("torch scaled_dot_product_attention", torch_library(torch), dtype, options)
            options = dict(mask="visible", framework="torch")
            yield CorrectCandidate(
                "torch scaled_dot_product_attention, masked", torch_masked(torch), dtype, options
            )
    if (jax := _installed("jax")) is not None:
        jax.config.update("jax_enable_x64", True)
        for dtype in DTYPES:
            rounding = {"arithmetic": dtype} if dtype in HALVES else {}
            options = dict(_FORMULA, framework="jax", **rounding)
            yield CorrectCandidate("jax, the formula", jax_formula(jax), dtype, options)
            # its softmax always runs in float32
            rounding = {"arithmetic": "float32"} if dtype == "float64" else {}
            options = dict(causal="top_left", layout="BLHD", framework="jax", **rounding)
            yield CorrectCandidate("jax.nn.dot_product_attention", jax_library(jax), dtype, options)
