"""The list of faults: names, what each tells, where its lines are."""

import pytest

from numpy_attention.check.faults import FAULTS, Fault, fault


def test_names_are_told_apart() -> None:
    assert len({each.name for each in FAULTS}) == len(FAULTS) >= 60


@pytest.mark.parametrize("each", FAULTS, ids=[each.name for each in FAULTS])
def test_every_fault_tells_what_it_is(each: Fault) -> None:
    assert each.statement.endswith(".")
    assert fault(each.name) is each
    assert f"def {each.name.replace('-', '_')}(" in each.source
    assert each.dtypes[:2] == ("float64", "float32")
    assert max(map(len, each.source.splitlines())) <= 110


def test_an_unknown_name_is_refused_with_those_that_are_near() -> None:
    with pytest.raises(
        ValueError, match=r"^there is no fault 'no-row-sums'; did you mean no-row-sum"
    ) as told:
        fault("no-row-sums")
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match=r"^there is no fault 'xyzzy'; `numpy-attention faults` prints them"):
        fault("xyzzy")
