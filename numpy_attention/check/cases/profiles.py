"""The specifications of a run: "smoke", a few rich cases; "full", each option, pair of options and shape."""

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from ..reference.inputs import Shape
from .specification import COTANGENTS, EXTRAS, INPUTS, OPTIONS, Specification

PROFILES = ("smoke", "full")


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
    dtype: str = "float32"
    seed: int = 0

    @property
    def masks(self) -> tuple[str, ...]:
        """The options that mask."""
        return tuple(name for name in ("causal", "window", "mask") if name in self.options)


class _Lengths(NamedTuple):
    equal: tuple[int, int]
    fewer: tuple[int, int]
    more: tuple[int, int]
    long: tuple[int, int]


def profile(name: str, supported: Capabilities) -> tuple[Specification, ...]:
    """The specifications of a profile that a candidate supports.

    Raises
    ------
    ValueError
        For an unknown profile.
    """
    if name not in PROFILES:
        raise ValueError(f"profile is {name!r}; one of {', '.join(PROFILES)} is expected")
    specs = list(_smoke(supported)) + (list(_full(supported)) if name == "full" else [])
    return tuple(
        spec._replace(dtype=supported.dtype, seed=2 * supported.seed + n % 2) for n, spec in enumerate(specs)
    )


def _smoke(supported: Capabilities) -> Iterable[Specification]:
    lengths, taken = _lengths(supported), _compatible(supported.options)
    yield _case(supported, "plain", lengths.equal)
    yield _case(supported, "everything", lengths.fewer, taken, groups=2)
    yield _case(supported, "everything, more queries", lengths.more, taken, groups=3, inputs="correlated")
    yield _case(supported, "everything, peaked", lengths.equal, taken, groups=2, inputs="peaked")
    yield _case(supported, "everything, small cotangents", lengths.fewer, taken, groups=2, cotangent="small")
    yield _case(supported, "long", lengths.long, tuple(x for x in taken if x not in ("dropout", "d_weights")))
    for width in supported.head_dims[1:]:
        yield _case(supported, f"width {width}", lengths.fewer, supported.masks[:1], width=width)
    for name in supported.masks:
        offset = ("q_offset",) if "q_offset" in supported.options and name != "mask" else ()
        yield _case(supported, f"{name} alone", lengths.fewer, (name, *offset), groups=2)


def _full(supported: Capabilities) -> Iterable[Specification]:
    lengths = _lengths(supported)
    alone = [name for name in supported.options if name != "q_offset"]
    for n, name in enumerate(alone):
        for relation, pair in zip(("L = S", "L < S", "L > S"), lengths[:3], strict=True):
            yield _case(supported, f"{name}, {relation}", pair, (name,), groups=1 + n % 3)
    for one, other in combinations(supported.options, 2):
        both = tuple(dict.fromkeys((one, other)))
        if "q_offset" in both and not {"causal", "window"} & set(both):
            continue  # an offset matters to causal and window alone
        if {"scale", "scale_array"} <= set(both):
            continue
        pair = lengths[1 + (len(one) + len(other)) % 2]
        yield _case(supported, f"{one} and {other}", pair, both, groups=2)
    for inputs in INPUTS:
        for cotangent in COTANGENTS:
            few = tuple(x for x in _compatible(supported.options) if x not in _without_effect(inputs))
            title = f"{inputs} inputs, {cotangent} cotangents"
            yield _case(supported, title, lengths.fewer, few, groups=3, inputs=inputs, cotangent=cotangent)
            yield _case(supported, f"{title}, plain", lengths.equal, inputs=inputs, cotangent=cotangent)
    if supported.length_multiple == 1:
        yield from _short(supported)
    if supported.empty_rows and "mask" in supported.options:
        spec = _case(supported, "a query that sees nothing", lengths.fewer, ("mask",), groups=2)
        yield spec._replace(empty_rows=True)
    if supported.empty_rows and "causal" in supported.options and supported.corner == "bottom_right":
        spec = _case(supported, "causal, queries before the first key", lengths.more, ("causal",))
        yield spec._replace(empty_rows=True)


def _short(supported: Capabilities) -> Iterable[Specification]:
    few = tuple(x for x in supported.options if x in ("bias", "scale", "softcap", "sinks", "d_lse"))
    yield _case(supported, "one query, one key", (1, 1), few)
    yield _case(supported, "no query, no key", (0, 0))
    if supported.unequal_lengths:
        yield _case(supported, "one query", (1, 13), few, groups=2)
        yield _case(supported, "one key", (13, 1), few)
        yield _case(supported, "no query", (0, 5))


def _without_effect(inputs: str) -> tuple[str, ...]:
    """Options without effect on such inputs: tanh is linear at tiny scores."""
    return ("softcap",) if inputs == "tiny" else ()


def _compatible(options: tuple[str, ...]) -> tuple[str, ...]:
    """The options that can be combined in one call: scale_array replaces scale."""
    dropped = {"scale"} if "scale_array" in options else set()
    if "q_offset" in options and not {"causal", "window"} & set(options):
        dropped.add("q_offset")
    return tuple(name for name in (*OPTIONS, *EXTRAS) if name in options and name not in dropped)


def _lengths(supported: Capabilities) -> _Lengths:
    """Primes, or multiples of `length_multiple`; L = S where the candidate supports nothing else."""
    m = supported.length_multiple
    if m == 1:
        found = _Lengths((13, 13), (11, 17), (17, 11), (67, 131))
    else:
        found = _Lengths((m, m), (m, 2 * m), (2 * m, m), (2 * m, 3 * m))
    if supported.unequal_lengths:
        return found
    return _Lengths(*((max(pair), max(pair)) for pair in found))


def _case(
    supported: Capabilities,
    name: str,
    lengths: tuple[int, int],
    options: tuple[str, ...] = (),
    *,
    groups: int = 1,
    inputs: str = "normal",
    cotangent: str = "normal",
    width: int | None = None,
) -> Specification:
    """A supported specification; where the alignment is unknown, L = S."""
    L, S = lengths
    diagonal = "causal" in options or "window" in options
    if diagonal and L != S and "q_offset" not in options and supported.corner is None:
        L = S = max(L, S)
    corner = supported.corner or "top_left"
    if diagonal and L > S and "q_offset" not in options and corner == "bottom_right" and "causal" in options:
        L, S = S, L  # else the first rows are fully masked, a case of its own
    D = width or (supported.head_dims[0] if supported.head_dims else 7)
    E = 5 if supported.unequal_widths and not supported.head_dims else D
    n = groups if supported.groups else 1
    G = 3 if n < 3 else 2
    return Specification(
        name, Shape(2, n * G, G, L, S, D, E), options, inputs=inputs, cotangent=cotangent, corner=corner
    )
