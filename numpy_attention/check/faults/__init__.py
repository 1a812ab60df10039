"""The mistakes that are made in attention and around it, each planted in a pair, by name.

What a check is worth is what it catches. Each fault here is the wrong lines themselves, where they have
been seen, when they can show and in which dtypes; a family a file.
"""

import difflib

from .attention.bias import BIAS
from .attention.blocks import BLOCKS
from .attention.dropout import DROPOUT
from .attention.heads import HEADS
from .attention.masks import MASKS
from .attention.memory import MEMORY
from .attention.products import PRODUCTS
from .attention.scale import SCALE
from .attention.sinks import SINKS
from .attention.softcap import SOFTCAP
from .attention.softmax import SOFTMAX
from .beyond_attention.adam import ADAM, ADAMW
from .beyond_attention.losses import CROSS_ENTROPY, GELU, GELU_TANH
from .beyond_attention.norms import LAYER_NORM, RMS_NORM
from .beyond_attention.rotary import ROTARY
from .fault import Fault

__all__ = ["FAULTS", "Fault", "fault"]

FAMILIES = (
    *(SCALE, SOFTMAX, BLOCKS, MASKS, PRODUCTS, HEADS, BIAS, DROPOUT, SOFTCAP, SINKS, MEMORY),
    *(ROTARY, LAYER_NORM, RMS_NORM, CROSS_ENTROPY, GELU, GELU_TANH, ADAM, ADAMW),
)

FAULTS: tuple[Fault, ...] = tuple(each for family in FAMILIES for each in family.faults)
"""Every fault, family by family."""


def fault(name: str) -> Fault:
    """A fault by its name.

    Raises ValueError for an unknown one, with those that are spelled like it.

    Examples
    --------
    >>> fault("no-row-sum").statement
    'The row sum is left out: d_masked = weights * d_weights.'
    """
    for each in FAULTS:
        if each.name == name:
            return each
    near = difflib.get_close_matches(name, [each.name for each in FAULTS], n=3, cutoff=0.5)
    instead = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"there is no fault {name!r}{instead or '; `numpy-attention faults` prints them all'}")
