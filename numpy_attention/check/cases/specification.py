"""A specification: the description of a case, from which its numbers are drawn."""

from typing import NamedTuple

from ..reference.inputs import Shape

OPTIONS = ("causal", "window", "mask", "bias", "scale", "softcap", "sinks", "dropout", "q_offset")
"""The options of attention, under the names that a candidate takes."""

EXTRAS = ("scale_array", "d_lse", "d_weights")
"""Options that few candidates have: a scale array with its gradient, cotangents of lse and weights."""

INPUTS = ("normal", "peaked", "correlated", "tiny", "huge")
COTANGENTS = ("normal", "small")

LAYOUTS = ("transposed", "expanded", "sliced", "reversed", "read-only")
"""Memory layouts besides the contiguous one: a view of (B, L, H, D); one batch entry, broadcast; a part of a
larger array; negative strides; not writeable."""

SUBSETS = ("query", "key", "value", "query, key", "query, value", "key, value")
MODES = ("all gradients", "no gradient", *SUBSETS, "backward twice", "called before", "in threads")
"""How the candidate is called: which gradients are wanted; backward a second time; after a call with other
numbers of the same shape; beside such a call in another thread."""


class Specification(NamedTuple):
    """A description of a case; equal specifications give equal numbers.

    Parameters
    ----------
    name : the name in the report; it seeds the numbers, too.
    shape : the lengths of all axes.
    options : the options in use, of OPTIONS and EXTRAS.
    inputs : "normal", "peaked", "correlated", "tiny" or "huge".
    cotangent : "normal" or "small".
    dtype : the dtype in which all numbers are exact.
    corner : "top_left" or "bottom_right", the alignment of causal and window where L != S.
    empty_rows : True for a mask with a fully masked row.
    layouts : pairs of a tensor ("query", "key", "value" or "d_out") and its memory layout, of LAYOUTS.
    mode : how the candidate is called, of MODES.
    seed : the seed of the numbers.
    """

    name: str
    shape: Shape
    options: tuple[str, ...] = ()
    inputs: str = "normal"
    cotangent: str = "normal"
    dtype: str = "float32"
    corner: str = "top_left"
    empty_rows: bool = False
    layouts: tuple[tuple[str, str], ...] = ()
    mode: str = "all gradients"
    seed: int = 0
