"""Small problems of attention; every fault is active in some of them.

Grouped heads and broadcast batches; sizes that are distinct primes, unless a mistake needs them equal; each
option alone, and the combinations that some mistakes need.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.masks.builders import causal, padding, window
from .conditions import AxisLengths

B, H, G, L, S, D, E = 2, 6, 3, 5, 7, 3, 2


class SmallProblem(NamedTuple):
    """The arrays of one call of attention, its options, and the cotangents of lse and weights, by name."""

    name: str
    query: Array
    key: Array
    value: Array
    d_out: Array
    options: dict[str, Any]
    cotangents: dict[str, Any]

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """query, key and value."""
        return self.query, self.key, self.value

    @property
    def call(self) -> dict[str, Any]:
        """The call in the form `Fault.active` expects."""
        return {**self.options, **self.cotangents, "shape": axis_lengths(*self.arrays)}


def axis_lengths(query: Array, key: Array, value: Array) -> AxisLengths:
    """The axis lengths of a call with these arrays."""
    batch = np.broadcast_shapes(*(x.shape[:-3] for x in (query, key, value)))
    heads = [x.shape[-3] if x.ndim > 2 else 1 for x in (query, key)]
    S, D = key.shape[-2:]
    return AxisLengths(math.prod(batch), heads[0], heads[1], query.shape[-2], S, D, value.shape[-1])


def _normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def _random_true(seed: int, share: float, *shape: int) -> Array:
    return np.asarray(np.random.default_rng([seed, *shape]).random(shape) < share)


def _problem(
    name: str, query: Array, key: Array, value: Array, d_out: Array, options: dict[str, Any]
) -> SmallProblem:
    cotangents: dict[str, Any] = {d: options.pop(d) for d in ("d_lse", "d_weights") if d in options}
    return SmallProblem(name, query, key, value, d_out, options, cotangents)


def _grouped(name: str, length: int = L, **options: Any) -> SmallProblem:
    """Two query heads for each key head, keys shared by the batch, L < S by default."""
    arrays = (_normal(0, B, H, length, D), _normal(1, 1, G, S, D), _normal(2, B, G, S, E))
    return _problem(name, *arrays, _normal(3, B, H, length, E), options)


def _square(name: str, width: int = D, **options: Any) -> SmallProblem:
    """L = S and H = G."""
    arrays = (_normal(4, B, G, L, width), _normal(5, B, G, L, width), _normal(6, B, G, L, E))
    return _problem(name, *arrays, _normal(7, B, G, L, E), options)


D_LSE = _normal(8, B, H, L)

PROBLEMS = (
    _grouped("nothing"),
    _grouped("d_lse", d_lse=D_LSE),
    _grouped("d_weights", d_weights=_normal(9, B, H, L, S)),
    _grouped("causal", mask=causal("bottom_right")),
    _grouped("causal, top left", mask=causal("top_left")),
    _grouped("a fully masked row", mask=causal(offset=-1)),
    _grouped("a fully masked key", mask=padding([0, 5])),
    _grouped("rows that see one key", mask=window(0, 0, "top_left"), d_lse=D_LSE),
    _grouped("a window", mask=window(2, 1, "bottom_right")),
    _grouped("a window open to the right", mask=window(2, None, "top_left")),
    _grouped("more queries than keys", 11, mask=causal("bottom_right")),
    _grouped("scale", scale=0.5 + 1.5 * np.abs(np.sin(_normal(10, H, L, 1)))),
    _grouped("a bias and d_lse", bias=_normal(11, H, 1, S), d_lse=D_LSE),
    _grouped("a bias for every pair", bias=_normal(12, H, L, S)),
    _grouped("a bias that hides",
             bias=np.where(_random_true(13, 0.3, H, L, S), -np.inf, _normal(13, H, L, S))),
    _grouped("sinks", sinks=_normal(14, H)),
    _grouped("sinks, d_lse and dropout", sinks=_normal(14, H), d_lse=D_LSE,
             dropout=_random_true(15, 0.6, H, L, S) / 0.6),
    _grouped("dropout", dropout=_random_true(16, 0.6, H, L, S) / 0.6),
    _grouped("softcap", softcap=1.5),
    _grouped("a softcap and a mask", softcap=1.5, mask=causal("top_left")),
    _square("as many queries as keys", mask=causal()),
    _square("as many keys as their width", L),
    _square("keys as wide as values", E),
    _square("a bias for every pair, as many queries as keys", bias=_normal(17, G, L, L)),
    _square(
        "nearly everything", bias=_normal(18, G, 1, L), softcap=2.0, sinks=_normal(19, G), mask=causal(),
        dropout=_random_true(20, 0.6, G, L, L) / 0.6, d_lse=_normal(21, B, G, L),
        scale=0.5 + 1.5 * np.abs(np.sin(_normal(22, G, 1, 1))),
    ),
)  # fmt: skip
"""One call each."""
