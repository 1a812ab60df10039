"""Cases: calls of attention, drawn from a specification, on which a candidate is judged.

The numbers of a case are exact in the candidate's dtype. `Case.without` removes one feature, to prove that
the feature changes the results by far more than the tolerance.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import and_
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.masks import builders as masks
from ...functional.masks.mask import Mask
from ..reference.inputs import Inputs, Shape
from ..rounding.formats import FORMATS, Format

OPTIONS = ("causal", "window", "mask", "bias", "scale", "softcap", "sinks", "dropout", "q_offset")
"""The options of attention, under the names that a candidate takes."""

EXTRAS = ("scale_array", "d_lse", "d_weights")
"""Options that few candidates have: a scale array with its gradient, cotangents of lse and weights."""

NAMED_ALIKE = ("bias", "scale", "softcap", "sinks", "dropout", "d_lse", "d_weights")
"""The options that `Inputs` has by the same name."""

INPUTS = ("normal", "peaked", "correlated", "tiny", "huge")
COTANGENTS = ("normal", "small")
SMALL = 2.0**-17
"""The size of small cotangents, if the format represents it."""

RATE = 0.2
"""The dropout rate: 1 / (1 - RATE) is 1.25, exact in every format."""


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
    seed: int = 0


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
        """The options in use, "groups" where heads are grouped, "corner" where the alignment matters."""
        _, H, G, L, S, _, _ = self.specification.shape
        banded = ("causal" in self.options or "window" in self.options) and "q_offset" not in self.options
        more = (("groups",) if 1 < G < H else ()) + (("corner",) if banded and L != S else ())
        return (*self.options, *more)

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


# ------------------------------------------------------------------------------------------ drawing


def draw_case(specification: Specification) -> Case:
    """Draw the numbers of a specification.

    Raises
    ------
    ValueError
        For unknown options, inputs, cotangent or dtype.

    Examples
    --------
    >>> case = draw_case(Specification("plain", Shape(2, 3, 3, 5, 5, 7, 2), ("causal",), dtype="bfloat16"))
    >>> case.query.shape, case.features
    ((2, 3, 5, 7), ('causal',))
    """
    spec = specification
    for argument, values, known in (
        ("options", spec.options, (*OPTIONS, *EXTRAS)),
        ("inputs", (spec.inputs,), INPUTS),
        ("cotangent", (spec.cotangent,), COTANGENTS),
        ("dtype", (spec.dtype,), FORMATS),
    ):
        if unknown := [x for x in values if x not in known]:
            raise ValueError(f"{argument} is {unknown[0]!r}; one of {', '.join(known)} is expected")
    B, H, G, L, S, D, E = spec.shape
    rng = np.random.default_rng([spec.seed, *spec.shape, *map(ord, spec.name)])
    dtype = FORMATS[spec.dtype]

    def normal(*shape: int) -> Array:
        return rng.standard_normal(shape)

    query, key, value, d_out = normal(B, H, L, D), normal(B, G, S, D), normal(B, G, S, E), normal(B, H, L, E)
    query, key, value, d_out = _sized(spec.inputs, query, key, value, d_out, rng, dtype)
    size = max(SMALL, 2.0**7 * dtype.precision.tiny) if spec.cotangent == "small" else 1.0
    d_out = d_out * size
    offset = _query_offset(spec)
    options = _options(spec, offset, rng, size)
    numbers = {name: x if isinstance(x, bool | int | float | tuple) or name == "mask" else dtype.rounded(x)
               for name, x in options.items()}  # fmt: skip
    query, key, value, d_out = map(dtype.rounded, (query, key, value, d_out))
    for x in (query, key, value, d_out, *numbers.values()):
        if isinstance(x, np.ndarray):
            x.setflags(write=False)  # cases are cached
    return make_case(spec, query, key, value, d_out, numbers, offset)


def _sized(
    inputs: str, query: Array, key: Array, value: Array, d_out: Array, rng: Any, dtype: Format
) -> tuple[Array, Array, Array, Array]:
    """The inputs made peaked, correlated, tiny or huge, within the range of the format."""
    if inputs == "peaked":
        return 20 * query, key, value, d_out
    if inputs == "correlated":
        of_keys, of_values = rng.standard_normal(key.shape[-1]), rng.standard_normal(value.shape[-1])
        return query + of_keys, key + 3 * of_keys, value + 3 * of_values, d_out
    if inputs == "tiny":
        tiny = max(1e-8, 2.0**12 * dtype.precision.tiny)
        return tiny * query, tiny * key, tiny * value, d_out
    if inputs == "huge":
        huge = min(1e4, math.sqrt(dtype.largest) / 16)
        return query, key, huge * value, d_out
    return query, key, value, d_out


def _query_offset(spec: Specification) -> int:
    """The position of query 0 among the keys."""
    L, S = spec.shape.L, spec.shape.S
    if "q_offset" in spec.options:
        return max(1, (S - L) // 2)
    return S - L if spec.corner == "bottom_right" else 0


def _options(spec: Specification, offset: int, rng: Any, cotangents: float) -> dict[str, Any]:
    B, H, _, L, S, D, _ = spec.shape
    options: dict[str, Any] = {}
    broadcast = (1, H, L, S) if spec.seed % 2 == 0 else (B, H, 1, S)
    size = 16.0 if spec.inputs == "peaked" else 1.0
    if "causal" in spec.options:
        options["causal"] = True
    if "window" in spec.options:  # wide enough that no row is fully masked
        left = max(1, S // 4, L + offset - S + 1)
        options["window"] = (left, max(1, S // 6, -offset))
    if "mask" in spec.options:
        options["mask"] = _mask(spec, options, offset, rng)
    if "bias" in spec.options:
        options["bias"] = rng.standard_normal(broadcast) * size
    if "scale" in spec.options:
        options["scale"] = 1.5 * 2.0 ** math.ceil(-math.log2(max(D, 1)) / 2)
    if "scale_array" in spec.options:
        options["scale"] = (0.5 + np.abs(rng.standard_normal((1, H, L, 1)))) / math.sqrt(max(D, 1))
    if "softcap" in spec.options:
        options["softcap"] = 1.25 * size
    if "sinks" in spec.options:
        options["sinks"] = (rng.standard_normal(H) + 0.5) * size
    if "dropout" in spec.options:
        options["dropout"] = np.where(rng.random((B, H, L, S)) < RATE, 0.0, 1 / (1 - RATE))
    if "q_offset" in spec.options:
        options["q_offset"] = offset
    if "d_lse" in spec.options:
        options["d_lse"] = rng.standard_normal((B, H, L)) * cotangents
    if "d_weights" in spec.options:
        options["d_weights"] = rng.standard_normal((B, H, L, S)) * cotangents
    return options


def _mask(spec: Specification, options: dict[str, Any], offset: int, rng: Any) -> Array:
    """Three of four pairs, padding in the last batch entry; a row keeps one of the keys visible to it."""
    B, _, _, L, S, _, _ = spec.shape
    mask = rng.random((B, 1, L, S)) < 0.75
    if B > 1 and S > 3:
        mask[-1, ..., S - S // 4 :] = False
    around = visible_pairs(options, offset, L, S)
    free = np.ones((L, S), dtype=bool) if around is None else around
    rows = np.flatnonzero(free.any(axis=-1))
    mask[..., rows, free[rows].argmax(axis=-1)] = True
    if spec.empty_rows and L:
        mask[..., L // 2, :] = False
    return np.asarray(mask)
