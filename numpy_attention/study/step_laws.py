"""Laws that every step must keep for all inputs; checking them needs no second implementation.

Each law names the options under which it does not apply. If an applicable law's two sides differ by more
than rounding, the step above it is wrong, or one before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..check.pairs.differentiation import ALLOWED, EPS
from ..functional.base.admission import Array

WalkArrays: TypeAlias = dict[str, Any]
"""Every array of a walk by name; a score's parameters as score.weight, score.d_weight."""

MASKED_ROWS = "fully masked rows"  # an active option where a row of weights is all 0

Sides: TypeAlias = tuple[Any, Any, Any]
"""Left side, right side, and the magnitude of the terms that cancel in them."""

LawSides: TypeAlias = Callable[[WalkArrays], Sides]


class LawConditions(NamedTuple):
    """Conditions that select the applicable laws: active options, the score, and its activation if any."""

    options: frozenset[str]
    score: str
    activation: str = ""


class StepLaw(NamedTuple):
    """A statement about a step, and both its sides; `relation` is "=" or "≤".

    `number` is that of the general law in `check/laws/laws.py` of which it is a case, if any.
    """

    step: str
    statement: str
    sides: LawSides
    relation: str = "="
    excluded_by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    activations: tuple[str, ...] = ()
    number: int | None = None

    def applies_to(self, conditions: LawConditions) -> bool:
        """True if the needed options, the score and the activation match."""
        return (
            set(self.needs) <= conditions.options
            and (not self.scores or conditions.score in self.scores)
            and (not self.activations or conditions.activation in self.activations)
        )


class LawResult(NamedTuple):
    """A law evaluated on a walk's numbers: both sides, deviation and tolerance."""

    statement: str
    relation: str
    left: Array
    right: Array
    deviation: float
    tolerance: float
    excluded_by: tuple[str, ...] = ()
    number: int | None = None

    @property
    def ok(self) -> bool:
        """True if the law holds, or active options exclude it."""
        return bool(self.excluded_by) or self.deviation <= self.tolerance


def check_step_laws(
    laws: tuple[StepLaw, ...], step: str, arrays: WalkArrays, conditions: LawConditions, magnitude: float
) -> tuple[LawResult, ...]:
    """Evaluate the laws of one step; `magnitude` is the size of the numbers that led to its results."""
    return tuple(
        _check_step_law(law, arrays, conditions, magnitude)
        for law in laws
        if law.step == step and law.applies_to(conditions)
    )


def _check_step_law(
    law: StepLaw, arrays: WalkArrays, conditions: LawConditions, magnitude: float
) -> LawResult:
    left, right, size = map(np.asarray, law.sides(arrays))
    excess = left - right if law.relation == "≤" else np.abs(left - right)
    deviation = float(np.max(excess, initial=-np.inf if law.relation == "≤" else 0))
    tolerance = ALLOWED * float(np.max(size, initial=0)) + 16 * EPS * magnitude
    excluded_by = tuple(name for name in law.excluded_by if name in conditions.options)
    return LawResult(law.statement, law.relation, left, right, deviation, tolerance, excluded_by, law.number)


# ------------------------------------------------------------------------------------------ both sides


def _sum(name: str, axis: int | None, *others: str) -> LawSides:
    """Σ of one array along an axis (None: all axes), plus the full sums of the others, is 0."""

    def sides(a: WalkArrays) -> Sides:
        summed = a[name].sum(axis=axis) + sum(a[other].sum() for other in others)
        size = np.abs(a[name]).sum(axis=axis) + sum(np.abs(a[other]).sum() for other in others)
        return summed, np.zeros_like(summed), size

    return sides


def _inner(left: tuple[str, ...], right: tuple[str, ...]) -> LawSides:
    """Σ <d_x, x> over the names on the left equals that over the names on the right."""

    def terms(a: WalkArrays, name: str) -> Array:
        parent, dot, last = name.rpartition(".")
        return np.asarray(a[f"{parent}{dot}d_{last}"] * np.where(a[name] == -np.inf, 0, a[name]))

    def sides(a: WalkArrays) -> Sides:
        lefts, rights = ([terms(a, name) for name in names] for names in (left, right))
        size = sum(np.abs(x).sum() for x in (*lefts, *rights))
        return sum(x.sum() for x in lefts), sum(x.sum() for x in rights), size

    return sides


