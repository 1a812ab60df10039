"""A specification: the description of a case, from which its numbers are drawn."""

from typing import NamedTuple

from ..reference.inputs import Shape

OPTIONS = ("causal", "window", "mask", "bias", "scale", "softcap", "sinks", "dropout", "q_offset")
"""The options of attention, under the names that a candidate takes."""

EXTRAS = ("scale_array", "d_lse", "d_weights")
"""Options that few candidates have: a scale array with its gradient, cotangents of lse and weights."""

VARIANTS = {
    "window": ("no look-ahead", "no look-back", "left only", "right only", "wider than the keys"),
    "mask": ("of keys", "of heads", "of pairs", "all true", "nothing for one entry"),
    "bias": ("of keys", "of heads", "of pairs", "of a batch entry", "of everything", "-inf"),
    "scale": ("negative", "zero", "above one"),
    "softcap": ("saturated",),
    "sinks": ("-inf", "large"),
    "q_offset": ("negative", "beyond the keys"),
}
"""Other forms of an option: shapes that broadcast, and values at the ends of its range."""

OFFSETS = {"scores 90": 90.0, "scores -90": -90.0, "scores 1e5": 1e5, "scores -1e5": -1e5}
"""Inputs whose scores all lie near a number: exp of it overflows, underflows, or a finite mask exceeds it."""

INPUTS = (
    *("normal", "peaked", "correlated", "tiny", "huge", "near overflow", "subnormal"),
    *("equal scores", "one dominates", *OFFSETS),
)
COTANGENTS = ("normal", "small", "large")
TENSORS = ("query", "key", "value", "d_out")
JUDGED = ("out", "d_query", "d_key", "d_value")
"""The results that every candidate has."""

HIDDEN = ("large", "nan")
"""What fully masked keys and values hold, besides numbers like the others."""

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
    variants : pairs of an option in use and its form, of VARIANTS.
    inputs, cotangent : of INPUTS and COTANGENTS.
    zeros : the tensor of TENSORS a third of whose entries are 0 or -0; "" for none.
    hidden : what fully masked keys and values hold, of HIDDEN; "" for numbers like the others.
    dtype : the dtype in which all numbers are exact.
    corner : "top_left" or "bottom_right", the alignment of causal and window where L != S.
    empty_rows : True for a mask with a fully masked row.
    layouts : pairs of a tensor of TENSORS and its memory layout, of LAYOUTS.
    mode : how the candidate is called, of MODES.
    window : left and right, in place of drawn ones.
    seed : the seed of the numbers.
    """

    name: str
    shape: Shape
    options: tuple[str, ...] = ()
    variants: tuple[tuple[str, str], ...] = ()
    inputs: str = "normal"
    cotangent: str = "normal"
    zeros: str = ""
    hidden: str = ""
    dtype: str = "float32"
    corner: str = "top_left"
    empty_rows: bool = False
    layouts: tuple[tuple[str, str], ...] = ()
    mode: str = "all gradients"
    window: tuple[int, int] | None = None
    seed: int = 0

    def variant(self, option: str) -> str:
        """The form of an option; "" for the usual one."""
        return dict(self.variants).get(option, "")

    @property
    def without_effect(self) -> frozenset[str]:
        """The options in use without which the results would be the same."""
        idle = {
            "mask": self.variant("mask") == "all true",
            "window": self.variant("window") == "wider than the keys"
            or (self.variant("window") == "right only" and "causal" in self.options),
            "sinks": self.variant("sinks") == "-inf",
            "causal": self.variant("q_offset") == "beyond the keys"
            or self.variant("window") == "no look-ahead",
            "softcap": self.inputs == "tiny" or self.variant("scale") == "zero",
        }
        found = {name for name, without in idle.items() if without and name in self.options}
        if self.options and {"causal", "window"} & {*self.options} <= {"window"} & found:
            found |= {"q_offset"} & {*self.options}
        return frozenset(found)
