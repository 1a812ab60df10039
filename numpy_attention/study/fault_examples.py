"""Which example shows a planted fault, and why no example shows some of them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ..check.faults import Fault
from ..functional.attention.attention import attention_with
from ..functional.attention.steps import STEPS, Steps
from ..functional.base.admission import Array, quiet
from .defaults import KEY, TOKENS, VALUE, filled
from .example import ALL_OPTIONS, WalkExample, build_example
from .trace import largest_magnitude

ROUNDING = 1e-12
"""Tolerance on differences between right and wrong numbers, relative to the largest number beside them."""

SQUARE = {"query": filled((3, 3), 0), "key": filled((3, 3), 4), "value": VALUE[:3]}
"""Three queries and three keys of width three."""

TALL = {"query": (*TOKENS, *TOKENS[:1]), "key": KEY[:2], "value": VALUE[:2]}
"""More queries than keys: the first two see none, if the last query sees the last key."""

FAR_BELOW_0 = {
    "query": [[-30000.0, 1.0], [-30000.0, -1.0]],
    "key": [[3.0, 0.0], [3.0, 1.0], [3.0, 2.0]],
    "value": VALUE[:3],
}
"""Scores near -64000."""

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "explain": {},
    "explain --softcap --bias --sinks --dropout": dict(softcap=2.0, bias=True, sinks=0.5, dropout=0.5),
    "as many queries as keys, as wide as many": {"arrays": SQUARE, "bias": True},
    "explain --all-options": ALL_OPTIONS,
    "explain --no-causal": {"causal": False},
    "more queries than keys": {"arrays": TALL, "causal": True, "align": "bottom_right"},
    "scores far below 0": {"arrays": FAR_BELOW_0},
}
"""The command that prints an example, or what its own numbers are for -> arguments of `build_example`.

The first in which a fault changes out or a gradient shows it.
"""

TOO_LARGE = {
    "width-truncated": "it needs heads wider than 64 numbers, which do not fit on a page",
    "batch-of-one-squeezed": "it needs a batch axis, and a page has one sequence without",
}


def not_shown_because(fault: Fault) -> str:
    """The reason why no page shows a fault; "" if `example_of` has an example.

    Examples
    --------
    >>> from numpy_attention.check.faults import fault
    >>> not_shown_because(fault("rotary-sign"))
    'it is in rotary, and a page shows attention'
    """
    if fault.rule != "attention":
        return f"it is in {fault.rule}, and a page shows attention"
    if fault.steps is None:
        return "it is in the call around the seven steps, not in one of them"
    return TOO_LARGE.get(fault.name, "")


@quiet
def example_of(fault: Fault) -> tuple[str, WalkExample]:
    """The first of EXAMPLES in which a fault changes the output or a gradient, with its name.

    Raises
    ------
    ValueError
        If no example shows it: the reason.
    """
    for name in EXAMPLES:
        if fault.steps is not None and _changes_results(name, fault.steps):
            return name, _example(name)
    raise ValueError(
        f"{fault.name} cannot be shown: {not_shown_because(fault)}; "
        f"`numpy-attention faults {fault.name}` prints it"
    )


@lru_cache
def _example(name: str) -> WalkExample:
    return build_example(**EXAMPLES[name])


@lru_cache
def _right(name: str) -> tuple[Array, ...]:
    return _results(_example(name), STEPS)


def _results(example: WalkExample, steps: Steps) -> tuple[Array, ...]:
    """The output and every gradient."""
    kernel = attention_with(steps)
    out, saved = kernel.forward(example.query, example.key, example.value, **example.options)
    gradients = kernel.backward(example.d_out, saved, d_lse=example.d_lse)
    return (np.asarray(out), *(np.asarray(x) for x in gradients if x is not None))


def _changes_results(name: str, steps: Steps) -> bool:
    pairs = zip(_results(_example(name), steps), _right(name), strict=True)
    return any(differ(x, right, ROUNDING * largest_magnitude([right])) for x, right in pairs)


def differ(x: Array, expected: Array, tolerance: float) -> bool:
    """True if two arrays differ in shape, or by more than the tolerance; NaN equals NaN."""
    if x.shape != expected.shape or (x == expected).all():
        return x.shape != expected.shape
    with np.errstate(invalid="ignore"):  # np.allclose, at a tenth of its time
        close = np.abs(np.subtract(x, expected, dtype=float)) <= tolerance
    return not (close | (x == expected) | ((x != x) & (expected != expected))).all()
