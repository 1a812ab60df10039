"""One call of attention: its arrays checked, in float64, with the head axis split.

    queries  (..., G, n, L, X)      keys  (..., G, 1, S, X)      pairs  (..., G, n, L, S)

n = H / G query heads share each of the G key heads. An axis along which something is broadcast has length 1.
A non-finite entry of a fully masked row or key counts as 0; the caller's arrays are not modified.
"""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np

from ...functional.attention.arguments import scores_shape
from ...functional.attention.biases import Bias, Relative
from ...functional.attention.dropout import Dropout
from ...functional.base.admission import Array, as_array, one_of, real_number
from ...functional.base.arrays import check_broadcast, unbroadcast
from ...functional.masks.builders import hidden
from ...functional.masks.mask import POLARITY_HINT, Mask
from ..reference.inputs import OPTIONS, Inputs
from .domain import InsufficientEvidence
from .sums import dot
from .visible_counts import RowCounts, row_counts, unmasked_keys

GRADIENTS = ("d_query", "d_key", "d_value", "d_bias", "d_scale", "d_sinks", "d_scores")
AXES = {"lse": 1, "d_lse": 1, "sinks": 0, "d_sinks": 0}
"""Number of axes behind the head axis, where it is not two."""

KEY_ARRAYS = ("key", "value", "d_key", "d_value")


class CallSpec(NamedTuple):
    """Options of an attention call, and further known results of it.

    Parameters
    ----------
    mask, bias, scale, softcap, sinks, dropout : as in `attention`; None where not in use.
    d_weights, d_lse : the cotangents of weights and lse, if they had any.
    lse : (..., H, L), sinks included.
    weights : of step 5, (..., H, L, S), or (..., H, len(rows), S) for the query rows in `rows`.
    rows : the query rows that weights and d_scores cover; None for all.
    score : "dot"; "concat"; or "other", for scores made of query and key in any other way.
    activation : that of concat scores.
    largest_score : required unless score is "dot": upper bound on Σ |terms| of a score before its activation.
    precision, storage : of arithmetic, and of intermediates stored between two products: a Precision, its
        unit roundoff, a dtype or a name such as "bfloat16". By default that of the inputs' dtype (float32 for
        float16) and that of the output's dtype.
    """

    mask: Any = None
    bias: Any = None
    scale: Any = None
    softcap: float | None = None
    sinks: Any = None
    dropout: Any = None
    d_weights: Any = None
    d_lse: Any = None
    lse: Any = None
    weights: Any = None
    rows: Any = None
    score: str = "dot"
    activation: str | None = None
    largest_score: float | None = None
    precision: Any = None
    storage: Any = None


def inputs_of(query: Any, key: Any, value: Any, d_out: Any, spec: CallSpec) -> Inputs:
    """The call that a spec completes; options stay as they were given."""
    query, key, value = as_array("query", query), as_array("key", key), as_array("value", value)
    scores_shape(query, key, value)
    rest = {name: getattr(spec, name) for name in (*OPTIONS, "d_weights", "d_lse")}
    return Inputs(query, key, value, d_out, **rest)


