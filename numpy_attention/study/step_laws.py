"""What must hold after each step, whatever the numbers: laws that need no second computation.

Each names what breaks it. A law in force whose two sides differ by more than rounding can explain is a
mistake in the step above it, or before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..check.pairs.differentiation import ALLOWED, EPS
from ..functional.base.admission import Array

Numbers: TypeAlias = dict[str, Any]
"""Every array of a walk by its name; those of a score's parameters as score.weight, score.d_weight."""

Sides: TypeAlias = tuple[Any, Any, Any]
"""The two sides of a law, and how large the numbers are that cancel in it."""


class Circumstances(NamedTuple):
    """What is in use: options and peculiarities by name, the score, and its activation if it has one."""

    options: frozenset[str]
    score: str
    activation: str = ""


class Law(NamedTuple):
    """A statement about a step, and both its sides; `relation` is "=" or "≤".

    `number` is that of the law of attention in `check/laws/laws.py` of which it is a case, if it is one.
    """

    step: str
    statement: str
    sides: Callable[[Numbers], Sides]
    relation: str = "="
    broken_by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    activations: tuple[str, ...] = ()
    number: int | None = None

    def concerns(self, case: Circumstances) -> bool:
        """Whether the law speaks of this case at all."""
        return (
            set(self.needs) <= case.options
            and (not self.scores or case.score in self.scores)
            and (not self.activations or case.activation in self.activations)
        )


class Verdict(NamedTuple):
    """A law held against the numbers: both sides, by how much they miss it, and how much they may."""

    statement: str
    relation: str
    left: Array
    right: Array
    off: float
    allowed: float
    broken_by: tuple[str, ...] = ()
    number: int | None = None

    @property
    def ok(self) -> bool:
        """Whether it holds, or need not."""
        return bool(self.broken_by) or self.off <= self.allowed


def verdicts(
    laws: tuple[Law, ...], step: str, numbers: Numbers, case: Circumstances, reach: float
) -> tuple[Verdict, ...]:
    """The verdicts on a step; `reach` is how large the numbers were that led to it."""
    return tuple(
        _verdict(law, numbers, case, reach) for law in laws if law.step == step and law.concerns(case)
    )


def _verdict(law: Law, numbers: Numbers, case: Circumstances, reach: float) -> Verdict:
    left, right, size = map(np.asarray, law.sides(numbers))
    excess = left - right if law.relation == "≤" else np.abs(left - right)
    off = float(np.max(excess, initial=-np.inf if law.relation == "≤" else 0))
    allowed = ALLOWED * float(np.max(size, initial=0)) + 16 * EPS * reach
    broken_by = tuple(name for name in law.broken_by if name in case.options)
    return Verdict(law.statement, law.relation, left, right, off, allowed, broken_by, law.number)


# ------------------------------------------------------------------------------------------ both sides


def _sum(name: str, axis: int | None, *others: str) -> Callable[[Numbers], Sides]:
    """Σ of one array along an axis (None: of all of it), and of any others in full, is 0."""

    def sides(n: Numbers) -> Sides:
        summed = n[name].sum(axis=axis) + sum(n[other].sum() for other in others)
        size = np.abs(n[name]).sum(axis=axis) + sum(np.abs(n[other]).sum() for other in others)
        return summed, np.zeros_like(summed), size

    return sides


def _inner(left: tuple[str, ...], right: tuple[str, ...]) -> Callable[[Numbers], Sides]:
    """Σ <d_x, x> over the names on the left is that over those on the right."""

    def terms(n: Numbers, name: str) -> Array:
        parent, dot, own = name.rpartition(".")
        return np.asarray(n[f"{parent}{dot}d_{own}"] * np.where(n[name] == -np.inf, 0, n[name]))

    def sides(n: Numbers) -> Sides:
        a, b = ([terms(n, name) for name in names] for names in (left, right))
        size = sum(np.abs(x).sum() for x in (*a, *b))
        return sum(x.sum() for x in a), sum(x.sum() for x in b), size

    return sides