def _orthogonal(name: str) -> LawSides:
    def sides(a: WalkArrays) -> Sides:
        terms = a[f"d_{name}"] * a[name]
        return terms.sum(axis=-1), np.zeros(len(terms)), np.abs(terms).sum(axis=-1)

    return sides


def _values_and_out(a: WalkArrays) -> Sides:
    left, right = a["d_value"].sum(axis=0), a["d_out"].sum(axis=0)
    return left, right, np.abs(a["d_value"]).sum(axis=0) + np.abs(a["d_out"]).sum(axis=0)


def _rows_sum_to_one(a: WalkArrays) -> Sides:
    return a["weights"].sum(axis=-1), np.ones(len(a["weights"])), 1.0


def _rows_equal(a: WalkArrays) -> Sides:
    weights = a["weights"]
    return np.ptp(weights, axis=0), np.zeros(weights.shape[-1]), 1.0


def _at_most(ratio: float) -> LawSides:
    """The largest weight if a score leads by at most log(ratio): ratio / (ratio + n - 1), n visible keys."""

    def sides(a: WalkArrays) -> Sides:
        visible_keys = (a["masked"] != -np.inf).sum(axis=-1)
        return a["weights"].max(axis=-1), ratio / (ratio + visible_keys - 1), 1.0

    return sides


def _one_ranking(a: WalkArrays) -> Sides:
    """With keys sorted by column sum, every row of scores rises; the sides are 0 and its least rise."""
    scores = a["scores"]
    ranked = scores[:, np.argsort(scores.sum(axis=0))]
    return 0.0, np.min(np.diff(ranked, axis=-1), axis=-1, initial=np.inf), np.abs(scores)


def _exponentials(a: WalkArrays) -> Sides:
    return a["weights"], np.exp(a["masked"] - a["lse"][:, None]), 1.0


def _zero_where_hidden(name: str, function: Callable[[Array], Array] = np.asarray) -> LawSides:
    def sides(a: WalkArrays) -> Sides:
        x = function(a[name][~a["visible"]])
        return x, np.zeros(x.shape), 0.0

    return sides


def _above_least(a: WalkArrays) -> Sides:
    return a["value"].min(axis=0), a["out"].min(axis=0), np.abs(a["value"])


def _below_most(a: WalkArrays) -> Sides:
    return a["out"].max(axis=0), a["value"].max(axis=0), np.abs(a["value"])


def _no_growth(a: WalkArrays) -> Sides:
    return np.abs(a["d_scores"]), np.abs(a["d_capped"]), np.abs(a["d_capped"])


def _bias_total(a: WalkArrays) -> Sides:
    return a["d_bias"].sum(), a["d_biased"].sum(), np.abs(a["d_biased"]).sum()


DOWN = (
    StepLaw(
        "score", "in one order of keys no row of scores falls: 0 ≤ least rise", _one_ranking, "≤",
        scores=("concat",), number=20,
    ),
    StepLaw("mask", "exp(masked) is 0 where masked", _zero_where_hidden("masked", np.exp), needs=("mask",)),
    StepLaw("softmax", "weights = exp(masked - lse)", _exponentials, excluded_by=(MASKED_ROWS,), number=17),
    StepLaw(
        "softmax", "weights are 0 where masked", _zero_where_hidden("weights"), needs=("mask",), number=16
    ),
    StepLaw(
        "softmax", "rows of weights sum to 1", _rows_sum_to_one,
        excluded_by=("sinks", MASKED_ROWS), number=16,
    ),
    StepLaw(
        "softmax", "largest weight ≤ e / (e + visible keys - 1)", _at_most(np.e), "≤",
        excluded_by=("bias",), activations=("sigmoid",), number=19,
    ),
    StepLaw(
        "softmax", "largest weight ≤ e² / (e² + visible keys - 1)", _at_most(np.e * np.e), "≤",
        excluded_by=("bias",), activations=("tanh",), number=19,
    ),
    StepLaw(
        "softmax", "all rows of weights are equal", _rows_equal,
        excluded_by=("mask", "bias", "softcap", "sinks"), activations=("identity",), number=21,
    ),
    StepLaw(
        "softmax", "all rows of weights are equal", _rows_equal,
        excluded_by=("mask", "bias"), scores=("location",),
    ),
    StepLaw(
        "values", "least value ≤ out", _above_least, "≤",
        excluded_by=("dropout", "sinks", MASKED_ROWS), number=11,
    ),
    StepLaw(
        "values", "out ≤ largest value", _below_most, "≤",
        excluded_by=("dropout", "sinks", MASKED_ROWS), number=11,
    ),
)  # fmt: skip
"""Laws of the forward steps."""

