"""Known mistakes in attention and around it, each planted in a pair, by name.

A check is worth the mistakes it detects. Read `fault` (the type, and how one is planted) and `conditions`
(where one changes a result), then the families, a file each: `attention/` in the seven steps,
`beyond_attention/` in norms, losses and optimizers. `small_problems` are calls in which every fault of
attention shows, `detection` measures which checks detect it, `law_matrix` keeps the result for the laws.
The families import `functional`, `optim` and nothing of `check` but `conditions` and `fault`.
"""

import difflib

from .attention.bias import BIAS
from .attention.blocks import BLOCKS
from .attention.dropout import DROPOUT
from .attention.heads import HEADS
from .attention.layout import LAYOUT, STATE
from .attention.learner import LEARNER
from .attention.masks import MASKS
from .attention.maximum import MAXIMUM
from .attention.memory import MEMORY
from .attention.products import PRODUCTS
from .attention.scale import SCALE
from .attention.sinks import SINKS
from .attention.softcap import SOFTCAP
from .attention.softmax import SOFTMAX
from .beyond_attention.adam import ADAM, ADAMW
from .beyond_attention.gelu import GELU, GELU_TANH
from .beyond_attention.losses import CROSS_ENTROPY
from .beyond_attention.norms import LAYER_NORM, RMS_NORM
from .beyond_attention.rotary import ROTARY
from .fault import Fault

__all__ = ["FAULTS", "Fault", "fault"]

FAMILIES = (
    *(SCALE, SOFTMAX, LEARNER, MAXIMUM, BLOCKS, MASKS, PRODUCTS, HEADS, BIAS, DROPOUT, SOFTCAP, SINKS),
    *(LAYOUT, STATE, MEMORY),
    *(ROTARY, LAYER_NORM, RMS_NORM, CROSS_ENTROPY, GELU, GELU_TANH, ADAM, ADAMW),
)

FAULTS: tuple[Fault, ...] = tuple(each for family in FAMILIES for each in family.faults)
"""Every fault, family by family."""


def fault(name: str) -> Fault:
    """The fault of this name.

    Raises ValueError for an unknown name, with the names that are spelled like it.

    Examples
    --------
    >>> fault("no-row-sum").statement
    'The row sum is left out: d_masked = weights * d_weights.'
    """
    for each in FAULTS:
        if each.name == name:
            return each
    similar = difflib.get_close_matches(name, [each.name for each in FAULTS], n=3, cutoff=0.5)
    instead = f"; did you mean {' or '.join(similar)}?" if similar else ""
    raise ValueError(f"there is no fault {name!r}{instead or '; `numpy-attention faults` prints them all'}")
