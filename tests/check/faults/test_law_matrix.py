"""The matrix of faults and the laws they break, measured again."""

import pytest

from numpy_attention import attention_backward, attention_forward
from numpy_attention.check.faults import FAULTS
from numpy_attention.check.faults.detection import laws_broken_by
from numpy_attention.check.faults.law_matrix import BROKEN_LAWS
from numpy_attention.check.faults.small_problems import PROBLEMS
from numpy_attention.check.laws.laws import LAWS
from numpy_attention.functional.base.arrays import Pair
from tests.support.shares import share

CONCERNED = [fault for fault in FAULTS if fault.concerns_laws]


@pytest.mark.parametrize("fault", share(CONCERNED, every=12))
def test_a_planted_fault_breaks_exactly_these_laws(fault) -> None:  # type: ignore[no-untyped-def]
    assert laws_broken_by(fault) == set(BROKEN_LAWS.get(fault.name, ()))


def test_every_law_of_dot_products_is_broken_by_a_fault() -> None:
    assert {law for laws in BROKEN_LAWS.values() for law in laws} == set(LAWS) - {20, 21}  # of concat scores
    assert BROKEN_LAWS.keys() <= {fault.name for fault in CONCERNED}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_the_right_pair_breaks_none(problem) -> None:  # type: ignore[no-untyped-def]
    right = CONCERNED[0]._replace(pair=Pair(attention_forward, attention_backward), active=lambda call: True)
    assert not laws_broken_by(right._replace(steps=None), [problem])