def _orthogonal(name: str) -> Callable[[Numbers], Sides]:
    def sides(n: Numbers) -> Sides:
        terms = n[f"d_{name}"] * n[name]
        return terms.sum(axis=-1), np.zeros(len(terms)), np.abs(terms).sum(axis=-1)

    return sides


def _values_and_out(n: Numbers) -> Sides:
    left, right = n["d_value"].sum(axis=0), n["d_out"].sum(axis=0)
    return left, right, np.abs(n["d_value"]).sum(axis=0) + np.abs(n["d_out"]).sum(axis=0)


def _rows_sum_to_one(n: Numbers) -> Sides:
    return n["weights"].sum(axis=-1), np.ones(len(n["weights"])), 1.0


def _rows_equal(n: Numbers) -> Sides:
    weights = n["weights"]
    return np.ptp(weights, axis=0), np.zeros(weights.shape[-1]), 1.0


def _at_most(ratio: float) -> Callable[[Numbers], Sides]:
    """A score ahead of all others by at most log(ratio): ratio / (ratio + n - 1), with n keys to be seen."""

    def sides(n: Numbers) -> Sides:
        seen = (n["masked"] != -np.inf).sum(axis=-1)
        return n["weights"].max(axis=-1), ratio / (ratio + seen - 1), 1.0

    return sides


def _one_ranking(n: Numbers) -> Sides:
    """In the order of the column sums, no row of scores falls: the least rise of each."""
    scores = n["scores"]
    ranked = scores[:, np.argsort(scores.sum(axis=0))]
    return 0.0, np.min(np.diff(ranked, axis=-1), axis=-1, initial=np.inf), np.abs(scores)


def _exponentials(n: Numbers) -> Sides:
    return n["weights"], np.exp(n["masked"] - n["lse"][:, None]), 1.0


def _hidden_scores(n: Numbers) -> Sides:
    return _zero(np.exp(n["masked"][~n["visible"]]))


def _hidden_weights(n: Numbers) -> Sides:
    return _zero(n["weights"][~n["visible"]])


def _hidden_gradients(n: Numbers) -> Sides:
    return _zero(n["d_biased"][~n["visible"]])


def _zero(x: Array) -> Sides:
    return x, np.zeros(x.shape), 0.0


def _above_least(n: Numbers) -> Sides:
    return n["value"].min(axis=0), n["out"].min(axis=0), np.abs(n["value"])


def _below_most(n: Numbers) -> Sides:
    return n["out"].max(axis=0), n["value"].max(axis=0), np.abs(n["value"])


def _no_growth(n: Numbers) -> Sides:
    return np.abs(n["d_scores"]), np.abs(n["d_capped"]), np.abs(n["d_capped"])


def _bias_total(n: Numbers) -> Sides:
    return n["d_bias"].sum(), n["d_biased"].sum(), np.abs(n["d_biased"]).sum()


E = float(np.e)

DOWN = (
    Law(
        "score", "in one order of keys no row of scores falls: 0 ≤ least rise", _one_ranking, "≤",
        scores=("concat",), number=20,
    ),
    Law("mask", "exp(masked) is 0 where hidden", _hidden_scores, needs=("mask",)),
    Law("softmax", "weights = exp(masked - lse)", _exponentials, broken_by=("blind rows",), number=17),
    Law("softmax", "weights are 0 where hidden", _hidden_weights, needs=("mask",), number=16),
    Law(
        "softmax", "rows of weights sum to 1", _rows_sum_to_one,
        broken_by=("sinks", "blind rows"), number=16,
    ),
    Law(
        "softmax", "largest weight ≤ e / (e + keys seen - 1)", _at_most(E), "≤",
        broken_by=("bias",), activations=("sigmoid",), number=19,
    ),
    Law(
        "softmax", "largest weight ≤ e² / (e² + keys seen - 1)", _at_most(E * E), "≤",
        broken_by=("bias",), activations=("tanh",), number=19,
    ),
    Law(
        "softmax", "all rows of weights are equal", _rows_equal,
        broken_by=("mask", "bias", "softcap", "sinks"), activations=("identity",), number=21,
    ),
    Law(
        "softmax", "all rows of weights are equal", _rows_equal,
        broken_by=("mask", "bias"), scores=("location",),
    ),
    Law(
        "values", "least value ≤ out", _above_least, "≤",
        broken_by=("dropout", "sinks", "blind rows"), number=11,
    ),
    Law(
        "values", "out ≤ largest value", _below_most, "≤",
        broken_by=("dropout", "sinks", "blind rows"), number=11,
    ),
)  # fmt: skip
"""On the way down."""