class CallArrays:
    """The arrays of one call and its results by name; a missing one is None."""

    def __init__(self, inputs: Inputs, out: Any, grads: Any, spec: CallSpec) -> None:
        self.inputs, self.score, self.activation = inputs, spec.score, spec.activation
        named = {name: x for name, x in inputs.items() if not isinstance(x, Bias | Dropout)}
        named |= dict(mask=None, softcap=None, out=out, lse=spec.lse, weights=spec.weights)
        named |= _gradients_by_name(grads, inputs.bias)
        self.arrays = {name: as_array(name, x) for name, x in named.items() if x is not None}
        self.batch, self.n = inputs.batch, inputs.group
        _, self.H, self.G, self.L, self.S, self.D, self.E = inputs.lengths
        self.rows = np.arange(self.L) if spec.rows is None else as_array("rows", spec.rows).astype(int)
        _check_arrays(self.arrays, inputs, self.rows.size, spec)

    def array(self, name: str) -> Array | None:
        """The array in float64 with its head axis split; None if it is missing."""
        x = self.arrays.get(name)
        return None if x is None else self.grouped(x, AXES.get(name, 2), of_keys=name in KEY_ARRAYS)

    def require(self, name: str) -> Array:
        """The array, which must be present: the law lists it in `needs`."""
        x = self.array(name)
        assert x is not None, name
        return x

    def missing(self, name: str) -> str:
        """Reason why an array cannot be used; "" if it can."""
        if name not in self.arrays:
            return f"needs {name}"
        x = self.arrays[name]
        overflows = x.dtype == np.float16 and name.startswith(("d_", "out")) and np.isinf(x).any()
        return f"{name} overflows float16" if overflows and not np.isnan(x).any() else ""

    def grouped(self, x: Array, behind: int, *, of_keys: bool = False) -> Array:
        """`x` in float64, its head axis, which `behind` others follow, split in two."""
        x = np.asarray(x, dtype=np.float64)
        x = x[(None,) * (behind + 1 - x.ndim)]
        place = x.ndim - behind - 1
        split = (self.G, 1) if of_keys else self.split_heads(x.shape[place])
        return x.reshape(*x.shape[:place], *split, *x.shape[place + 1 :])

    def split_heads(self, heads: int) -> tuple[int, int]:
        """Lengths of the split head axis: key heads, and query heads that share one of them."""
        return (self.G, self.n) if heads == self.H else (1, 1)

    def all_rows(self, x: Array, behind: int = 0) -> Array:
        """`x` broadcast to all rows, (..., G, n, L), plus its last `behind` axes."""
        return np.broadcast_to(x, (*self.batch, self.G, self.n, self.L, *x.shape[x.ndim - behind :]))

    # ----------------------------------------------------------------------------------- visibility

    @cached_property
    def mask(self) -> Mask | None:
        """The mask, combined with the -inf entries of the bias."""
        given, bias = self.inputs.bias, self.arrays.get("bias")
        mask = cast(Mask | None, self.inputs.mask)
        if isinstance(given, Relative) and np.isneginf(given.parameter).any():
            bias = given.parameter[..., given.buckets]
        if bias is None or not np.isneginf(bias).any():
            return mask
        by_bias = hidden(np.isneginf(bias))
        return by_bias if mask is None else mask & by_bias

    @cached_property
    def counts(self) -> RowCounts:
        """Number of visible keys of each row, capped at 2, and the first of them: (..., G, n, L)."""
        return RowCounts(*map(self._split_rows, row_counts(self.mask, self.L, self.S)))

    @cached_property
    def unmasked_rows(self) -> Array:
        """True where a row has a visible key, (..., G, n, L)."""
        return np.asarray(self.counts.keys > 0)

    @cached_property
    def alive(self) -> Array:
        """True where a row has a visible key or a sink above -inf."""
        if self.sinks is None:
            return self.unmasked_rows
        return self.unmasked_rows | ~np.isneginf(self.sinks[..., None])

    @cached_property
    def unmasked_keys(self) -> Array:
        """True where a key is visible to some row, (..., G, 1, S)."""
        by_head = self._split_rows(unmasked_keys(self.mask, self.L, self.S))
        return np.asarray(by_head.any(axis=-2, keepdims=True))

    def _split_rows(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-2], *self.split_heads(x.shape[-2]), x.shape[-1])

    # -------------------------------------------------------------------------------------- the arrays

    @cached_property
    def query(self) -> Array:
        """(..., G, n, L, D)."""
        return self._masked_entries_zeroed("query", self.unmasked_rows)

    @cached_property
    def key(self) -> Array:
        """(..., G, 1, S, D)."""
        return self._masked_entries_zeroed("key", self.unmasked_keys)

    @cached_property
    def value(self) -> Array:
        """(..., G, 1, S, E)."""
        return self._masked_entries_zeroed("value", self.unmasked_keys)

    @cached_property
    def d_out(self) -> Array:
        """(..., G, n, L, E)."""
        return self._masked_entries_zeroed("d_out", self.unmasked_rows)

    def _masked_entries_zeroed(self, name: str, unmasked: Array) -> Array:
        """The array with non-finite entries replaced by 0; raises if one of them is not fully masked."""
        x = self.require(name)
        finite = np.isfinite(x)
        if finite.all():
            return x
        uses = np.broadcast_to(unmasked, (*self.batch, *x.shape[-4:-1])).astype(float)
        used = unbroadcast(uses, x.shape[:-1]) > 0
        if (~finite & used[..., None]).any():
            raise ValueError(f"{name} has visible entries that are not finite")
        return np.where(finite, x, 0.0)

    @cached_property
    def scale(self) -> Array:
        """(..., G, n, L, S), any of them 1."""
        scale = self.array("scale")
        return np.full((1,) * 4, 1 / math.sqrt(self.D or 1)) if scale is None else scale

    @cached_property
    def finite_scale(self) -> Array:
        """The scale, 0 where it is not finite, which only hidden pairs may be."""
        return np.where(np.isfinite(self.scale), self.scale, 0.0)

    @cached_property
    def sinks(self) -> Array | None:
        """(..., G, n); None without sinks, or if all of them are -inf."""
        sinks = self.array("sinks")
        return None if sinks is None or np.isneginf(sinks).all() else sinks

    @cached_property
    def d_lse(self) -> Array:
        """(..., G, n, L); 0 without d_lse."""
        d_lse = self.array("d_lse")
        return np.zeros((1, 1, self.L)) if d_lse is None else np.where(np.isfinite(d_lse), d_lse, 0.0)

    @cached_property
    def sink_share(self) -> Array:
        """The sink's weight in each row, exp(sinks - lse), (..., G, n, L); 0 without sinks or lse."""
        lse = self.array("lse")
        if self.sinks is None or lse is None:
            return np.zeros((1, 1, 1))
        exponent = np.where(self.alive, self.sinks[..., None] - lse, -np.inf)
        return np.asarray(np.exp(np.minimum(exponent, 1.0)))

    @cached_property
    def row_sums(self) -> Array:
        """Σ_s d_scores_ls, (..., G, n, L): d_lse_l minus the sink's part, share (d_lse - d_out · out)."""
        d_lse = np.where(self.alive, self.d_lse, 0.0)
        if self.sinks is None or not self.sink_share.any():
            return d_lse
        if reason := self.missing("out"):
            raise InsufficientEvidence(reason)
        return np.asarray(d_lse - self.sink_share * (d_lse - dot(self.d_out, self.require("out"))))

    def options_at(self, rows: Any = None, columns: Any = None) -> dict[str, Any]:
        """bias, scale and dropout, where they are arrays, cut to some rows or columns."""
        taken = {}
        for name in ("bias", "scale", "dropout"):
            x = self.arrays.get(name)
            if x is not None and x.ndim and columns is not None and x.shape[-1] > 1:
                x = x[..., columns]
            if x is not None and x.ndim > 1 and rows is not None and x.shape[-2] > 1:
                x = x[..., rows, :]
            taken[name] = x
        return taken


