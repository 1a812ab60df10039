"""`Inputs`, the one type for a call of attention: its arguments, options and cotangents."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...functional.attention.biases import Bias
from ...functional.attention.dropout import Dropout
from ...functional.base.admission import Array
from ...functional.masks.builders import visible as mask_of
from ...functional.masks.mask import Mask

OPTIONS = ("mask", "bias", "scale", "softcap", "sinks", "dropout")
"""The options that `attention` takes."""

AnyInputs = TypeVar("AnyInputs", bound="Inputs")


class Shape(NamedTuple):
    """Batch size, query heads, key/value heads, queries, keys, query/key width, value width."""

    B: int
    H: int
    G: int
    L: int
    S: int
    D: int
    E: int

    def __str__(self) -> str:
        return " ".join(f"{letter}={n}" for letter, n in zip(self._fields, self, strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class Inputs:
    """Arguments and cotangents of one attention call; all but the first three may be None.

    query (..., H, L, D)  key (..., G, S, D)  value (..., G, S, E), or all three with two axes
    d_out (..., H, L, E)  d_weights (..., H, L, S)  d_lse (..., H, L): the cotangents, None for zero
    mask : a Mask, or booleans, True = may attend, that broadcast to (..., H, L, S)
    bias, scale, softcap, sinks, dropout : as in `attention`. A bias of -inf hides.

    Hidden numbers may be anything.
    """

    query: Array
    key: Array
    value: Array
    d_out: Array | None = None
    d_weights: Array | None = None
    d_lse: Array | None = None
    mask: Mask | Array | None = None
    bias: Array | Bias | None = None
    scale: Any = None
    softcap: float | None = None
    sinks: Any = None
    dropout: Array | Dropout | None = None

    def __repr__(self) -> str:
        shown = (f"{name}={_shown(x)}" for name, x in self.items() if x is not None)
        return f"{type(self).__name__}({', '.join(shown)})"

    def items(self) -> Iterator[tuple[str, Any]]:
        """Every argument by name."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))

    def replace(self: AnyInputs, **changes: Any) -> AnyInputs:
        """The call with other arguments."""
        return replace(self, **changes)

    # ------------------------------------------------------------------------------------- shapes

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the scores: (..., H, L, S), or (L, S)."""
        return (*self.batch, *self.query.shape[-3:-1], self.key.shape[-2])

    @property
    def batch(self) -> tuple[int, ...]:
        """The batch axes, broadcast together."""
        return np.broadcast_shapes(*(x.shape[:-3] for x in (self.query, self.key, self.value)))

    @property
    def lengths(self) -> Shape:
        """The axis lengths; B is the product of all batch axes."""
        H, G = (x.shape[-3] if x.ndim > 2 else 1 for x in (self.query, self.key))
        L, (S, D), E = self.query.shape[-2], self.key.shape[-2:], self.value.shape[-1]
        return Shape(math.prod(self.batch), H, G, L, S, D, E)

    @property
    def group(self) -> int:
        """Number of query heads per key head."""
        _, H, G, *_ = self.lengths
        return H // G if G else 1

    # ------------------------------------------------------------------------- as functions take them

    @property
    def arguments(self) -> tuple[Array, Array, Array]:
        """query, key and value."""
        return self.query, self.key, self.value

    @property
    def keywords(self) -> dict[str, Any]:
        """The options in use, as `attention` takes them."""
        options = {name: getattr(self, name) for name in OPTIONS if getattr(self, name) is not None}
        if isinstance(self.mask, np.ndarray):
            options["mask"] = mask_of(self.mask)
        return options

    @property
    def cotangents(self) -> dict[str, Any]:
        """d_weights and d_lse, where given."""
        named = {"d_weights": self.d_weights, "d_lse": self.d_lse}
        return {name: x for name, x in named.items() if x is not None}

    # ---------------------------------------------------------------------------- values as arrays

    def dense(self: AnyInputs) -> AnyInputs:
        """The call with mask, bias and dropout as arrays."""
        return self.replace(mask=self.visible, bias=self.bias_array, dropout=self.multipliers)

    @cached_property
    def visible(self) -> Array | None:
        """The mask as booleans that broadcast to the scores, or None."""
        if isinstance(self.mask, Mask):
            return np.asarray(self.mask.array(*self.shape[-2:], heads=len(self.shape) > 2))
        return self.mask

    @cached_property
    def bias_array(self) -> Array | None:
        """The bias as an array that broadcasts to the scores, or None."""
        return self.bias.array(*self.shape[-2:]) if isinstance(self.bias, Bias) else self.bias

    @cached_property
    def multipliers(self) -> Array | None:
        """The dropout multipliers as an array that broadcasts to the scores, or None."""
        return self.dropout.array(self.shape) if isinstance(self.dropout, Dropout) else self.dropout


def _shown(x: Any) -> str:
    return f"{x.dtype}{x.shape}" if isinstance(x, np.ndarray) else repr(x)
