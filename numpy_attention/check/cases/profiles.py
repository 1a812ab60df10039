"""Which cases a run has: smoke, a few rich ones; full, each option, each pair, each shape."""

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from .cases import COTANGENTS, EXTRAS, INPUTS, OPTIONS, Shape, Specification

PROFILES = ("smoke", "full")

DIAGONAL = ("causal", "window", "q_offset")
"""The options for which it matters where query and key positions meet."""


class Capabilities(NamedTuple):
    """What a candidate can be asked.

    Parameters
    ----------
    options : of OPTIONS and EXTRAS, those that it takes.
    groups, unequal_lengths, unequal_widths : whether G < H, L != S, D != E are.
    corner : "top_left" or "bottom_right", where causal and window lie if L != S; None if nobody said.
    empty_rows : whether a query may see nothing.
    head_dims : the widths that it takes; empty for any.
    length_multiple : what all lengths must be multiples of.
    dtype : of its inputs.
    seed : of the numbers.
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
        """The options that hide something."""
        return tuple(name for name in ("causal", "window", "mask") if name in self.options)


class _Lengths(NamedTuple):
    equal: tuple[int, int]
    fewer: tuple[int, int]
    more: tuple[int, int]
    long: tuple[int, int]


def profile(name: str, reach: Capabilities) -> tuple[Specification, ...]:
    """The specifications of a profile, as far as the candidate reaches.

    Raises
    ------
    ValueError
        For a profile that is not known.
    """
    if name not in PROFILES:
        raise ValueError(f"profile is {name!r}; one of {', '.join(PROFILES)} is expected")
    found = list(_smoke(reach)) + (list(_full(reach)) if name == "full" else [])
    return tuple(
        spec._replace(dtype=reach.dtype, seed=2 * reach.seed + n % 2) for n, spec in enumerate(found)
    )


def _smoke(reach: Capabilities) -> Iterable[Specification]:
    lengths, taken = _lengths(reach), _compatible(reach.options)
    yield _case(reach, "plain", lengths.equal)
    yield _case(reach, "everything", lengths.fewer, taken, groups=2)
    yield _case(reach, "everything, more queries", lengths.more, taken, groups=3, inputs="correlated")
    yield _case(reach, "everything, peaked", lengths.equal, taken, groups=2, inputs="peaked")
    yield _case(reach, "everything, small cotangents", lengths.fewer, taken, groups=2, cotangent="small")
    yield _case(reach, "long", lengths.long, tuple(x for x in taken if x not in ("dropout", "d_weights")))
    for name in reach.masks:
        offset = ("q_offset",) if "q_offset" in reach.options and name != "mask" else ()
        yield _case(reach, f"{name} alone", lengths.fewer, (name, *offset), groups=2)


def _full(reach: Capabilities) -> Iterable[Specification]:
    lengths = _lengths(reach)
    alone = [name for name in reach.options if name != "q_offset"]
    for n, name in enumerate(alone):
        for told, pair in zip(("L = S", "L < S", "L > S"), lengths[:3], strict=True):
            yield _case(reach, f"{name}, {told}", pair, (name,), groups=1 + n % 3)
    for one, other in combinations(reach.options, 2):
        both = tuple(dict.fromkeys((one, other)))
        if "q_offset" in both and not {"causal", "window"} & set(both):
            continue  # an offset shows only where there is a diagonal
        if {"scale", "scale_array"} <= set(both):
            continue
        pair = lengths[1 + (len(one) + len(other)) % 2]
        yield _case(reach, f"{one} and {other}", pair, both, groups=2)
    for width in reach.head_dims[1:]:
        yield _case(reach, f"width {width}", lengths.fewer, reach.masks[:1], width=width)
    for inputs in INPUTS:
        for cotangent in COTANGENTS:
            few = tuple(x for x in _compatible(reach.options) if x not in _without_effect(inputs))
            told = f"{inputs} inputs, {cotangent} cotangents"
            yield _case(reach, told, lengths.fewer, few, groups=3, inputs=inputs, cotangent=cotangent)
            yield _case(reach, f"{told}, plain", lengths.equal, inputs=inputs, cotangent=cotangent)
    if reach.length_multiple == 1:
        yield from _short(reach)
    if reach.empty_rows and "mask" in reach.options:
        spec = _case(reach, "a query that sees nothing", lengths.fewer, ("mask",), groups=2)
        yield spec._replace(empty_rows=True)
    if reach.empty_rows and "causal" in reach.options and reach.corner == "bottom_right":
        spec = _case(reach, "causal, queries before the first key", lengths.more, ("causal",))
        yield spec._replace(empty_rows=True)


def _short(reach: Capabilities) -> Iterable[Specification]:
    few = tuple(x for x in reach.options if x in ("bias", "scale", "softcap", "sinks", "d_lse"))
    yield _case(reach, "one query, one key", (1, 1), few)
    yield _case(reach, "no query, no key", (0, 0))
    if reach.unequal_lengths:
        yield _case(reach, "one query", (1, 13), few, groups=2)
        yield _case(reach, "one key", (13, 1), few)
        yield _case(reach, "no query", (0, 5))


def _without_effect(inputs: str) -> tuple[str, ...]:
    """What cannot matter there: beside tiny scores, nothing that acts on scores by their size does."""
    return ("softcap",) if inputs == "tiny" else ()


def _compatible(options: tuple[str, ...]) -> tuple[str, ...]:
    """All of them, less what others replace."""
    dropped = {"scale"} if "scale_array" in options else set()
    if "q_offset" in options and not {"causal", "window"} & set(options):
        dropped.add("q_offset")
    return tuple(name for name in (*OPTIONS, *EXTRAS) if name in options and name not in dropped)


def _lengths(reach: Capabilities) -> _Lengths:
    """Primes where they are allowed; equal ones where others are not."""
    m = reach.length_multiple
    if m == 1:
        found = _Lengths((13, 13), (11, 17), (17, 11), (67, 131))
    else:
        found = _Lengths((m, m), (m, 2 * m), (2 * m, m), (2 * m, 3 * m))
    if reach.unequal_lengths:
        return found
    return _Lengths(*((max(pair), max(pair)) for pair in found))


def _case(
    reach: Capabilities,
    name: str,
    lengths: tuple[int, int],
    options: tuple[str, ...] = (),
    *,
    groups: int = 1,
    inputs: str = "normal",
    cotangent: str = "normal",
    width: int | None = None,
) -> Specification:
    """A specification within reach: a diagonal that nobody placed is left to equal lengths."""
    L, S = lengths
    diagonal = "causal" in options or "window" in options
    if diagonal and L != S and "q_offset" not in options and reach.corner is None:
        L = S = max(L, S)
    corner = reach.corner or "top_left"
    if diagonal and L > S and "q_offset" not in options and corner == "bottom_right" and "causal" in options:
        L, S = S, L  # else the first queries see nothing, which is a case of its own
    D = width or (reach.head_dims[0] if reach.head_dims else 7)
    E = 5 if reach.unequal_widths and not reach.head_dims else D
    n = groups if reach.groups else 1
    G = 3 if n < 3 else 2
    return Specification(
        name, Shape(2, n * G, G, L, S, D, E), options, inputs=inputs, cotangent=cotangent, corner=corner
    )
