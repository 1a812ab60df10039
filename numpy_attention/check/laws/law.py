"""What a law is: a statement, its proof, its domain, and both its sides, to be held against given arrays."""

import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import unbroadcast
from ..rounding.error_analysis import Precision

if TYPE_CHECKING:
    from .evidence import Evidence


class Spec(NamedTuple):
    """How attention was called, and what else is known of that call.

    Parameters
    ----------
    mask, bias, scale, softcap, sinks, dropout : as in `attention`; None where not in use.
    d_weights, d_lse : the cotangents of weights and lse, if they had any.
    lse : (..., H, L), sinks included.
    weights : step 5's, (..., H, L, S), or (..., H, len(rows), S) for the query rows named in `rows`.
    rows : the query rows that weights, and d_scores among the gradients, are given of; None for all.
    score : "dot"; "concat"; or "other", for scores made of query and key in any other way.
    activation : that of concat scores.
    largest_score : for scores that are no dot products: Σ |terms| of a score before its activation, at most.
    precision, storage : the roundoff of arithmetic, and of what is kept between two products. If None, that
        of the inputs' dtype (float32 for float16) and that of the output's dtype.
    """

    mask: Any = None
    bias: Any = None
    scale: Any = None
    softcap: float | None = None
    sinks: Any = None
    dropout: Any = None
    d_weights: Any = None
    d_lse: Any = None
    lse: Any = None
    weights: Any = None
    rows: Any = None
    score: str = "dot"
    activation: str | None = None
    largest_score: float | None = None
    precision: Precision | None = None
    storage: Precision | None = None


INDENT = "    "

OPTIONS = ("mask", "bias", "scale", "softcap", "sinks", "dropout")
"""What of a Spec attention itself is called with."""


class Undecided(Exception):
    """A law cannot be held against this call; the text says why."""


class Sides(NamedTuple):
    """Both sides of a law for one tensor, and how far apart they may be; `relation` is "=", "≤" or "≥"."""

    tensor: str
    left: Array
    right: Array
    allowed: Array
    relation: str = "="


Check = Callable[["Evidence"], Iterator[Sides]]


class Law(NamedTuple):
    """A numbered law. It is out of its domain where what it `needs` is missing or what breaks it is there."""

    number: int
    name: str
    statement: str
    proof: str
    domain: str
    needs: tuple[str, ...]
    broken_by: tuple[str, ...]
    sides: Check

    def __str__(self) -> str:
        lines = [f"Law {self.number}: {self.name}", ""]
        for title, text in (("", self.statement), ("Proof. ", self.proof), ("Domain. ", self.domain)):
            lines += textwrap.wrap(title + text, 96, initial_indent=INDENT, subsequent_indent=INDENT) + [""]
        return "\n".join(lines[:-1])

    def undecided(self, evidence: "Evidence") -> str:
        """Why this call is outside the law's domain; "" if it is inside."""
        missing = [reason for need in self.needs if (reason := evidence.lacks(need))]
        breaking = [f"does not hold with {it}" for it in self.broken_by if it in evidence.circumstances]
        return "; ".join(missing + breaking)


def law(
    number: int,
    name: str,
    statement: str,
    *,
    proof: str,
    domain: str,
    needs: tuple[str, ...],
    broken_by: tuple[str, ...] = (),
) -> Callable[[Check], Law]:
    """Decorates the function that gives a law's sides, and makes the law of it."""

    def made(sides: Check) -> Law:
        return Law(number, name, statement, proof, domain, needs, broken_by, sides)

    return made


# ------------------------------------------------------------------------------------- sums and errors


def meeting(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which arrays of all these shapes can be summed: 1 wherever one of them has 1."""
    ndim = min(map(len, shapes))
    trailing = [shape[len(shape) - ndim :] for shape in shapes]
    return tuple(
        1 if 1 in lengths else 0 if 0 in lengths else lengths[0] for lengths in zip(*trailing, strict=True)
    )


def summed(x: Array, shape: tuple[int, ...]) -> Array:
    """Σ x over every axis along which an array of `shape` would have to be repeated."""
    return unbroadcast(x, shape)


CONFIDENCE = 4.0


def gathered(errors: Array, shape: tuple[int, ...]) -> Array:
    """What a sum may be off by, if its terms are off independently, each by at most `errors`: 4 sqrt(Σ e²).

    That is exceeded with probability 7e-4 if every error were as large as it can be (Hoeffding 1963, theorem
    2); they are far smaller.
    """
    return np.asarray(CONFIDENCE * np.sqrt(unbroadcast(errors * errors, shape)))
