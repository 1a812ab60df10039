"""All laws of attention by number, and `laws`, which checks the arrays of one call against them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ...functional.base.admission import Array, quiet
from ..pairs.calls import over
from ..pairs.report import Finding, Report
from .arguments import CallSpec
from .domain import InsufficientEvidence
from .evidence import Evidence
from .gradient_sums import GRADIENT_LAWS
from .law import Law, Sides
from .query_rows import SAMPLE_LAWS
from .rows_and_keys import ROW_LAWS
from .second_calls import AGAIN_LAWS
from .slope import gradient_is_slope

LAWS: Mapping[int, Law[Evidence]] = MappingProxyType(
    {law.number: law for law in (*GRADIENT_LAWS, *ROW_LAWS, *SAMPLE_LAWS, *AGAIN_LAWS, gradient_is_slope)}
)
"""Every law by its number. A number is never reused for another law."""


@quiet
def laws(
    query: Any,
    key: Any,
    value: Any,
    out: Any,
    d_out: Any,
    grads: Any = None,
    spec: CallSpec | Mapping[str, Any] | None = None,
    *,
    again: Callable[..., Any] | None = None,
    seed: int = 0,
) -> Report:
    """Check the arrays of one attention call against the laws: without a reference, without an L × S array.

    Every law is a statement with a proof and a domain; `LAWS` has them by number, and the command
    `numpy-attention laws` prints them. A law costs O((L + S)(D + E)) for each head (laws 3 and 6 compute a
    D × D and an E × E array), or O(S (D + E)) for each of at most 16 query rows; fully masked rows and keys
    are found from the mask's tiles. Heads are independent: where memory is short, check some at a time.

    The allowed difference between the two sides is derived, not chosen: from the roundoff of arithmetic and
    storage, the lengths of the sums, and bounds on the arrays (`bounds.py`), which are tightened by
    measurements on sampled rows (`measured_errors.py`).

    Parameters
    ----------
    query, key, value : as in `attention`, of its shapes.
    out : (..., H, L, E), or None.
    d_out : the cotangent of out; None if there are no gradients.
    grads : the gradients as returned by `attention_backward` or `attend_backward`, or a dict or object with
        some of d_query, d_key, d_value, d_bias, d_scale, d_sinks, d_scores.
    spec : a `CallSpec`, or a dict with some of its fields: the options of the call, d_lse and d_weights if
        there were any, and lse and weights if they are known. A cotangent d_lse is worth having: it
        reveals a wrong scale.
    again : attention as a function of (query, key, value, **options), returning out, or (out, lse). Laws 22
        to 30 call it. It may raise NotImplementedError for unsupported options.
    seed : seed of the random numbers in laws 22 to 30.

    Returns
    -------
    Report
        One finding for each law and tensor, with the ratio of the error to the allowed error. Laws that this
        call cannot decide are in `report.undecided`, with the reason; they have not passed.

    Raises
    ------
    TypeError, ValueError
        If arrays do not fit together, a visible entry is not finite, or no law can be decided.

    Examples
    --------
    >>> from numpy_attention import attention_backward, attention_forward
    >>> rng = np.random.default_rng(0)
    >>> query, key, value, d_out = rng.standard_normal((4, 5, 3))
    >>> out, saved = attention_forward(query, key, value)
    >>> grads = attention_backward(d_out, saved)
    >>> laws(query, key, value, out, d_out, grads).ok
    True
    >>> wrong = grads._replace(d_key=2 * grads.d_key)
    >>> [finding.check for finding in laws(query, key, value, out, d_out, wrong).failures]
    ['law 2, query against key', 'law 3, query and key turned together']
    """
    if not isinstance(spec, CallSpec):
        if unknown := [name for name in spec or {} if name not in CallSpec._fields]:
            raise TypeError(f"spec has {unknown[0]!r}; its names are {', '.join(CallSpec._fields)}")
        spec = CallSpec(**(spec or {}))
    evidence = Evidence(query, key, value, out, d_out, grads, spec, again, seed)
    findings: list[Finding] = []
    undecided: list[str] = []
    for law in LAWS.values():
        reason = law.undecided(evidence)
        if not reason:
            try:
                results = evaluate(law, evidence)
                findings += results
                reason = "" if results else "none of its tensors was given"
            except InsufficientEvidence as error:
                reason = str(error)
        if reason:
            undecided.append(f"law {law.number}: {reason}")
    if not findings:
        raise ValueError(f"no law can be decided from these arrays: {undecided[0]}; …")
    return Report("laws", tuple(findings), undecided=tuple(undecided))


check_laws = laws
"""The same function, under a name that says what it does."""


@quiet
def evaluate(law: Law[Evidence], evidence: Evidence) -> list[Finding]:
    """Compare both sides of a law for each of its tensors, inside its domain or not.

    Raises InsufficientEvidence if an array that it reads is missing.
    """
    findings = []
    for sides in law.sides(evidence):
        ratios = np.where(sides.excess <= 0, 0.0, over(sides.excess, sides.allowed))
        findings.append(Finding(f"law {law.number}, {law.name}", sides.tensor, *_worst(ratios, sides)))
    return findings


def _worst(ratios: Array, sides: Sides) -> tuple[float, str]:
    if not ratios.size:
        return 0.0, ""
    left, right, _ = np.broadcast_arrays(sides.left, sides.right, ratios)
    place = np.unravel_index(np.argmax(np.where(np.isnan(ratios), np.inf, ratios)), ratios.shape)
    index = ", ".join(str(int(n)) for n, length in zip(place, ratios.shape, strict=True) if length > 1)
    fails = {"=": "is not", "≤": "is above", "≥": "is below"}[sides.relation]
    sign = sides.relation if ratios[place] <= 1 else fails
    return float(ratios[place]), f"[{index}]: {left[place]:.9g} {sign} {right[place]:.9g}"
