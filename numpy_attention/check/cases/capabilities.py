"""What a candidate supports."""

from typing import NamedTuple

from .specification import LAYOUTS, MODES


class Capabilities(NamedTuple):
    """The calls that a candidate supports.

    Parameters
    ----------
    options : the supported ones of OPTIONS and EXTRAS.
    groups, unequal_lengths, unequal_widths : True if it supports G < H, L != S, D != E.
    corner : "top_left" or "bottom_right", its alignment of causal and window where L != S; None if unknown.
    empty_rows : True if it supports fully masked rows.
    head_dims : the supported widths; empty for any.
    length_multiple : the number that must divide all lengths.
    hidden_nan : True if NaN in fully masked keys and values leaves no trace.
    layouts, modes : the supported ones of LAYOUTS and MODES.
    always : "causal" or "window" if every call has it, else None.
    window : left and right of a window that every call has.
    key_masks : True if its masks are of keys alone.
    one_entry : True if its batch has one entry.
    dtype : the dtype of its inputs.
    seed : the seed of the numbers.
    """

    options: tuple[str, ...] = ()
    groups: bool = True
    unequal_lengths: bool = True
    unequal_widths: bool = True
    corner: str | None = None
    empty_rows: bool = True
    head_dims: tuple[int, ...] = ()
    length_multiple: int = 1
    hidden_nan: bool = False
    layouts: tuple[str, ...] = LAYOUTS
    modes: tuple[str, ...] = MODES
    always: str | None = None
    window: tuple[int, int] | None = None
    key_masks: bool = False
    one_entry: bool = False
    dtype: str = "float32"
    seed: int = 0

    @property
    def masks(self) -> tuple[str, ...]:
        """The options that mask."""
        return tuple(name for name in ("causal", "window", "mask") if name in self.options)
