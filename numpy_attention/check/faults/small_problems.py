"""Small problems of attention; every fault is active in some of them.

Grouped heads and broadcast batches; sizes that are distinct primes, unless a mistake needs them equal; each
option alone, and the combinations that some mistakes need.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ...functional.masks.builders import causal, padding, window
from ..reference.inputs import Inputs

B, H, G, L, S, D, E = 2, 6, 3, 5, 7, 3, 2


def _normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def _random_true(seed: int, share: float, *shape: int) -> Array:
    return np.asarray(np.random.default_rng([seed, *shape]).random(shape) < share)


def _grouped(length: int = L, **options: Any) -> Inputs:
    """Two query heads for each key head, keys shared by the batch, L < S by default."""
    arrays = (_normal(0, B, H, length, D), _normal(1, 1, G, S, D), _normal(2, B, G, S, E))
    return Inputs(*arrays, _normal(3, B, H, length, E), **options)


def _square(width: int = D, **options: Any) -> Inputs:
    """L = S and H = G."""
    arrays = (_normal(4, B, G, L, width), _normal(5, B, G, L, width), _normal(6, B, G, L, E))
    return Inputs(*arrays, _normal(7, B, G, L, E), **options)


D_LSE = _normal(8, B, H, L)

PROBLEMS: Mapping[str, Inputs] = {
    "nothing": _grouped(),
    "d_lse": _grouped(d_lse=D_LSE),
    "d_weights": _grouped(d_weights=_normal(9, B, H, L, S)),
    "causal": _grouped(mask=causal("bottom_right")),
    "causal, top left": _grouped(mask=causal("top_left")),
    "a fully masked row": _grouped(mask=causal(offset=-1)),
    "a fully masked key": _grouped(mask=padding([0, 5])),
    "rows that see one key": _grouped(mask=window(0, 0, "top_left"), d_lse=D_LSE),
    "a window": _grouped(mask=window(2, 1, "bottom_right")),
    "a window open to the right": _grouped(mask=window(2, None, "top_left")),
    "more queries than keys": _grouped(11, mask=causal("bottom_right")),
    "scale": _grouped(scale=0.5 + 1.5 * np.abs(np.sin(_normal(10, H, L, 1)))),
    "a bias and d_lse": _grouped(bias=_normal(11, H, 1, S), d_lse=D_LSE),
    "a bias for every pair": _grouped(bias=_normal(12, H, L, S)),
    "a bias that hides": _grouped(
        bias=np.where(_random_true(13, 0.3, H, L, S), -np.inf, _normal(13, H, L, S))
    ),
    "sinks": _grouped(sinks=_normal(14, H)),
    "sinks, d_lse and dropout": _grouped(
        sinks=_normal(14, H), d_lse=D_LSE, dropout=_random_true(15, 0.6, H, L, S) / 0.6
    ),
    "dropout": _grouped(dropout=_random_true(16, 0.6, H, L, S) / 0.6),
    "softcap": _grouped(softcap=1.5),
    "a softcap and a mask": _grouped(softcap=1.5, mask=causal("top_left")),
    "scores far below 0": _grouped(bias=_normal(23, H, 1, S) - 6e4),
    "one batch entry of wide heads, transposed": Inputs(
        _normal(24, 1, L, H, 67).swapaxes(1, 2), _normal(25, 1, G, S, 67), _normal(26, 1, G, S, 71),
        _normal(27, 1, L, H, 71).swapaxes(1, 2),
    ),
    "as many queries as keys": _square(mask=causal()),
    "as many keys as their width": _square(L),
    "keys as wide as values": _square(E),
    "a bias for every pair, as many queries as keys": _square(bias=_normal(17, G, L, L)),
    "nearly everything": _square(
        bias=_normal(18, G, 1, L), softcap=2.0, sinks=_normal(19, G), mask=causal(),
        dropout=_random_true(20, 0.6, G, L, L) / 0.6, d_lse=_normal(21, B, G, L),
        scale=0.5 + 1.5 * np.abs(np.sin(_normal(22, G, 1, 1))),
    ),
}  # fmt: skip
"""One call each, by name."""
