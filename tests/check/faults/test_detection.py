"""What sees a fault: every one is seen by something, and what each kind of check cannot see."""

import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.check.faults.detection import detect
from numpy_attention.check.faults.law_matrix import BROKEN_LAWS

SOME = (*FAULTS[:80:11], *(each for each in FAULTS if each.rule != "attention" or each.family == "memory"))


@pytest.mark.parametrize("each", SOME, ids=[each.name for each in SOME])
def test_every_fault_is_seen_by_the_numbers_or_by_what_it_does_to_memory(each) -> None:  # type: ignore[no-untyped-def]
    seen = detect(each)
    assert seen.numbers or seen.memory
    assert seen.laws == BROKEN_LAWS.get(each.name, ())
    assert seen.memory == (each.family == "memory")


@pytest.mark.parametrize(
    "name",
    ["scale-missing", "mask-off-by-one", "mask-from-the-wrong-corner", "heads-tiled", "gelu-tanh-for-exact"],
)
def test_what_is_wrong_in_the_same_way_there_and_back_passes_the_complex_step(name: str) -> None:
    seen = detect(fault(name))
    assert seen.numbers
    assert not seen.derivative
