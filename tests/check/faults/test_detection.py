"""Every fault is detected by something, and each kind of check misses some."""

import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.check.faults.detection import detect
from numpy_attention.check.faults.law_matrix import BROKEN_LAWS

SOME = (*FAULTS[:80:27], *(each for each in FAULTS if each.rule != "attention" or each.family == "memory"))
MORE = [each for each in FAULTS[:80:11] if each not in SOME]


@pytest.mark.parametrize(
    "each",
    [
        *(pytest.param(each, id=each.name) for each in SOME),
        *(pytest.param(each, id=each.name, marks=pytest.mark.slow) for each in MORE),
    ],
)
def test_every_fault_changes_numbers_or_memory(each) -> None:  # type: ignore[no-untyped-def]
    detection = detect(each)
    assert detection.numbers or detection.memory
    assert detection.laws == BROKEN_LAWS.get(each.name, ())
    assert detection.memory == (each.family == "memory")


@pytest.mark.parametrize(
    "name",
    [
        *("scale-missing", "mask-off-by-one", "gelu-tanh-for-exact"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("mask-from-the-wrong-corner", "heads-tiled")
        ),
    ],
)
def test_a_consistent_forward_and_backward_pass_the_complex_step(name: str) -> None:
    detection = detect(fault(name))
    assert detection.numbers
    assert not detection.derivative
