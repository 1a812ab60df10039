"""The cases on which a candidate is judged: drawn from a specification, and every feature in them matters.

A case is a call of attention with numbers that are exact in the candidate's dtype. What is switched on must
change the result by far more than the tolerance: `without` takes one feature away, so that it can be proved.
"""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.masks import builders as masks
from ...functional.masks.mask import Mask
from ..reference.oracle import Inputs
from ..rounding.formats import FORMATS, Format

OPTIONS = ("causal", "window", "mask", "bias", "scale", "softcap", "sinks", "dropout", "q_offset")
"""What attention can be asked, by the names under which a candidate takes it."""

EXTRAS = ("scale_array", "d_lse", "d_weights")
"""What few can do: a scale that is an array with a gradient, and cotangents of lse and weights."""

INPUTS = ("normal", "peaked", "correlated", "tiny", "huge")
COTANGENTS = ("normal", "small")
SMALL = 2.0**-17
"""The size of small cotangents, where the format reaches so far."""

RATE = 0.2
"""Of dropout: 1 / (1 - RATE) is 1.25, exact in every format."""


class Shape(NamedTuple):
    """Batch, heads, heads of keys, queries, keys, width of both, width of values."""

    B: int
    H: int
    G: int
    L: int
    S: int
    D: int
    E: int

    def __str__(self) -> str:
        return " ".join(f"{letter}={n}" for letter, n in zip(self._fields, self, strict=True))


