"""A complete attention problem as tests pass it around, and the numbers that come out of it."""

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na
from numpy_attention.functional.attention.dropout import Dropout
from numpy_attention.functional.masks.mask import Mask


class Numbers(NamedTuple):
    """Everything that attention gives, or one bound for each of its numbers; None where not asked for."""

    out: Any
    weights: Any
    lse: Any
    d_query: Any
    d_key: Any
    d_value: Any
    d_bias: Any
    d_scale: Any
    d_sinks: Any

    def only(self, *names):
        """The named numbers, the others None."""
        return Numbers(*[x if name in names else None for name, x in self._asdict().items()])

    def without(self, *names):
        """The named numbers None."""
        return self.only(*(set(self._fields) - set(names)))


PAIRWISE = ("H", "L", "S")
AXES = {
    "query": ("H", "L", "D"),
    "key": ("G", "S", "D"),
    "value": ("G", "S", "E"),
    "pairs": PAIRWISE,
    "bias": PAIRWISE,
    "scale": PAIRWISE,
    "sinks": ("H",),
    "dropout": PAIRWISE,
    "d_out": ("H", "L", "E"),
    "d_weights": PAIRWISE,
    "d_lse": ("H", "L"),
}
"""The letters of each argument's last axes; the batch axes before them are called 0, 1, …"""

RESULT_AXES = {"out": AXES["d_out"], "weights": PAIRWISE, "lse": AXES["d_lse"]} | {
    f"d_{name}": AXES[name] for name in ("query", "key", "value", "bias", "scale", "sinks")
}

ARRAYS = tuple(name for name in AXES if name != "pairs")


def take(array, letters, axis, index, batch_axes):
    """`array` with `axis` reindexed, if it has that axis and does not broadcast along it."""
    letters = (*range(batch_axes), *letters)
    if array is None or axis not in letters:
        return array
    array, place = np.asarray(array), letters.index(axis) - len(letters)
    if array.ndim < -place or array.shape[place] == 1:
        return array
    return np.take(array, index, axis=place)


