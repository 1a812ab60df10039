"""The cases of a run: "simple" has each option alone, "smoke" meets every condition, "full" every pair."""

from collections.abc import Iterator

from ..reference.inputs import Shape
from ..rounding.formats import Roundoff
from .capabilities import Capabilities
from .covering import ConditionCoverage, cover
from .drafts import DRAWN
from .sensitivity import ReferenceCase, reference_case
from .specification import EXTRAS, OPTIONS, Specification

PROFILES = ("simple", "smoke", "full")


def references(
    profile: str, supported: Capabilities, roundoff: Roundoff, coverage: ConditionCoverage | None = None
) -> Iterator[ReferenceCase]:
    """The cases of a profile that a candidate supports, with their references, each under its own name.

    Parameters
    ----------
    coverage : what is met so far. Whoever gives it marks each case that is judged before drawing the next; by
        default, every case counts.

    Raises
    ------
    ValueError
        For an unknown profile.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile is {profile!r}; one of {', '.join(PROFILES)} is expected")
    own = coverage or ConditionCoverage(pairs=profile == "full")
    drawn = _references(supported, roundoff, own, covered=profile != "simple")
    return drawn if coverage is not None else _marked(drawn, own)


def _marked(drawn: Iterator[ReferenceCase], coverage: ConditionCoverage) -> Iterator[ReferenceCase]:
    for case in drawn:
        coverage.mark(case)
        yield case


def _references(
    supported: Capabilities, roundoff: Roundoff, coverage: ConditionCoverage, *, covered: bool
) -> Iterator[ReferenceCase]:
    number = 0

    def reference(spec: Specification) -> ReferenceCase:
        nonlocal number
        number += 1
        name = f"case {number}" if spec.name == DRAWN else spec.name
        seed = 2 * supported.seed + number % 2
        return reference_case(spec._replace(name=name, dtype=supported.dtype, seed=seed), roundoff)

    for spec in _simple(supported):
        yield reference(spec)
    if covered:
        yield from cover(coverage, supported, reference)


def _simple(supported: Capabilities) -> list[Specification]:
    """A plain case, each option alone, all together, and no queries or keys: what a reader tries first."""
    m = supported.length_multiple
    L, S = (11, 17) if m == 1 else (m, 2 * m)
    if not supported.unequal_lengths:
        L = S
    forced = (supported.always,) if supported.always else ()

    def simple(
        name: str, options: tuple[str, ...] = (), *, groups: int = 1, width: int = 0, L: int = L, S: int = S
    ) -> Specification:
        options = tuple(dict.fromkeys((*forced, *options)))
        banded = {"causal", "window"} & {*options} and "q_offset" not in options
        if banded and supported.corner is None:
            L = S
        D = width or (supported.head_dims or (7,))[0]
        E = 5 if supported.unequal_widths and not supported.head_dims else D
        n = groups if supported.groups else 1
        shape = Shape(1 if supported.one_entry else 2, 2 * n, 2, L, S, D, E)
        forms = (("mask", "of keys"),) if supported.key_masks and "mask" in options else ()
        corner = supported.corner or "top_left"
        return Specification(name, shape, options, forms, corner=corner, window=supported.window)

    def alone(option: str) -> tuple[str, ...]:
        """The option, and an offset with something to shift."""
        band = next((name for name in ("causal", "window") if name in supported.options), "")
        return (band, option) if option == "q_offset" else (option,)

    specs = [simple("plain")]
    specs += [simple(f"width {width}", width=width) for width in supported.head_dims[1:]]
    specs += [simple(f"{option} alone", alone(option), groups=2) for option in supported.options]
    together = tuple(
        name
        for name in (*OPTIONS, *EXTRAS)
        if name in supported.options and not (name == "scale" and "scale_array" in supported.options)
    )
    specs += [simple("everything", together, groups=2)] if len(together) > 1 else []
    if m == 1:
        pairs = [(0, 0)] + ([(0, 5), (1, 13)] if supported.unequal_lengths else [])
        specs += [simple(f"L = {L}, S = {S}", L=L, S=S) for L, S in pairs]
    return specs
