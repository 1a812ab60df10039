"""Cases: calls of attention on which a candidate is judged.

The numbers of a case are exact in the candidate's dtype. `Case.without` removes one feature, to prove that
the feature changes the results by far more than the tolerance.
"""

from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import and_
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ...functional.masks import builders as masks
from ...functional.masks.mask import Mask
from ..reference.inputs import Inputs
from ..rounding.formats import FORMATS, Format
from .specification import Specification

NAMED_ALIKE = ("bias", "scale", "softcap", "sinks", "dropout", "d_lse", "d_weights")
"""The options that `Inputs` has by the same name."""


@dataclass(frozen=True, eq=False, repr=False)
class Case(Inputs):
    """One call, its numbers exact in the dtype, and its options by OPTIONS' names, as candidates take them.

    query (B, H, L, D)  key (B, G, S, D)  value (B, G, S, E)  d_out (B, H, L, E)  options["mask"] (B, 1, L, S)
    of booleans, True = may attend. For causal and window, query i is at position i + offset.
    """

    d_out: Array = field(kw_only=True)
    specification: Specification = field(kw_only=True)
    options: dict[str, Any] = field(kw_only=True)
    offset: int = field(kw_only=True)

    @property
    def name(self) -> str:
        """The name in the report."""
        return self.specification.name

    @property
    def format(self) -> Format:
        """The format in which every number is exact."""
        return FORMATS[self.specification.dtype]

    @property
    def arrays(self) -> dict[str, Any]:
        """All arguments and cotangents by name, to be saved and computed elsewhere."""
        named = dict(query=self.query, key=self.key, value=self.value, d_out=self.d_out)
        return named | self.options

    @property
    def features(self) -> tuple[str, ...]:
        """The options with an effect, "groups" where heads are grouped, "corner" where alignment matters."""
        _, H, G, L, S, _, _ = self.specification.shape
        options = tuple(name for name in self.options if name not in self.specification.without_effect)
        banded = ("causal" in options or "window" in options) and "q_offset" not in options
        more = (("groups",) if 1 < G < H else ()) + (("corner",) if banded and L != S else ())
        return (*options, *more)

    @cached_property
    def visible(self) -> Array | None:
        """The visible pairs by definition, without the Mask classes."""
        return visible_pairs(self.options, self.offset, self.query.shape[-2], self.key.shape[-2])

    def rebuilt(self, **changes: Any) -> "Case":
        """The case with other arrays, options or offset."""
        names = ("specification", "query", "key", "value", "d_out", "options", "offset")
        return make_case(**({name: getattr(self, name) for name in names} | changes))

    def without(self, feature: str) -> "Case":
        """The same numbers without one feature; for groups and corner, with the other convention."""
        if feature == "groups":
            times = self.query.shape[1] // self.key.shape[1]
            key, value = (np.tile(x, (1, times, 1, 1)) for x in (self.key, self.value))
            return self.rebuilt(key=key, value=value)
        if feature == "corner":
            other = 0 if self.offset else self.key.shape[-2] - self.query.shape[-2]
            return self.rebuilt(offset=other)
        options = {name: x for name, x in self.options.items() if name != feature}
        return self.rebuilt(options=options, offset=0 if feature == "q_offset" else self.offset)


def make_case(
    specification: Specification, query: Array, key: Array, value: Array, d_out: Array,
    options: dict[str, Any], offset: int = 0,
) -> Case:  # fmt: skip
    """The case of these arrays and options; causal, window and mask become one Mask."""
    parts: list[Mask] = []
    if options.get("causal"):
        parts.append(masks.causal(offset=offset))
    if "window" in options:
        left, right = options["window"]
        parts.append(masks.window(left, right, offset=offset))
    if "mask" in options:
        parts.append(masks.visible(options["mask"]))
    named = {name: options.get(name) for name in NAMED_ALIKE}
    return Case(
        query, key, value, d_out=d_out, mask=reduce(and_, parts) if parts else None, **named,
        specification=specification, options=options, offset=offset,
    )  # fmt: skip


def visible_pairs(options: dict[str, Any], offset: int, L: int, S: int) -> Array | None:
    """The visible pairs, (L, S) or (B, 1, L, S), by definition and without the Mask classes."""
    ahead = np.arange(S) - (np.arange(L)[:, None] + offset)
    visible = np.ones((L, S), dtype=bool)
    if options.get("causal"):
        visible &= ahead <= 0
    if "window" in options:
        left, right = options["window"]
        visible &= (ahead >= -left) & (ahead <= right)
    if "mask" in options:
        visible = visible & options["mask"]
    return None if visible.all() and "mask" not in options else np.asarray(visible)
