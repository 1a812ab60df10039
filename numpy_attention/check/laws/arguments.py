"""What was given of one call of attention: admitted, in float64, and everything in one order of axes.

    of queries  (..., G, n, L, X)      of keys  (..., G, 1, S, X)      of pairs  (..., G, n, L, S)

n = H / G query heads share each of the G key heads. An axis along which something is broadcast has length 1.
What is hidden from everybody and is no finite number counts as 0; the arrays themselves stay as they are.
"""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ...functional.attention.arguments import scores_shape
from ...functional.attention.biases import Bias, Relative
from ...functional.attention.dropout import Dropout
from ...functional.base.admission import Array, as_array, one_of, real_number
from ...functional.base.arrays import check_broadcast, unbroadcast
from ...functional.masks.builders import hidden
from ...functional.masks.mask import POLARITY_HINT, Mask
from .law import Spec
from .visible_counts import RowCounts, keys_seen, row_counts

GRADIENTS = ("d_query", "d_key", "d_value", "d_bias", "d_scale", "d_sinks", "d_scores")
AXES = {"lse": 1, "d_lse": 1, "sinks": 0, "d_sinks": 0}
"""How many axes stand behind that of the heads: two, but for these."""

OF_KEYS = ("key", "value", "d_key", "d_value")


class Given:
    """The arrays of one call by name, None where they were not given."""

    def __init__(
        self, query: Any, key: Any, value: Any, out: Any, d_out: Any, grads: Any, spec: Spec,
        again: Callable[..., Any] | None, seed: int,
    ) -> None:  # fmt: skip
        self.spec, self.again, self.seed = spec, again, seed
        optional = {
            name: getattr(spec, name) for name in ("scale", "sinks", "lse", "d_lse", "weights", "d_weights")
        }
        if not isinstance(spec.bias, Bias):
            optional["bias"] = spec.bias
        if not isinstance(spec.dropout, Dropout):
            optional["dropout"] = spec.dropout
        everything = dict(query=query, key=key, value=value, out=out, d_out=d_out, **optional)
        everything |= _gradients(grads, spec.bias)
        self.arrays = {name: as_array(name, x) for name, x in everything.items() if x is not None}
        shape = scores_shape(*(self.arrays[name] for name in ("query", "key", "value")))
        *batch, self.H, self.L, self.S = shape if len(shape) > 2 else (1, *shape)
        self.batch = tuple(batch)
        self.G = self.arrays["key"].shape[-3] if len(shape) > 2 else 1
        self.n = self.H // self.G if self.G else 1
        self.D, self.E = self.arrays["query"].shape[-1], self.arrays["value"].shape[-1]
        self.rows = np.arange(self.L) if spec.rows is None else as_array("rows", spec.rows).astype(int)
        _refuse_what_does_not_fit(self.arrays, shape, self.rows.size, spec)

    def array(self, name: str) -> Array | None:
        """In float64, with the axis of heads in two; None if it was not given."""
        x = self.arrays.get(name)
        return None if x is None else self.grouped(x, AXES.get(name, 2), of_keys=name in OF_KEYS)

    def grouped(self, x: Array, behind: int, *, of_keys: bool = False) -> Array:
        """An array in float64, with the axis of heads, which `behind` others follow, in two."""
        x = np.asarray(x, dtype=np.float64)
        x = x[(None,) * (behind + 1 - x.ndim)]
        place = x.ndim - behind - 1
        split = (self.G, 1) if of_keys else self.split(x.shape[place])
        return x.reshape(*x.shape[:place], *split, *x.shape[place + 1 :])

    def have(self, name: str) -> Array:
        """An array that a law needs, and therefore has."""
        x = self.array(name)
        assert x is not None, name
        return x

    def full_rows(self, x: Array, behind: int = 0) -> Array:
        """What is of rows broadcast to all of them, (..., G, n, L), and the axes `behind`."""
        return np.broadcast_to(x, (*self.batch, self.G, self.n, self.L, *x.shape[x.ndim - behind :]))

    def split(self, heads: int) -> tuple[int, int]:
        """The axis of heads in two: which key head they read, and which of those that read it."""
        return (self.G, self.n) if heads == self.H else (1, 1)

    # ------------------------------------------------------------------------------- who sees anything

    @cached_property
    def mask(self) -> Mask | None:
        """The mask, and what a bias of -inf hides besides."""
        bias: Array | None = self.arrays.get("bias")
        mask: Mask | None = self.spec.mask
        if isinstance(self.spec.bias, Relative):
            table, buckets = self.spec.bias.parameter, self.spec.bias.buckets
            bias = table[..., buckets] if np.isneginf(table).any() else None
        if bias is None or not np.isneginf(bias).any():
            return mask
        unbiased = hidden(np.isneginf(bias))
        return unbiased if mask is None else mask & unbiased

    @cached_property
    def counts(self) -> RowCounts:
        """How many keys each row sees, up to two, and the first of them: (..., G, n, L)."""
        return RowCounts(*map(self._split_rows, row_counts(self.mask, self.L, self.S)))

    @cached_property
    def sees(self) -> Array:
        """Whether a row sees anything, (..., G, n, L)."""
        return np.asarray(self.counts.keys > 0)

    @cached_property
    def seen(self) -> Array:
        """Whether a key is seen by any row, (..., G, 1, S)."""
        by_head = self._split_rows(keys_seen(self.mask, self.L, self.S))
        return np.asarray(by_head.any(axis=-2, keepdims=True))

    def _split_rows(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-2], *self.split(x.shape[-2]), x.shape[-1])

    # -------------------------------------------------------------------------------------- the arrays

    @cached_property
    def query(self) -> Array:
        """(..., G, n, L, D)."""
        return self._where_used("query", self.sees)

    @cached_property
    def key(self) -> Array:
        """(..., G, 1, S, D)."""
        return self._where_used("key", self.seen)

    @cached_property
    def value(self) -> Array:
        """(..., G, 1, S, E)."""
        return self._where_used("value", self.seen)

    @cached_property
    def d_out(self) -> Array:
        """(..., G, n, L, E)."""
        return self._where_used("d_out", self.sees)

    def _where_used(self, name: str, used: Array) -> Array:
        """What nobody sees may be NaN; what is seen must be finite."""
        x = self.have(name)
        finite = np.isfinite(x)
        if finite.all():
            return x
        everywhere = np.broadcast_to(used, (*self.batch, *x.shape[-4:-1])).astype(float)
        by_anyone = unbroadcast(everywhere, x.shape[:-1]) > 0
        if (~finite & by_anyone[..., None]).any():
            raise ValueError(f"{name} holds numbers that are not finite where they are seen")
        return np.where(finite, x, 0.0)

    @cached_property
    def scale(self) -> Array:
        """(..., G, n, L, S), any of them 1."""
        scale = self.array("scale")
        return np.full((1,) * 4, 1 / math.sqrt(self.D or 1)) if scale is None else scale

    @cached_property
    def d_lse(self) -> Array:
        """(..., G, n, L), 0 if it was not given."""
        d_lse = self.array("d_lse")
        return np.zeros((1, 1, self.L)) if d_lse is None else np.where(np.isfinite(d_lse), d_lse, 0.0)

    @cached_property
    def multipliers_at_most(self) -> float:
        """What dropout multiplies a weight by, at most."""
        if isinstance(self.spec.dropout, Dropout):
            return 1 / (1 - self.spec.dropout.rate)
        return float(np.abs(self.arrays["dropout"]).max(initial=0)) if "dropout" in self.arrays else 1.0


