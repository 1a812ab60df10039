"""A law: its text, its domain."""

import numpy as np

from numpy_attention.check.laws.domain import Feature, Need
from numpy_attention.check.laws.evidence import Evidence
from numpy_attention.check.laws.law import Law, Sides, law
from numpy_attention.check.laws.laws import evaluate
from tests.support.law_cases import arguments_of, case, evidence_of


@law(
    99,
    "a name",
    "a statement",
    proof="a proof",
    domain="a domain",
    needs=(Need.OUT,),
    broken_by=(Feature.SOFTCAP,),
)
def _sides(e):
    yield Sides("out", e.call.require("out"), np.zeros(()), np.ones(()), "≤")


def test_the_decorator_makes_a_law_that_prints_its_text():
    assert isinstance(_sides, Law)
    assert str(_sides) == "Law 99: a name\n\n    a statement\n\n    Proof. a proof\n\n    Domain. a domain"


def test_a_law_is_undecided_outside_its_domain():
    assert _sides.undecided(evidence_of(case())) == ""
    assert _sides.undecided(evidence_of(case(softcap=1.0))) == "does not hold with softcap"
    *first, out, d_out, grads, spec = arguments_of(case(softcap=1.0))
    without = Evidence(*first, None, d_out, grads, spec, None, 0)
    assert _sides.undecided(without) == "needs out; does not hold with softcap"


def test_evaluating_compares_both_sides():
    *first, out, d_out, grads, spec = arguments_of(case())
    out = np.full(out.shape, 0.5)
    (finding,) = evaluate(_sides, Evidence(*first, out, d_out, grads, spec, None, 0))
    assert (finding.gradient, finding.ratio, finding.ok) == ("out", 0.5, True)