def _gradients_by_name(grads: Any, bias: Any) -> dict[str, Any]:
    """Gradients of a mapping or object by name; of a bias value the table's gradient, whose sum is known."""
    if grads is None:
        return {}
    is_mapping = isinstance(grads, Mapping)
    by_name = {name: grads.get(name) if is_mapping else getattr(grads, name, None) for name in GRADIENTS}
    if isinstance(bias, Bias):
        table = getattr(by_name["d_bias"], "d_table", None)
        by_name["d_bias"] = None if table is None else np.asarray(table)[..., None, :]
    return {name: x for name, x in by_name.items() if x is not None}


def _check_arrays(arrays: dict[str, Array], inputs: Inputs, rows: int, spec: CallSpec) -> None:
    """Raise unless dtypes, shapes and options fit together."""
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise TypeError(f"{name} has dtype {array.dtype}; the laws need real numbers")
    shape = inputs.shape
    out = (*shape[:-1], inputs.value.shape[-1])
    of_rows = (*shape[:-2], rows, shape[-1])
    expected = dict(out=out, d_out=out, lse=shape[:-1], d_lse=shape[:-1], d_weights=shape)
    expected |= dict(weights=of_rows, d_scores=of_rows)
    for name in GRADIENTS[:-1]:
        if name[2:] in arrays:
            expected[name] = arrays[name[2:]].shape
        elif name in arrays and not isinstance(inputs.bias, Bias):
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
    if spec.largest_score is not None:
        real_number("largest_score", spec.largest_score)
