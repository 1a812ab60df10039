"""Mistakes with rotary positions."""

from typing import Any

import numpy as np

from ....functional.base.admission import Array
from ....functional.base.arrays import Pair
from ....functional.layers.positions import RotarySaved, rotary_backward, rotary_forward
from ..conditions import Arguments
from ..fault import FaultFamily

ROTARY = FaultFamily("rotary", "rotary", Pair(rotary_forward, rotary_backward))


def _rotates(call: Arguments) -> bool:
    """Where a position other than 0 rotates x."""
    width = call.get("width")
    return bool(np.any(call["positions"])) and width != 0 and np.size(call["x"]) > 0


def _rotates_several_pairs(call: Arguments) -> bool:
    """Where a position other than 0 rotates more than two entries."""
    width = call.get("width")
    return _rotates(call) and (np.shape(call["x"])[-1] if width is None else width) > 2


def _starts_later(call: Arguments) -> bool:
    """Where the first position is not 0."""
    return bool(np.any(np.asarray(call["positions"])[..., :1])) and _rotates(call)


@ROTARY.backward(active=_rotates)
def rotary_sign(d_out: Any, saved: RotarySaved) -> Any:
    """Backward rotates by the same angle as forward, not by its negative."""
    return rotary_backward(d_out, saved._replace(sin=-saved.sin))


@ROTARY.backward(active=_rotates)
def rotary_forgotten(d_out: Any, saved: RotarySaved) -> Any:
    """Backward does not rotate: d_x = d_out."""
    return np.array(d_out, dtype=np.result_type(saved.x, d_out))


@ROTARY.forward(active=_rotates_several_pairs)
def rotary_interleaved(x: Any, positions: Any, *, layout: str = "interleaved", **rest: Any) -> Any:
    """The wrong entries are paired: neighbours where x is laid out in halves, or the reverse.

    Weights that were trained with one layout and run with the other give fluent nonsense.
    """
    other = {"interleaved": "halves", "halves": "interleaved"}
    return rotary_forward(x, positions, layout=other.get(layout, layout), **rest)


@ROTARY.forward(active=_starts_later)
def rotary_offset(x: Any, positions: Array, **options: Any) -> Any:
    """Positions are counted from 0 whatever the offset: in decoding, every token gets position 0."""
    first = np.asarray(positions)[..., :1]
    return rotary_forward(x, np.asarray(positions) - first, **options)


@ROTARY.forward(active=_rotates_several_pairs)
def rotary_rates_of_the_whole_width(x: Any, positions: Any, **options: Any) -> Any:
    """The rates fall twice as fast: base^(-4i / width), the pair index i taken for that of an entry."""
    squared = options.pop("base", 10000.0) ** 2
    return rotary_forward(x, positions, base=squared, **options)
