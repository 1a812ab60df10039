"""Correct attentions that differ as correct programs do: tile by tile in any order, in any precision."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from numpy_attention.check.rounding.formats import FORMATS

Array = np.ndarray[Any, Any]


class TiledProgram(NamedTuple):
    """Attention tile by tile, forward with a running maximum, backward from lse, by hand.

    dtype : dtype of the arithmetic.
    kept : format in which weights, gradients of scores and results are stored.
    rows, columns : size of a tile.
    order : order of the column tiles, and of the keys in them: "forward", "backward" or "shuffled".
    delta : source of the row sums of backward: "out" or "weights".
    base_two : exponentials of base 2, log2(e) folded into the scale.
    scale_first : the scale multiplied into query, not into the scores.
    """

    dtype: str
    kept: str
    rows: int
    columns: int
    order: str
    delta: str
    base_two: bool
    scale_first: bool
    seed: int

    def __call__(
        self, query: Array, key: Array, value: Array, *, d_out: Array, causal: bool = False,
        window: tuple[int, int] | None = None, mask: Array | None = None, bias: Array | None = None,
        scale: float | None = None, softcap: float | None = None, sinks: Array | None = None,
        dropout: Array | None = None, d_lse: Array | None = None,
    ) -> dict[str, Array]:  # fmt: skip
        """All results by name."""
        number = np.dtype(self.dtype).type
        L, S, group = query.shape[-2], key.shape[-2], query.shape[1] // key.shape[1]
        input_dtype, numbers = query.dtype, [x.astype(self.dtype) for x in (query, key, value, d_out)]
        query, key, value, d_out = numbers
        key, value = np.repeat(key, group, axis=1), np.repeat(value, group, axis=1)
        scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        times = number(scale * math.log2(math.e)) if self.base_two and softcap is None else number(scale)
        unit = number(math.log2(math.e) if self.base_two else 1.0)
        exp: Callable[[Array], Array] = np.exp2 if self.base_two else np.exp
        ahead = np.arange(S) - np.arange(L)[:, None] - (S - L)
        visible = np.ones((1, 1, L, S), dtype=bool) if mask is None else mask
        if causal:
            visible = visible & (ahead <= 0)
        if window is not None:
            visible = visible & (ahead >= -window[0]) & (ahead <= window[1])
        shape = (*query.shape[:2], L, S)
        visible = np.broadcast_to(visible, shape)
        added = None if bias is None else np.broadcast_to(bias.astype(self.dtype), shape)
        multipliers = np.broadcast_to(number(1), shape) if dropout is None else dropout.astype(self.dtype)

        def scores(r: Array, c: Array) -> tuple[Array, Array | None]:
            """Scores of a tile, in units of the exponential's base, and the slope of softcap."""
            q, k = query[:, :, r], key[:, :, c].swapaxes(-1, -2)
            x = (times * q) @ k if self.scale_first else times * (q @ k)
            slope = None
            if softcap is not None:
                turned = np.tanh(x / number(softcap))
                x, slope = number(softcap) * turned * unit, 1 - turned * turned
            if added is not None:
                x = x + added[:, :, r][..., c] * unit
            return np.where(visible[:, :, r][..., c], x, number(-np.inf)), slope

        rows = [np.arange(start, min(start + self.rows, L)) for start in range(0, L, self.rows)]
        columns = self._columns(S)
        out, lse = np.zeros((*shape[:-1], value.shape[-1]), self.dtype), np.zeros(shape[:-1], self.dtype)
        for r in rows:
            top = np.full((*shape[:2], len(r), 1), -np.inf, self.dtype)
            total = np.zeros_like(top)
            if sinks is not None:
                top[:] = sinks.astype(self.dtype)[:, None, None] * unit
                total[:] = 1
            reached = np.zeros((*shape[:2], len(r), value.shape[-1]), self.dtype)
            for c in columns:
                x, _ = scores(r, c)
                higher = np.maximum(top, x.max(axis=-1, keepdims=True))
                pivot = np.where(np.isneginf(higher), number(0), higher)
                powers, less = exp(x - pivot), exp(top - pivot)
                total = total * less + powers.sum(axis=-1, keepdims=True)
                thinned = self._keep(powers * multipliers[:, :, r][..., c])
                reached, top = reached * less + thinned @ value[:, :, c], higher
            some = np.where(total > 0, total, number(1))
            out[:, :, r] = reached / some
            lse[:, :, r] = np.where(total > 0, top / unit + np.log(some), -np.inf)[..., 0]
        out = self._keep(out)
        delta = (d_out * out).sum(axis=-1, keepdims=True)
        if self.delta == "weights":
            delta = np.zeros_like(delta)
            for r in rows:
                for c in columns:
                    weights = self._weights(scores(r, c)[0], lse[:, :, r], unit, exp)
                    d = (d_out[:, :, r] @ value[:, :, c].swapaxes(-1, -2)) * multipliers[:, :, r][..., c]
                    delta[:, :, r] += (weights * d).sum(axis=-1, keepdims=True)
        d_of_lse = number(0) if d_lse is None else d_lse.astype(self.dtype)[..., None]

        d_query, d_key, d_value = np.zeros_like(query), np.zeros_like(key), np.zeros_like(value)
        d_bias = np.zeros(shape, self.dtype) if bias is not None else None
        for c in columns:
            for r in rows:
                x, slope = scores(r, c)
                weights = self._weights(x, lse[:, :, r], unit, exp)
                at = multipliers[:, :, r][..., c]
                d_value[:, :, c] += self._keep(weights * at).swapaxes(-1, -2) @ d_out[:, :, r]
                d = (d_out[:, :, r] @ value[:, :, c].swapaxes(-1, -2)) * at
                inner = d - delta[:, :, r] + (d_of_lse if d_lse is None else d_of_lse[:, :, r])
                d = weights * inner
                if d_bias is not None:
                    d_bias[np.ix_(range(shape[0]), range(shape[1]), r, c)] = d
                if slope is not None:
                    d = d * slope
                d = self._keep(number(scale) * d)
                d_query[:, :, r] += d @ key[:, :, c]
                d_key[:, :, c] += d.swapaxes(-1, -2) @ query[:, :, r]

        def of_keys(x: Array) -> Array:
            return x.reshape(x.shape[0], x.shape[1] // group, group, *x.shape[2:]).sum(axis=2)

        results = {"out": out, "d_query": d_query, "d_key": of_keys(d_key), "d_value": of_keys(d_value)}
        if bias is not None and d_bias is not None:
            axes = tuple(n for n in range(4) if bias.shape[n] == 1)
            results["d_bias"] = d_bias.sum(axis=axes, keepdims=True)
        if sinks is not None:
            finite = np.where(np.isneginf(lse), np.zeros_like(lse), lse)[..., None]
            share = np.exp(sinks.astype(self.dtype)[:, None, None] - finite)
            results["d_sinks"] = (share * (d_of_lse - delta)).sum(axis=(0, 2, 3))
        return {name: self._keep(x).astype(input_dtype) for name, x in results.items()} | {"lse": lse}

    def _weights(self, x: Array, lse: Array, unit: Any, exp: Callable[[Array], Array]) -> Array:
        return exp(x - np.where(np.isneginf(lse), np.zeros_like(lse), lse * unit)[..., None])

    def _keep(self, x: Array) -> Array:
        if self.kept in ("float64", "float32") and np.finfo(x.dtype).eps <= np.finfo(self.kept).eps:
            return x
        return FORMATS[self.kept].rounded(x).astype(x.dtype)

    def _columns(self, S: int) -> list[Array]:
        rng, positions = np.random.default_rng(self.seed), np.arange(S)
        if self.order == "backward":
            positions = positions[::-1]
        if self.order == "shuffled":
            positions = rng.permutation(S)
        return [positions[start : start + self.columns] for start in range(0, S, self.columns)]


def programs(count: int, seed: int = 0) -> Iterator[TiledProgram]:
    """`count` programs, drawn at random."""
    rng = np.random.default_rng(seed)
    for n in range(count):
        kept = ("float32", "bfloat16", "float16", "float64")[n % 4]
        dtype = "float64" if kept == "float64" else "float32"
        rows, columns = (int(2 ** rng.uniform(2.5, 8)) for _ in range(2))
        yield TiledProgram(
            dtype, kept, rows, columns, str(rng.choice(["forward", "backward", "shuffled"])),
            str(rng.choice(["out", "weights"])), bool(rng.random() < 0.5), bool(rng.random() < 0.5), n,
        )  # fmt: skip