class Specification(NamedTuple):
    """What a case is made from; the same specification gives the same numbers.

    Parameters
    ----------
    name : what the report calls it.
    shape : of the call.
    options : the features in use, of OPTIONS and EXTRAS.
    inputs : "normal", "peaked", "correlated", "tiny" or "huge".
    cotangent : "normal" or "small".
    dtype : in which all numbers are exact.
    corner : where the diagonal of causal and window lies if L is not S.
    empty_rows : whether the mask leaves a query that sees nothing.
    seed : of the numbers.
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


@dataclass(frozen=True)
class Case:
    """One call: arrays in float64 whose numbers are exact in the dtype, and options by OPTIONS' names.

    query (B, H, L, D)  key (B, G, S, D)  value (B, G, S, E)  d_out (B, H, L, E)  mask (B, 1, L, S) of
    booleans, True = may attend. causal and window stand at `shift`: query i at position i + shift.
    """

    specification: Specification
    query: Array
    key: Array
    value: Array
    d_out: Array
    options: dict[str, Any] = field(default_factory=dict)
    shift: int = 0

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.specification.name

    @property
    def format(self) -> Format:
        """In which every number is exact."""
        return FORMATS[self.specification.dtype]

    @property
    def arrays(self) -> dict[str, Any]:
        """Everything that attention is called with, by name: to be written out, and computed elsewhere."""
        named = dict(query=self.query, key=self.key, value=self.value, d_out=self.d_out)
        return named | self.options

    @property
    def features(self) -> tuple[str, ...]:
        """What is in use, the layout of grouped heads and the corner included."""
        _, H, G, L, S, _, _ = self.specification.shape
        banded = ("causal" in self.options or "window" in self.options) and "q_offset" not in self.options
        more = (("groups",) if 1 < G < H else ()) + (("corner",) if banded and L != S else ())
        return (*self.options, *more)

    @cached_property
    def mask(self) -> Mask | None:
        """causal, window and mask as one value of this project."""
        found: list[Mask] = []
        if self.options.get("causal"):
            found.append(masks.causal(offset=self.shift))
        if "window" in self.options:
            left, right = self.options["window"]
            found.append(masks.window(left, right, offset=self.shift))
        if "mask" in self.options:
            found.append(masks.visible(self.options["mask"]))
        if not found:
            return None
        mask, *others = found
        for other in others:
            mask = mask & other
        return mask

    @cached_property
    def inputs(self) -> Inputs:
        """As the oracle and the bounds take them."""
        given = self.options
        return Inputs(
            self.query, self.key, self.value, self.d_out, given.get("d_weights"), given.get("d_lse"),
            visible_pairs(given, self.shift, self.query.shape[-2], self.key.shape[-2]), given.get("bias"),
            given.get("scale"), given.get("softcap"), given.get("sinks"), given.get("dropout"),
        )  # fmt: skip

    def without(self, feature: str) -> "Case":
        """The same numbers, one feature taken away or, of groups and corner, turned into the other one."""
        if feature == "groups":
            times = self.query.shape[1] // self.key.shape[1]
            return replace(
                self, key=np.tile(self.key, (1, times, 1, 1)), value=np.tile(self.value, (1, times, 1, 1))
            )
        if feature == "corner":
            other = 0 if self.shift else self.key.shape[-2] - self.query.shape[-2]
            return replace(self, shift=other)
        options = {name: x for name, x in self.options.items() if name != feature}
        return replace(self, options=options, shift=0 if feature == "q_offset" else self.shift)


def visible_pairs(options: dict[str, Any], shift: int, L: int, S: int) -> Array | None:
    """Who sees whom, (L, S) or (B, 1, L, S): the definition, apart from the mask values."""
    ahead = np.arange(S) - (np.arange(L)[:, None] + shift)
    seen = np.ones((L, S), dtype=bool)
    if options.get("causal"):
        seen &= ahead <= 0
    if "window" in options:
        left, right = options["window"]
        seen &= (ahead >= -left) & (ahead <= right)
    if "mask" in options:
        seen = seen & options["mask"]
    return None if seen.all() and "mask" not in options else np.asarray(seen)


# ------------------------------------------------------------------------------------------ drawing


def draw_case(specification: Specification) -> Case:
    """The case of a specification.

    Raises
    ------
    ValueError
        For options, inputs, a cotangent or a dtype that are not known.

    Examples
    --------
    >>> case = draw_case(Specification("plain", Shape(2, 3, 3, 5, 5, 7, 2), ("causal",), dtype="bfloat16"))
    >>> case.query.shape, case.features
    ((2, 3, 5, 7), ('causal',))
    """
    spec = specification
    for what, given, known in (
        ("options", spec.options, (*OPTIONS, *EXTRAS)),
        ("inputs", (spec.inputs,), INPUTS),
        ("cotangent", (spec.cotangent,), COTANGENTS),
        ("dtype", (spec.dtype,), FORMATS),
    ):
        if strange := [x for x in given if x not in known]:
            raise ValueError(f"{what}: {strange[0]!r} is not known; there are {', '.join(known)}")
    B, H, G, L, S, D, E = spec.shape
    rng = np.random.default_rng([spec.seed, *spec.shape, *map(ord, spec.name)])
    drawn = FORMATS[spec.dtype]

    def normal(*shape: int) -> Array:
        return rng.standard_normal(shape)

    query, key, value, d_out = normal(B, H, L, D), normal(B, G, S, D), normal(B, G, S, E), normal(B, H, L, E)
    query, key, value, d_out = _sized(spec.inputs, query, key, value, d_out, rng, drawn)
    size = max(SMALL, 2.0**7 * drawn.precision.tiny) if spec.cotangent == "small" else 1.0
    d_out = d_out * size
    shift = _query_offset(spec)
    options = _options(spec, shift, rng, size)
    numbers = {name: x if isinstance(x, bool | int | float | tuple) or name == "mask" else drawn.rounded(x)
               for name, x in options.items()}  # fmt: skip
    query, key, value, d_out = map(drawn.rounded, (query, key, value, d_out))
    for x in (query, key, value, d_out, *numbers.values()):
        if isinstance(x, np.ndarray):
            x.setflags(write=False)  # a case may be asked for again
    return Case(spec, query, key, value, d_out, numbers, shift)


def _sized(
    inputs: str, query: Array, key: Array, value: Array, d_out: Array, rng: Any, drawn: Format
) -> tuple[Array, Array, Array, Array]:
    """The inputs made peaked, correlated, tiny or huge, as far as the format reaches."""
    if inputs == "peaked":
        return 20 * query, key, value, d_out
    if inputs == "correlated":
        of_keys, of_values = rng.standard_normal(key.shape[-1]), rng.standard_normal(value.shape[-1])
        return query + of_keys, key + 3 * of_keys, value + 3 * of_values, d_out
    if inputs == "tiny":
        tiny = max(1e-8, 2.0**12 * drawn.precision.tiny)
        return tiny * query, tiny * key, tiny * value, d_out
    if inputs == "huge":
        huge = min(1e4, math.sqrt(drawn.largest) / 16)
        return query, key, huge * value, d_out
    return query, key, value, d_out


def _query_offset(spec: Specification) -> int:
    """By how much the position of a query exceeds its index."""
    L, S = spec.shape.L, spec.shape.S
    if "q_offset" in spec.options:
        return max(1, (S - L) // 2)
    return S - L if spec.corner == "bottom_right" else 0


def _options(spec: Specification, shift: int, rng: Any, cotangents: float) -> dict[str, Any]:
    B, H, _, L, S, D, _ = spec.shape
    chosen: dict[str, Any] = {}
    broadcast = (1, H, L, S) if spec.seed % 2 == 0 else (B, H, 1, S)
    size = 16.0 if spec.inputs == "peaked" else 1.0
    if "causal" in spec.options:
        chosen["causal"] = True
    if "window" in spec.options:  # wide enough that every query sees something
        left = max(1, S // 4, L + shift - S + 1)
        chosen["window"] = (left, max(1, S // 6, -shift))
    if "mask" in spec.options:
        chosen["mask"] = _mask(spec, chosen, shift, rng)
    if "bias" in spec.options:
        chosen["bias"] = rng.standard_normal(broadcast) * size
    if "scale" in spec.options:
        chosen["scale"] = 1.5 * 2.0 ** math.ceil(-math.log2(max(D, 1)) / 2)
    if "scale_array" in spec.options:
        chosen["scale"] = (0.5 + np.abs(rng.standard_normal((1, H, L, 1)))) / math.sqrt(max(D, 1))
    if "softcap" in spec.options:
        chosen["softcap"] = 1.25 * size
    if "sinks" in spec.options:
        chosen["sinks"] = (rng.standard_normal(H) + 0.5) * size
    if "dropout" in spec.options:
        chosen["dropout"] = np.where(rng.random((B, H, L, S)) < RATE, 0.0, 1 / (1 - RATE))
    if "q_offset" in spec.options:
        chosen["q_offset"] = shift
    if "d_lse" in spec.options:
        chosen["d_lse"] = rng.standard_normal((B, H, L)) * cotangents
    if "d_weights" in spec.options:
        chosen["d_weights"] = rng.standard_normal((B, H, L, S)) * cotangents
    return chosen


def _mask(spec: Specification, chosen: dict[str, Any], shift: int, rng: Any) -> Array:
    """Three of four pairs, padding in the last batch entry; every query keeps one key, if any is to see."""
    B, _, _, L, S, _, _ = spec.shape
    mask = rng.random((B, 1, L, S)) < 0.75
    if B > 1 and S > 3:
        mask[-1, ..., S - S // 4 :] = False
    around = visible_pairs(chosen, shift, L, S)
    free = np.ones((L, S), dtype=bool) if around is None else around
    rows = np.flatnonzero(free.any(axis=-1))
    mask[..., rows, free[rows].argmax(axis=-1)] = True
    if spec.empty_rows and L:
        mask[..., L // 2, :] = False
    return np.asarray(mask)
