"""Laws that every step must keep for all inputs; checking them needs no second implementation.

`DOWN` has those of each forward step, `UP` those of each backward step, as the `Law` type of `check/laws`.
If a law's two sides differ by more than rounding, the step above it is wrong, or one before.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from ..check.laws.law import Law, Sides
from ..check.laws.laws import LAWS
from ..functional.base.admission import Array
from ..functional.base.grouped_heads import fold_groups
from .law_results import StepEvidence, StepLaw

MASKED_ROWS = "fully masked rows"  # a feature where a row of weights is all 0
DOT_OR_GENERAL = "dot or general"
D_LSE = "a loss that depends on lse"


StepSides: TypeAlias = Callable[[StepEvidence], Iterator[Sides]]


# ------------------------------------------------------------------------------------------ both sides


def _sum(name: str, axis: int | None, *others: str) -> StepSides:
    """Σ of one array along an axis (None: all axes), plus the full sums of the others, is 0."""

    def sides(e: StepEvidence) -> Iterator[Sides]:
        summed = e[name].sum(axis=axis) + sum(e[other].sum() for other in others)
        size = np.abs(e[name]).sum(axis=axis) + sum(np.abs(e[other]).sum() for other in others)
        yield Sides(name, summed, np.zeros_like(summed), e.allowed(size))

    return sides


def _inner(left: str, *right: str) -> StepSides:
    """<d_x, x> of one array equals the sum of <d_x, x> over others."""

    def terms(e: StepEvidence, name: str) -> Array:
        parent, dot, last = name.rpartition(".")
        return np.asarray(e[f"{parent}{dot}d_{last}"] * np.where(e[name] == -np.inf, 0, e[name]))

    def sides(e: StepEvidence) -> Iterator[Sides]:
        first, others = terms(e, left), [terms(e, name) for name in right]
        size = sum(np.abs(x).sum() for x in (first, *others))
        yield Sides(left, first.sum(), np.asarray(sum(x.sum() for x in others)), e.allowed(size))

    return sides


def _orthogonal(name: str) -> StepSides:
    def sides(e: StepEvidence) -> Iterator[Sides]:
        terms = e[f"d_{name}"] * e[name]
        size = np.abs(terms).sum(axis=-1)
        yield Sides(name, terms.sum(axis=-1), np.zeros(size.shape), e.allowed(size))

    return sides


def _values_and_out(e: StepEvidence) -> Iterator[Sides]:
    d_out = fold_groups(e["d_out"], e["d_value"])  # of all query heads that read these values
    size = np.abs(e["d_value"]).sum(axis=-2) + np.abs(d_out).sum(axis=-2)
    yield Sides("d_value", e["d_value"].sum(axis=-2), d_out.sum(axis=-2), e.allowed(size))


def _rows_sum_to_one(e: StepEvidence) -> Iterator[Sides]:
    summed = e["weights"].sum(axis=-1)
    yield Sides("weights", summed, np.ones(summed.shape), e.allowed(1.0))


def _rows_equal(e: StepEvidence) -> Iterator[Sides]:
    spread = np.ptp(e["weights"], axis=-2)
    yield Sides("weights", spread, np.zeros(spread.shape), e.allowed(1.0))


def _at_most(ratio: float) -> StepSides:
    """The largest weight if a score leads by at most log(ratio): ratio / (ratio + n - 1), n visible keys."""

    def sides(e: StepEvidence) -> Iterator[Sides]:
        bound = ratio / (ratio + (e["masked"] != -np.inf).sum(axis=-1) - 1)
        yield Sides("weights", e["weights"].max(axis=-1), bound, e.allowed(1.0), "≤")

    return sides


def _one_ranking(e: StepEvidence) -> Iterator[Sides]:
    """With keys sorted by column sum, every row of scores rises; the sides are 0 and its least rise."""
    scores = e["scores"]
    ranked = np.take_along_axis(scores, np.argsort(scores.sum(axis=-2, keepdims=True)), axis=-1)
    least_rise = np.min(np.diff(ranked, axis=-1), axis=-1, initial=np.inf)
    yield Sides("scores", np.zeros(()), least_rise, e.allowed(np.abs(scores)), "≤")


def _exponentials(e: StepEvidence) -> Iterator[Sides]:
    yield Sides("weights", e["weights"], np.exp(e["masked"] - e["lse"][..., None]), e.allowed(1.0))


def _zero_where_hidden(name: str, function: Callable[[Array], Array] = np.asarray) -> StepSides:
    def sides(e: StepEvidence) -> Iterator[Sides]:
        x = np.where(e["visible"], 0, function(e[name]))
        yield Sides(name, x, np.zeros(x.shape), e.allowed(0.0))

    return sides


def _above_least(e: StepEvidence) -> Iterator[Sides]:
    least = fold_groups(e["out"], e["value"]).min(axis=-2)
    yield Sides("out", e["value"].min(axis=-2), least, e.allowed(np.abs(e["value"])), "≤")


def _below_most(e: StepEvidence) -> Iterator[Sides]:
    most = fold_groups(e["out"], e["value"]).max(axis=-2)
    yield Sides("out", most, e["value"].max(axis=-2), e.allowed(np.abs(e["value"])), "≤")


def _no_growth(e: StepEvidence) -> Iterator[Sides]:
    before = np.abs(e["d_capped"])
    yield Sides("d_scores", np.abs(e["d_scores"]), before, e.allowed(before), "≤")


def _rows_sum_to_d_lse(e: StepEvidence) -> Iterator[Sides]:
    size = np.abs(e["d_masked"]).sum(axis=-1) + np.abs(e["d_lse"])
    yield Sides("d_masked", e["d_masked"].sum(axis=-1), e["d_lse"], e.allowed(size))


def _bias_total(e: StepEvidence) -> Iterator[Sides]:
    size = np.abs(e["d_biased"]).sum()
    yield Sides("d_bias", e["d_bias"].sum(), e["d_biased"].sum(), e.allowed(size))


# ------------------------------------------------------------------------------------------- the laws


def _law(
    statement: str, sides: StepSides, *, of: int = 0, needs: tuple[str, ...] = (),
    broken_by: tuple[str, ...] = (),
) -> StepLaw:  # fmt: skip
    """A law of a step, a case of the general law with number `of` if there is one."""
    name = LAWS[of].name if of else ""
    return Law(of, name, statement, sides, needs=needs, broken_by=broken_by)


_MIXED = ("dropout", "sinks", MASKED_ROWS)
_UNCAPPED = ("softcap", "sinks", D_LSE)

DOWN: Mapping[str, tuple[StepLaw, ...]] = {
    "score": (
        _law(
            "in one order of keys no row of scores falls: 0 ≤ least rise", _one_ranking,
            of=20, needs=("concat",),
        ),
    ),
    "mask": (_law("exp(masked) is 0 where masked", _zero_where_hidden("masked", np.exp), needs=("mask",)),),
    "softmax": (
        _law("weights = exp(masked - lse)", _exponentials, of=17, broken_by=(MASKED_ROWS,)),
        _law("weights are 0 where masked", _zero_where_hidden("weights"), of=16, needs=("mask",)),
        _law("rows of weights sum to 1", _rows_sum_to_one, of=16, broken_by=("sinks", MASKED_ROWS)),
        _law(
            "largest weight ≤ e / (e + visible keys - 1)", _at_most(np.e),
            of=19, needs=("sigmoid",), broken_by=("bias",),
        ),
        _law(
            "largest weight ≤ e² / (e² + visible keys - 1)", _at_most(np.e * np.e),
            of=19, needs=("tanh",), broken_by=("bias",),
        ),
        _law(
            "all rows of weights are equal", _rows_equal,
            of=21, needs=("identity",), broken_by=("mask", "bias", "softcap", "sinks"),
        ),
        _law("all rows of weights are equal", _rows_equal, needs=("location",), broken_by=("mask", "bias")),
    ),
    "values": (
        _law("least value ≤ out", _above_least, of=11, broken_by=_MIXED),
        _law("out ≤ largest value", _below_most, of=11, broken_by=_MIXED),
    ),
}  # fmt: skip
"""Laws of the forward steps."""

UP: Mapping[str, tuple[StepLaw, ...]] = {
    "values": (
        _law("Σ_s d_value = Σ_l d_out", _values_and_out, of=4, broken_by=_MIXED),
        _law("<d_thinned, thinned> = <d_value, value>", _inner("thinned", "value")),
        _law("<d_value, value> = <d_out, out>", _inner("value", "out"), of=5),
    ),
    "dropout": (_law("<d_weights, weights> = <d_thinned, thinned>", _inner("weights", "thinned")),),
    "softmax": (
        _law("rows of d_masked sum to 0", _sum("d_masked", -1), broken_by=("sinks", D_LSE)),
        _law(
            "rows of d_masked sum to d_lse", _rows_sum_to_d_lse, needs=(D_LSE,), broken_by=("sinks",),
        ),
        _law(
            "Σ d_masked + Σ d_sinks = 0", _sum("d_masked", None, "d_sinks"), needs=("sinks",),
            broken_by=(D_LSE,),
        ),
    ),
    "mask": (_law("d_biased is 0 where masked", _zero_where_hidden("d_biased"), needs=("mask",)),),
    "bias": (_law("Σ d_bias = Σ d_biased", _bias_total, needs=("bias",)),),
    "softcap": (_law("|d_scores| ≤ |d_capped|", _no_growth),),
    "score": (
        _law("rows of d_scores sum to 0", _sum("d_scores", -1), of=18, broken_by=_UNCAPPED),
        _law("Σ_s d_key = 0", _sum("d_key", -2), of=1, needs=(DOT_OR_GENERAL,), broken_by=_UNCAPPED),
        _law("<d_query, query> = <d_key, key>", _inner("query", "key"), of=2, needs=(DOT_OR_GENERAL,)),
        _law("d_scale * scale = <d_query, query>", _inner("scale", "query"), of=7, needs=("dot",)),
        _law("<d_weight, weight> = <d_query, query>", _inner("score.weight", "query"), needs=("general",)),
        _law(
            "<d_vector, vector> = <d_scores, scores>", _inner("score.vector", "scores"),
            needs=("additive",),
        ),
        _law(
            "<d_weight_query, weight_query> = <d_query, query>", _inner("score.weight_query", "query"),
            needs=("additive",),
        ),
        _law(
            "<d_weight_key, weight_key> = <d_key, key>", _inner("score.weight_key", "key"),
            needs=("additive",),
        ),
        _law(
            "<d_weight, weight> = <d_query, query> + <d_key, key>", _inner("score.weight", "query", "key"),
            needs=("concat",),
        ),
        _law("d_query_l · query_l = 0 for every l", _orthogonal("query"), needs=("cosine",)),
        _law("d_key_s · key_s = 0 for every s", _orthogonal("key"), needs=("cosine",)),
        _law(
            "d_sharpness * sharpness = <d_scores, scores>", _inner("score.sharpness", "scores"),
            needs=("cosine",),
        ),
        _law("<d_weight, weight> = <d_key, key>", _inner("score.weight", "key"), needs=("location",)),
        _law("d_bias = 0", _sum("score.d_bias", None), needs=("location",), broken_by=_UNCAPPED),
    ),
}  # fmt: skip
"""Laws of the backward steps, in their order."""