UP = (
    Law(
        "values", "Σ_s d_value = Σ_l d_out", _values_and_out,
        broken_by=("dropout", "sinks", "blind rows"), number=4,
    ),
    Law("values", "<d_thinned, thinned> = <d_value, value>", _inner(("thinned",), ("value",))),
    Law("values", "<d_value, value> = <d_out, out>", _inner(("value",), ("out",)), number=5),
    Law("dropout", "<d_weights, weights> = <d_thinned, thinned>", _inner(("weights",), ("thinned",))),
    Law("softmax", "rows of d_masked sum to 0", _sum("d_masked", -1), broken_by=("sinks",)),
    Law("softmax", "Σ d_masked + Σ d_sinks = 0", _sum("d_masked", None, "d_sinks"), needs=("sinks",)),
    Law("mask", "d_biased is 0 where hidden", _hidden_gradients, needs=("mask",)),
    Law("bias", "Σ d_bias = Σ d_biased", _bias_total),
    Law("softcap", "|d_scores| ≤ |d_capped|", _no_growth, "≤"),
    Law(
        "score", "rows of d_scores sum to 0", _sum("d_scores", -1),
        broken_by=("softcap", "sinks"), number=18,
    ),
    Law(
        "score", "Σ_s d_key = 0", _sum("d_key", 0),
        broken_by=("softcap", "sinks"), scores=("dot", "general"), number=1,
    ),
    Law(
        "score", "<d_query, query> = <d_key, key>", _inner(("query",), ("key",)),
        scores=("dot", "general"), number=2,
    ),
    Law(
        "score", "d_scale * scale = <d_query, query>", _inner(("scale",), ("query",)),
        scores=("dot",), number=7,
    ),
    Law(
        "score", "<d_weight, weight> = <d_query, query>", _inner(("score.weight",), ("query",)),
        scores=("general",),
    ),
    Law(
        "score", "<d_vector, vector> = <d_scores, scores>", _inner(("score.vector",), ("scores",)),
        scores=("additive",),
    ),
    Law(
        "score", "<d_weight_query, weight_query> = <d_query, query>",
        _inner(("score.weight_query",), ("query",)), scores=("additive",),
    ),
    Law(
        "score", "<d_weight_key, weight_key> = <d_key, key>",
        _inner(("score.weight_key",), ("key",)), scores=("additive",),
    ),
    Law(
        "score", "<d_weight, weight> = <d_query, query> + <d_key, key>",
        _inner(("score.weight",), ("query", "key")), scores=("concat",),
    ),
    Law("score", "d_query_l · query_l = 0 for every l", _orthogonal("query"), scores=("cosine",)),
    Law("score", "d_key_s · key_s = 0 for every s", _orthogonal("key"), scores=("cosine",)),
    Law(
        "score", "d_sharpness * sharpness = <d_scores, scores>",
        _inner(("score.sharpness",), ("scores",)), scores=("cosine",),
    ),
    Law(
        "score", "<d_weight, weight> = <d_key, key>", _inner(("score.weight",), ("key",)),
        scores=("location",),
    ),
    Law(
        "score", "d_bias = 0", _sum("score.d_bias", None),
        broken_by=("softcap", "sinks"), scores=("location",),
    ),
)  # fmt: skip
"""On the way up."""