UP = (
    StepLaw(
        "values", "Σ_s d_value = Σ_l d_out", _values_and_out,
        excluded_by=("dropout", "sinks", MASKED_ROWS), number=4,
    ),
    StepLaw("values", "<d_thinned, thinned> = <d_value, value>", _inner(("thinned",), ("value",))),
    StepLaw("values", "<d_value, value> = <d_out, out>", _inner(("value",), ("out",)), number=5),
    StepLaw("dropout", "<d_weights, weights> = <d_thinned, thinned>", _inner(("weights",), ("thinned",))),
    StepLaw("softmax", "rows of d_masked sum to 0", _sum("d_masked", -1), excluded_by=("sinks",)),
    StepLaw("softmax", "Σ d_masked + Σ d_sinks = 0", _sum("d_masked", None, "d_sinks"), needs=("sinks",)),
    StepLaw("mask", "d_biased is 0 where masked", _zero_where_hidden("d_biased"), needs=("mask",)),
    StepLaw("bias", "Σ d_bias = Σ d_biased", _bias_total),
    StepLaw("softcap", "|d_scores| ≤ |d_capped|", _no_growth, "≤"),
    StepLaw(
        "score", "rows of d_scores sum to 0", _sum("d_scores", -1),
        excluded_by=("softcap", "sinks"), number=18,
    ),
    StepLaw(
        "score", "Σ_s d_key = 0", _sum("d_key", 0),
        excluded_by=("softcap", "sinks"), scores=("dot", "general"), number=1,
    ),
    StepLaw(
        "score", "<d_query, query> = <d_key, key>", _inner(("query",), ("key",)),
        scores=("dot", "general"), number=2,
    ),
    StepLaw(
        "score", "d_scale * scale = <d_query, query>", _inner(("scale",), ("query",)),
        scores=("dot",), number=7,
    ),
    StepLaw(
        "score", "<d_weight, weight> = <d_query, query>", _inner(("score.weight",), ("query",)),
        scores=("general",),
    ),
    StepLaw(
        "score", "<d_vector, vector> = <d_scores, scores>", _inner(("score.vector",), ("scores",)),
        scores=("additive",),
    ),
    StepLaw(
        "score", "<d_weight_query, weight_query> = <d_query, query>",
        _inner(("score.weight_query",), ("query",)), scores=("additive",),
    ),
    StepLaw(
        "score", "<d_weight_key, weight_key> = <d_key, key>",
        _inner(("score.weight_key",), ("key",)), scores=("additive",),
    ),
    StepLaw(
        "score", "<d_weight, weight> = <d_query, query> + <d_key, key>",
        _inner(("score.weight",), ("query", "key")), scores=("concat",),
    ),
    StepLaw("score", "d_query_l · query_l = 0 for every l", _orthogonal("query"), scores=("cosine",)),
    StepLaw("score", "d_key_s · key_s = 0 for every s", _orthogonal("key"), scores=("cosine",)),
    StepLaw(
        "score", "d_sharpness * sharpness = <d_scores, scores>",
        _inner(("score.sharpness",), ("scores",)), scores=("cosine",),
    ),
    StepLaw(
        "score", "<d_weight, weight> = <d_key, key>", _inner(("score.weight",), ("key",)),
        scores=("location",),
    ),
    StepLaw(
        "score", "d_bias = 0", _sum("score.d_bias", None),
        excluded_by=("softcap", "sinks"), scores=("location",),
    ),
)  # fmt: skip
"""Laws of the backward steps."""