def _gradients(grads: Any, bias: Any) -> dict[str, Any]:
    """Gradients by name from anything that has some of them; a bias value's, where its sum is known."""
    if grads is None:
        return {}
    named = isinstance(grads, Mapping)
    found = {name: grads.get(name) if named else getattr(grads, name, None) for name in GRADIENTS}
    if isinstance(bias, Bias):
        table = getattr(found["d_bias"], "d_table", None)
        found["d_bias"] = None if table is None else np.asarray(table)[..., None, :]
    return {name: x for name, x in found.items() if x is not None}


def _refuse_what_does_not_fit(
    arrays: dict[str, Array], shape: tuple[int, ...], sampled: int, spec: Spec
) -> None:
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise TypeError(f"{name} has dtype {array.dtype}; the laws are held against real numbers")
    out = (*shape[:-1], arrays["value"].shape[-1])
    of_rows = (*shape[:-2], sampled, shape[-1])
    expected = dict(out=out, d_out=out, lse=shape[:-1], d_lse=shape[:-1], d_weights=shape)
    expected |= dict(weights=of_rows, d_scores=of_rows)
    for name in GRADIENTS[:-1]:
        if name[2:] in arrays:
            expected[name] = arrays[name[2:]].shape
        elif name in arrays and not isinstance(spec.bias, Bias):
            raise ValueError(f"{name} was given, but no {name[2:]}")
    if "d_out" not in arrays and not arrays.keys().isdisjoint(GRADIENTS):
        raise ValueError("gradients were given, but no d_out")
    for name, wanted in expected.items():
        if name in arrays and arrays[name].shape != wanted:
            raise ValueError(f"{name} has shape {arrays[name].shape}; {wanted} is expected")
    for name, wanted in dict(bias=shape, scale=shape, dropout=shape, sinks=shape[:-2]).items():
        if name in arrays:
            check_broadcast(name, arrays[name], wanted, "the shape of the scores")
    if spec.mask is not None and not isinstance(spec.mask, Mask):
        raise TypeError(f"mask is {type(spec.mask).__name__}, which {POLARITY_HINT}")
    if spec.softcap is not None and real_number("softcap", spec.softcap) <= 0:
        raise ValueError(f"softcap is {spec.softcap}; a positive number is expected")
    one_of("score", spec.score, ("dot", "concat", "other"))
    if spec.score != "dot" and spec.largest_score is None:
        raise ValueError('largest_score is not given; any score but "dot" needs it')
