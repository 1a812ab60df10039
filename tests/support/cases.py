"""A call of attention as tests pass it around."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import numpy_attention as na
from numpy_attention.check.reference.inputs import OPTIONS, Inputs
from numpy_attention.check.reference.oracle import Results

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
"""Letters of each argument's last axes; the batch axes before them are 0, 1, …"""

RESULT_AXES = {"out": AXES["d_out"], "weights": PAIRWISE, "lse": AXES["d_lse"]} | {
    f"d_{name}": AXES[name] for name in ("query", "key", "value", "bias", "scale", "sinks")
}

ARRAYS = tuple(name for name in AXES if name != "pairs")


def take(array, letters, axis, index, batch_axes):
    """`array` reindexed along `axis`, unless it lacks that axis or broadcasts along it."""
    letters = (*range(batch_axes), *letters)
    if array is None or axis not in letters:
        return array
    array, place = np.asarray(array), letters.index(axis) - len(letters)
    if array.ndim < -place or array.shape[place] == 1:
        return array
    return np.take(array, index, axis=place)


@dataclass(frozen=True, eq=False, repr=False)
class Case(Inputs):
    """A call, and how tests run it.

    pairs: True where mask shows a pair, (..., H, L, S), computed without the package's masks.
    """

    pairs: Any = None
    seed: int = 0
    tags: frozenset[str] = frozenset()
    steps: Any = field(default=na.STEPS)
    path: str = "attention"
    how: Any = None

    def __repr__(self):
        hidden = self.replace(steps=None, pairs=None)
        return Inputs.__repr__(hidden.replace(tags=sorted(self.tags)))

    def _repr_pretty_(self, printer, cycle):
        printer.text(repr(self))  # otherwise Hypothesis prints every array

    @property
    def visible(self):
        """mask and bias != -inf, as a full array."""
        shown = np.ones(self.shape, dtype=bool) if self.pairs is None else self.pairs
        return shown if self.bias is None else shown & ~np.isneginf(self.bias)

    @property
    def scale_used(self):
        return 1 / math.sqrt(self.query.shape[-1] or 1) if self.scale is None else self.scale

    def rng(self):
        """Generator for a property's own draws, independent of the case's numbers."""
        return np.random.default_rng([self.seed, 1])

    # ------------------------------------------------------------------------------- running it

    @property
    def options(self):
        """All options, None where not in use."""
        return {name: getattr(self, name) for name in OPTIONS}

    @property
    def pair(self):
        """Forward and backward of the case's path."""
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
        """The results of a forward and a backward; tiled paths have no weights."""
        return Results(out, getattr(saved, "weights", None), saved.lse, *gradients)

    def run(self):
        """All results of forward and backward."""
        out, saved = self.forward()
        return self.numbers(out, saved, self.backward(saved))

    def by(self, path):
        """The case on a tiled path, without d_weights; tile size and threads depend on the seed."""
        how = dict(block=[None, (3, 5), (5, 3), (4, 2), (7, 5)][self.seed % 5])
        if path == "fast":
            how.update(threads=1 + self.seed % 3)
        return self.replace(path=path, how=how, d_weights=None)

    @property
    def computed_in(self):
        """The dtype of the computation."""
        of_inputs = np.result_type(self.query, self.key, self.value)
        return np.dtype(float) if self.path == "attention" else np.result_type(of_inputs, np.float32)

    # ------------------------------------------------------------------------- variants

    def but(self, **changes):
        """The case with other arguments; new pairs also replace the mask unless one is given."""
        if "pairs" in changes and "mask" not in changes:
            pairs = changes["pairs"]
            changes["mask"] = None if pairs is None else na.visible(pairs)
        return self.replace(**changes)

    def dense(self):
        """Mask and dropout as arrays."""
        return self.but(pairs=self.pairs, dropout=self.multipliers)

    def in_double(self):
        """Every array in float64."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        return self.but(**{name: x.astype(float) for name, x in arrays.items() if isinstance(x, np.ndarray)})

    def with_full_bias(self):
        """A bias for every pair, 0 by default; its gradient is that of the scores."""
        bias = np.zeros(()) if self.bias is None else self.bias
        return self.but(bias=np.array(np.broadcast_to(bias, self.shape), dtype=float))

    def gathered(self, x, trailing=1):
        """Booleans (..., H, X) -> (..., G, X): True if any query head of the group is True."""
        if self.query.ndim == 2 or self.group == 1:
            return x
        *batch, H = x.shape[: x.ndim - trailing]
        groups = x.reshape(*batch, H // self.group, self.group, *x.shape[x.ndim - trailing :])
        return groups.any(axis=-1 - trailing)

    def taken(self, axis, index):
        """The dense case with one axis of every array reindexed."""
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
        """Results of this case, reindexed in the same way."""
        return Results(
            *[
                take(x, RESULT_AXES[name], axis, index, len(self.batch))
                for name, x in numbers._asdict().items()
            ]
        )


def summed_to(x, shape):
    """x summed over the axes along which `shape` broadcasts to x.shape."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    axes = tuple(axis for axis, n in enumerate(shape) if n == 1)
    return x.sum(axis=axes, keepdims=True).reshape(shape)


def any_to(x, shape):
    """`summed_to` for booleans: True if any repetition is True."""
    return summed_to(x.astype(int), shape) > 0