@dataclass(frozen=True, repr=False)
class Case:
    """The arguments of attention and the cotangents of its results.

    pairs is what mask lets see, worked out without `masks.py`: booleans (..., H, L, S).
    """

    query: Any
    key: Any
    value: Any
    d_out: Any
    mask: Mask | None = None
    pairs: Any = None
    bias: Any = None
    scale: Any = None
    softcap: float | None = None
    sinks: Any = None
    dropout: Any = None
    d_weights: Any = None
    d_lse: Any = None
    seed: int = 0
    tags: frozenset[str] = frozenset()
    steps: Any = field(default=na.STEPS)
    path: str = "attention"
    how: Any = None

    def __repr__(self):
        def told(x):
            return f"{x.dtype}{x.shape}" if isinstance(x, np.ndarray) else repr(x)

        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("steps", "pairs")}
        given["tags"] = sorted(self.tags)
        return f"Case({', '.join(f'{name}={told(x)}' for name, x in given.items() if x is not None)})"

    def _repr_pretty_(self, printer, cycle):
        printer.text(repr(self))  # for Hypothesis, which would print every array

    # ---------------------------------------------------------------------------------- what it is

    @property
    def batch(self):
        return np.broadcast_shapes(*(x.shape[:-3] for x in (self.query, self.key, self.value)))

    @property
    def shape(self):
        """That of the scores: (..., H, L, S), or (L, S)."""
        return (*self.batch, *self.query.shape[-3:-1], self.key.shape[-2])

    @property
    def group(self):
        """How many query heads read one key head."""
        one = self.query.ndim == 2 or not self.key.shape[-3]
        return 1 if one else self.query.shape[-3] // self.key.shape[-3]

    @property
    def visible(self):
        """mask and bias != -inf, in full."""
        seen = np.ones(self.shape, dtype=bool) if self.pairs is None else self.pairs
        return seen if self.bias is None else seen & ~np.isneginf(self.bias)

    @property
    def multipliers(self):
        """Those of dropout, as an array that broadcasts, or None."""
        return self.dropout.array(self.shape) if isinstance(self.dropout, Dropout) else self.dropout

    @property
    def scale_used(self):
        return 1 / math.sqrt(self.query.shape[-1] or 1) if self.scale is None else self.scale

    def rng(self):
        """For what a property draws besides; never the same stream as the case itself."""
        return np.random.default_rng([self.seed, 1])

    # ------------------------------------------------------------------------------- what it gives

    @property
    def options(self):
        names = ("mask", "bias", "scale", "softcap", "sinks", "dropout")
        return {name: getattr(self, name) for name in names}

    @property
    def pair(self):
        """forward and backward of the path that the case takes."""
        return {
            "attention": na.attention_with(self.steps),
            "blockwise": na.blockwise_attention_with(),
            "fast": na.Pair(na.fast_attention_forward, na.fast_attention_backward),
        }[self.path]

    def forward(self):
        return self.pair.forward(self.query, self.key, self.value, **self.options, **(self.how or {}))

    def backward(self, saved):
        cotangents = dict(d_lse=self.d_lse)
        if self.path == "attention":
            cotangents.update(d_weights=self.d_weights)
        return self.pair.backward(self.d_out, saved, **cotangents)

    def numbers(self, out, saved, gradients):
        """What a forward and a backward gave; the tiled paths give no weights."""
        return Numbers(out, getattr(saved, "weights", None), saved.lse, *gradients)

    def run(self):
        """All numbers."""
        out, saved = self.forward()
        return self.numbers(out, saved, self.backward(saved))

    def by(self, path):
        """The same case by tiles, which have no cotangent of the weights, cut and spread at random."""
        how = dict(block=[None, (1, 1), (2, 3), (3, 2), (7, 5)][self.seed % 5])
        if path == "fast":
            how.update(threads=1 + self.seed % 3)
        return replace(self, path=path, how=how, d_weights=None)

    @property
    def computed_in(self):
        """The dtype that is computed in."""
        of_inputs = np.result_type(self.query, self.key, self.value)
        return np.dtype(float) if self.path == "attention" else np.result_type(of_inputs, np.float32)

    # ------------------------------------------------------------------------- the same, otherwise

    def but(self, **changes):
        """The case with other arguments; new pairs make a new mask, unless it is given too."""
        if "pairs" in changes and "mask" not in changes:
            pairs = changes["pairs"]
            changes["mask"] = None if pairs is None else na.visible(pairs)
        return replace(self, **changes)

    def dense(self):
        """Mask and dropout as arrays."""
        return self.but(pairs=self.pairs, dropout=self.multipliers)

    def in_double(self):
        """Every array in float64."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        return self.but(**{name: x.astype(float) for name, x in arrays.items() if isinstance(x, np.ndarray)})

    def with_full_bias(self):
        """A bias for every single pair, 0 where there was none: its gradient is that of the scores."""
        bias = np.zeros(()) if self.bias is None else self.bias
        return self.but(bias=np.array(np.broadcast_to(bias, self.shape), dtype=float))

    def gathered(self, x, trailing=1):
        """Booleans (..., H, X) -> (..., G, X): whether it is so for any query head of the group."""
        if self.query.ndim == 2 or self.group == 1:
            return x
        *batch, H = x.shape[: x.ndim - trailing]
        groups = x.reshape(*batch, H // self.group, self.group, *x.shape[x.ndim - trailing :])
        return groups.any(axis=-1 - trailing)

    def taken(self, axis, index):
        """The case with one axis of everything reindexed; dense."""
        dense = self.dense()
        arrays = {name: getattr(dense, name) for name in AXES}
        return dense.but(
            **{
                name: take(x, AXES[name], axis, index, len(self.batch))
                for name, x in arrays.items()
                if isinstance(x, np.ndarray)
            }
        )

    def results_taken(self, numbers, axis, index):
        """Numbers of this case, reindexed likewise."""
        return Numbers(
            *[
                take(x, RESULT_AXES[name], axis, index, len(self.batch))
                for name, x in numbers._asdict().items()
            ]
        )


def summed_to(x, shape):
    """The sum over every axis along which an array of `shape` is repeated to make x's."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    axes = tuple(axis for axis, n in enumerate(shape) if n == 1)
    return x.sum(axis=axes, keepdims=True).reshape(shape)


def any_to(x, shape):
    """Likewise for booleans: whether any of the repetitions is True."""
    return summed_to(x.astype(int), shape) > 0
