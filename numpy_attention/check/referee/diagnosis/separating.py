"""The conditions on a case that separate failing cases from passing ones."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ...cases.specification import Specification
from .evidence import Observation

Conditions: TypeAlias = Sequence[tuple[str, Callable[[Specification], bool]]]
"""Names of conditions, and the test on a specification."""


def separating(
    conditions: Conditions, failing: Sequence[Observation], passing: Sequence[Observation]
) -> tuple[str, ...]:
    """The conditions that every failing case meets and no passing one does, in the table's order.

    If none does, the pairs of conditions that do so together.
    """
    if not failing or not passing:
        return ()
    met = {
        name: (holds, [holds(each.specification) for each in passing])
        for name, holds in conditions
        if all(holds(each.specification) for each in failing)
    }
    alone = tuple(name for name, (_, held) in met.items() if not any(held))
    if alone:
        return alone
    names = list(met)
    return tuple(
        f"{one} and {other}"
        for n, one in enumerate(names)
        for other in names[n + 1 :]
        if not any(a and b for a, b in zip(met[one][1], met[other][1], strict=True))
    )
