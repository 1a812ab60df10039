"""Small problems for the laws, one option at a time, and the report of the laws on a case."""

import numpy as np

import numpy_attention as na
from numpy_attention.check.laws.arguments import CallSpec
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.laws.laws import LAWS, evaluate, laws
from tests.support.cases import Case

B, H, G, L, S, D, E = 2, 6, 3, 5, 7, 3, 2


def case(seed=0, L=L, S=S, **options):
    """A case with grouped heads and broadcast batches; an option may be a function of a generator."""
    rng = np.random.default_rng(seed)
    query, key = rng.standard_normal((B, H, L, D)), rng.standard_normal((1, G, S, D))
    value, d_out = rng.standard_normal((B, G, S, E)), rng.standard_normal((B, H, L, E))
    drawn = {name: option(rng) if callable(option) else option for name, option in options.items()}
    return Case(query, key, value, d_out, seed=seed, **drawn)


def normal(*shape):
    """A randomly drawn option."""
    return lambda rng: rng.standard_normal(shape)


PLAIN = {
    "nothing": {},
    "d_lse": dict(d_lse=normal(B, H, L)),
    "causal": dict(mask=na.causal("bottom_right")),
    "a fully masked row": dict(mask=na.causal(offset=-1)),
    "a fully masked key": dict(mask=na.padding([0, 5])),
    "rows with one visible key": dict(mask=na.window(0, 0, "top_left"), d_lse=normal(B, H, L)),
    "scale": dict(scale=lambda rng: rng.uniform(0.5, 2, (H, L, 1))),
    "a bias and d_lse": dict(bias=normal(H, 1, S), d_lse=normal(B, H, L)),
    "sinks, d_lse and dropout": dict(
        sinks=normal(H), d_lse=normal(B, H, L), dropout=lambda rng: (rng.random((H, L, S)) < 0.6) / 0.6
    ),
}
"""Calls inside the domain of some law."""

OPTIONS = {
    "softcap": dict(softcap=1.5),
    "sinks": dict(sinks=normal(H)),
    "dropout": dict(dropout=lambda rng: (rng.random((H, L, S)) < 0.6) / 0.6),
    "dropout drawn from a seed": dict(dropout=na.dropout(seed=3, rate=0.4)),
    "d_weights": dict(d_weights=normal(B, H, L, S)),
    "a mask": dict(mask=na.causal("top_left")),
    "a mask that varies along queries": dict(mask=na.causal("top_left")),
    "a bias computed from positions": dict(bias=na.alibi(np.linspace(0.5, 2, H), "top_left")),
    "a bias that varies along keys": dict(bias=normal(H, 1, S)),
    "a bias that varies along queries": dict(bias=normal(H, L, 1)),
    "a scale that varies along keys": dict(scale=normal(H, 1, S)),
}
"""Single options that take a call out of some law's domain."""


def spec_of(case, saved, **more):
    """CallSpec of a case run by this package."""
    known = dict(lse=saved.lse, weights=saved.weights, d_weights=case.d_weights, d_lse=case.d_lse)
    return CallSpec(**case.options, **known)._replace(**more)


def again_of(case):
    """Attention with the case's steps, returning (out, lse)."""
    forward = na.attention_with(case.steps).forward

    def again(query, key, value, **options):
        out, saved = forward(query, key, value, **options)
        return out, saved.lse

    return again


def d_scores_of(case, saved):
    """Gradient of the scores, from attention on given scores."""
    options = {name: x for name, x in case.options.items() if name != "scale"}
    _, rest = na.attend_forward(saved.scores, case.value, **options, steps=case.steps)
    cotangents = dict(d_weights=case.d_weights, d_lse=case.d_lse)
    return na.attend_backward(case.d_out, rest, **cotangents).d_scores


def arguments_of(case, *, d_scores=True, **more):
    """The arguments of `laws` for a case."""
    out, saved = case.forward()
    grads = case.backward(saved)._asdict()
    grads |= {"d_scores": d_scores_of(case, saved)} if d_scores else {}
    return case.query, case.key, case.value, out, case.d_out, grads, spec_of(case, saved, **more)


def report_of(case, **more):
    """Report of all laws on a case."""
    return laws(*arguments_of(case, **more), again=again_of(case))


def evidence_of(case, **more):
    """Evidence of a case."""
    return Evidence(*arguments_of(case, **more), again_of(case), 0)


def worst_ratio(number, evidence):
    """Largest error over allowed error of a law, inside its domain or not; NaN counts as infinite."""
    ratios = [finding.ratio for finding in evaluate(LAWS[number], evidence)]
    return max(np.nan_to_num(ratios, nan=np.inf), default=0.0)


def broken_by(case):
    """Numbers of the laws that a case breaks."""
    return {int(finding.check.split()[1].rstrip(",")) for finding in report_of(case).failures}


def concat(activation, seed=0, spec=None, **options):
    """The arguments of `laws` for concat scores and `attend`; key and query have no gradients."""
    rng = np.random.default_rng(seed)
    query, key = rng.standard_normal((H, L, D)), rng.standard_normal((H, S, D))
    value, d_out = rng.standard_normal((H, S, E)), rng.standard_normal((H, L, E))
    weight = rng.standard_normal(2 * D)
    drawn = {name: option(rng) if callable(option) else option for name, option in options.items()}
    scores = na.concat_scores(query, key, weight, activation=activation)
    out, saved = na.attend_forward(scores, value, **drawn)
    grads = na.attend_backward(d_out, saved)
    size = (abs(query).sum(axis=-1).max() + abs(key).sum(axis=-1).max()) * abs(weight).max()
    known = dict(score="concat", activation=activation, largest_score=float(size), weights=saved.weights)
    spec = CallSpec(lse=saved.lse, **known, **drawn)._replace(**(spec or {}))
    return query, key, value, out, d_out, grads, spec
